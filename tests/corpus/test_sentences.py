"""Where sentences, paragraphs and headings begin."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowscape.corpus.sentences import BEHIND_HEADING, HEADING, PARAGRAPH, SENTENCE, places


def pieces(text: str) -> list[str]:
    found, _ = places(text)
    edges = [0, *found.tolist(), len(text)]
    return [text[a:b].strip() for a, b in pairwise(edges)]


def level_of(text: str, what: str) -> int | None:
    found, levels = places(text)
    return dict(zip(found.tolist(), levels.tolist(), strict=True)).get(text.index(what))


@pytest.mark.parametrize(
    "sentences",
    [
        ["The sun is a star.", "It shines."],
        ["Is it far?", "Yes!", "Very far..."],
        ["Dr. Watson met Mr. Holmes.", "They talked."],
        ["Some planets, e.g. Mars, are cold.", "Others, i.e. Venus, are hot."],
        ["He lived in the U.S. Army barracks.", "She did not."],
        ["He moved to the U.S.", "The war began."],
        ["J. R. R. Tolkien wrote it.", "C. S. Lewis read it."],
        ["Pi is 3.14159 and e is 2.71828.", "Both are irrational."],
        ["See Fig. 3 and pp. 12 of vol. 2 there.", "It is clear."],
        ['"I see."', "He left.", '("Did he?")', "Yes."],
        ['"Stop!" he said.', "Nobody stopped."],
        ["Wait... what is that?", "Wait...", "What is that?"],
        ["She works at Acme Inc. Berlin since May.", "He works for Acme Inc.", "They met there."],
        ["It opens at 9 a.m. Monday.", "It closes at 5 p.m.", "We went."],
        ["太阳是一颗恒星。", "它很大！", "真的吗？", "是的。"],  # noqa: RUF001
        ["「来た。」と言った。", "彼は帰った。"],
        ["Das gilt z.B. Berlin und Nr. 7 nicht.", "Am 3. Oktober ist frei.", "Gut."],
        ["¿Qué es?", "Es el sol.", "¡Mira!"],
        ["यह सूर्य है।", "वह चाँद है।"],
        ["Version 2.0.1 of foo.bar is out.", "Get it at www.example.org today."],
        ["It is old.[1][12]", "It is hot.[citation needed]", "No!"],
        ["It was in 1984.", "Then came 1985."],
        ["Smith et al. Nature was first.", "Others followed."],
    ],
    ids=lambda sentences: sentences[0],
)
def test_sentences_begin_where_a_reader_begins_them(sentences: list[str]) -> None:
    between = "" if sentences[0][-1] in "。！」" else " "  # noqa: RUF001
    assert pieces(between.join(sentences)) == sentences


@pytest.mark.parametrize(
    "heading",
    ["# Origin", "###### Deep, with a stop.", "== Origin ==", "=== Why? Its part ===  ", "Origin", "Origin: how"],
)
def test_a_heading_is_marked_or_a_short_line_alone_and_is_never_cut(heading: str) -> None:
    text = f"The sun is a star.\n\n{heading}\n\nIt is old. It is hot."
    assert (level_of(text, heading), level_of(text, "It is old")) == (HEADING, BEHIND_HEADING)
    assert pieces(text) == ["The sun is a star.", heading.strip(), "It is old.", "It is hot."]


@pytest.mark.parametrize(
    "line", ["#hashtag", "It ends here.", "and on it goes", "= no =", "a == b", "long " * 30, "- item"]
)
def test_other_lines_are_no_headings(line: str) -> None:
    text = f"The sun is a star.\n\n{line}\n\nOld is the sun."
    assert level_of(text, line) == PARAGRAPH
    assert level_of(text, "Old is") == PARAGRAPH


def test_of_short_lines_one_after_the_other_only_the_last_is_a_heading_and_none_at_the_end() -> None:
    text = "Apples\n\nPears\n\nPlums\n\nThey are all fruit.\n\nEnd\n\n"
    assert [level_of(text, word) for word in ("Pears", "Plums", "They", "End")] == [
        PARAGRAPH, HEADING, BEHIND_HEADING, PARAGRAPH,
    ]  # fmt: skip


def test_a_line_break_ends_a_paragraph_where_lines_end_as_sentences_do() -> None:
    text = "The sun is a star. It is hot.\nThe moon is a rock.\nMars is a planet\nVenus, too."
    assert [level_of(text, word) for word in ("It is", "The moon", "Mars", "Venus")] == [
        SENTENCE, PARAGRAPH, PARAGRAPH, PARAGRAPH,
    ]  # fmt: skip


def test_a_line_break_is_white_space_in_text_that_was_wrapped_by_hand() -> None:
    text = "The sun is a\nstar and very\nold. It shines\nupon\nParis.\nThe end\nis far.\n\nNew one."
    assert pieces(text) == [
        "The sun is a\nstar and very\nold.",
        "It shines\nupon\nParis.",
        "The end\nis far.",
        "New one.",
    ]
    assert level_of(text, "The end") == SENTENCE


@pytest.mark.parametrize("mark", ["-", "*", "•", "1.", "(a)", "12)", "|"])
def test_items_of_a_list_begin_like_sentences(mark: str) -> None:
    text = f"There are\n{mark} suns and more\n{mark} Moons"
    assert pieces(text) == ["There are", f"{mark} suns and more", f"{mark} Moons"]


@pytest.mark.parametrize("line_end", ["\r\n", "\r", "\u2028"])
def test_line_ends_of_other_systems_count_alike(line_end: str) -> None:
    text = line_end.join(["Origin", "", "The sun is a star.", "", "It is old."])
    assert [level_of(text, words) for words in ("The sun", "It is")] == [BEHIND_HEADING, PARAGRAPH]


@given(st.text(st.sampled_from("aB1 .!?\n\r#=。」\"'(-\u2029\u0301🌞"), max_size=80))
def test_places_are_within_the_text_ascending_and_before_something(text: str) -> None:
    found, levels = places(text)
    assert (np.diff(found) > 0).all()
    assert all(0 < place < len(text) and not text[place].isspace() for place in found)
    assert set(levels.tolist()) <= {BEHIND_HEADING, SENTENCE, PARAGRAPH, HEADING}


def test_a_sentence_ends_at_a_full_stop_whose_white_space_was_lost() -> None:
    text = "It is the best proven one.Second, it is safe?We doubt it. See foo.bar, 3.Of and U.S.A.Bc at www.x.org/Page."
    assert pieces(text) == [
        "It is the best proven one.", "Second, it is safe?", "We doubt it.",
        "See foo.bar, 3.Of and U.S.A.Bc at www.x.org/Page.",
    ]  # fmt: skip
