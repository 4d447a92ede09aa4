"""A long text in passages: cut where the text itself is, and never at more tokens than asked."""

import re
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from knowscape.corpus.chunking import LONGEST_TOKEN, ChunkOptions, chunk
from knowscape.errors import UsageError

SENTENCE = "The sun is a star of middle age."  # nine tokens
PIECES = [
    "the", " sun", " Star", ".", ". ", "! ", "? ", "...", "。", "\n", "\n\n", "# Head\n", "\n== H ==\n",
    "\n\nTitle\n\n", " ", "   ", "\t", "e.g. ", "U.S. ", "3.14", "🌞", "👩\u200d🚀", "e\u0301", "\u200b", "太阳",
    "x" * 30, "- a\n", '"', ",",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=120).map("".join)
PROSE = st.lists(st.integers(1, 14), min_size=1, max_size=60).map(
    lambda lengths: " ".join(" ".join(["Sun", *["is"] * (n - 1)]) + "." for n in lengths)
)
OPTIONS = st.builds(ChunkOptions, st.integers(1, 40), st.sampled_from([0, 0.15, 0.3, 0.49]))


def words(text: str) -> NDArray[np.int64]:
    """Where words and other signs begin."""
    return np.array([found.start() for found in re.finditer(r"\w+|[^\w\s]", text)], np.int64)


def passages(text: str, max_tokens: int, overlap: float = 0.0) -> list[str]:
    return [text[a:b] for a, b in chunk(text, words(text), ChunkOptions(max_tokens, overlap))]


@st.composite
def tokenised(draw: st.DrawFn) -> tuple[str, NDArray[np.int64]]:
    """A text with tokens that begin anywhere, also several in one character, or in white space."""
    text = draw(TEXTS)
    if draw(st.booleans()) or not text:
        return text, words(text)
    starts = draw(st.lists(st.integers(0, len(text) - 1), max_size=200))
    return text, np.array(sorted(starts), np.int64)


@given(tokenised(), OPTIONS)
def test_passages_hold_every_word_in_order_and_never_too_many_tokens(
    these: tuple[str, NDArray[np.int64]], options: ChunkOptions
) -> None:
    text, starts = these
    spans = chunk(text, starts, options)
    if len(starts) <= options.max_tokens and len(text) <= options.max_tokens * LONGEST_TOKEN:
        assert spans == [(0, len(text))]
        return
    held = {place for a, b in spans for place in range(a, b)}
    assert all(place in held or char.isspace() for place, char in enumerate(text))
    moved = [place + len(text[place:]) - len(text[place:].lstrip()) for place in starts.tolist()]
    most = max([options.max_tokens, *(moved.count(place) for place in set(moved))])
    for a, b in spans:
        assert np.count_nonzero((starts >= a) & (starts < b)) <= most
        assert text[a:b] == text[a:b].strip()
        assert a < b or not text.strip()
    for (a, b), (c, d) in pairwise(spans):
        assert a < c
        assert b < d
        assert np.count_nonzero((starts >= c) & (starts < b)) <= options.max_tokens * options.overlap


@given(PROSE, st.integers(24, 60), st.sampled_from([0, 0.15, 0.3]))
def test_prose_is_cut_at_sentences_alone_and_no_passage_is_small(text: str, max_tokens: int, overlap: float) -> None:
    """No sentence here has more tokens than a quarter of a passage but those that are cut."""
    spans = chunk(text, words(text), ChunkOptions(max_tokens, overlap))
    counts = [len(words(text[a:b])) for a, b in spans]
    if len(spans) > 1:
        assert min(counts[:-1]) >= max_tokens / 2
        assert len(words(text[spans[-2][1] : spans[-1][1]])) >= max_tokens // 4
    if max_tokens >= 60:
        assert all(text[b - 1] == "." and text[a:].startswith("Sun") for a, b in spans)


def test_a_text_that_fits_is_one_passage_white_space_and_all() -> None:
    for text in ("", " ", f"  {SENTENCE} \n\n# End"):
        assert chunk(text, words(text), ChunkOptions(20)) == [(0, len(text))]


def test_a_passage_ends_at_a_heading_before_a_paragraph_and_there_before_a_sentence() -> None:
    heading = f"{SENTENCE} {SENTENCE}\n\n## Moon\n{SENTENCE}\n\n{SENTENCE} {SENTENCE}"
    assert passages(heading, 30)[0] == f"{SENTENCE} {SENTENCE}"
    paragraph = f"{SENTENCE} {SENTENCE}\n\n{SENTENCE} {SENTENCE} {SENTENCE}"
    assert passages(paragraph, 30)[0] == f"{SENTENCE} {SENTENCE}"
    sentence = " ".join([SENTENCE] * 5)
    assert passages(sentence, 30)[0] == f"{SENTENCE} {SENTENCE} {SENTENCE}"


@pytest.mark.parametrize("heading", ["## Moon", "== Moon ==", "\nMoon\n"])
def test_a_heading_stays_with_what_follows_it(heading: str) -> None:
    text = f"{SENTENCE} {SENTENCE} {SENTENCE}\n{heading}\n{SENTENCE} {SENTENCE}"
    for max_tokens in range(30, 44):
        for passage in passages(text, max_tokens):
            assert not re.search(r"Moon\W*$", passage)
            assert SENTENCE not in passage.split("Moon")[0] or passage.count(SENTENCE) == 3 or "Moon" not in passage


def test_what_is_repeated_is_whole_sentences_and_nothing_across_a_heading() -> None:
    text = " ".join(f"Number {n} is the one of a few." for n in range(12))
    first, second, *_ = passages(text, 45, 0.25)
    assert second.startswith(first.rsplit(". ", 1)[1])
    assert second.count("Number") > 2
    assert passages(text, 45, 0.15)[1].startswith("Number 5")  # none fits
    text = f"{SENTENCE} {SENTENCE}\n\n## Moon\n{SENTENCE} {SENTENCE}"
    assert passages(text, 30, 0.4)[1].startswith("## Moon")


def test_what_is_repeated_begins_at_a_heading_and_not_before() -> None:
    text = f"{SENTENCE}\nIt is.\n\n# Moon\n\nIt is.\n\n{SENTENCE} {SENTENCE} {SENTENCE} {SENTENCE}"
    first, second, *_ = passages(text, 31, 0.4)
    assert first.endswith("# Moon\n\nIt is.")
    assert second.startswith("# Moon\n\nIt is.\n\nThe sun")


def test_headings_in_a_row_stay_with_what_follows_them_and_are_cut_apart_where_nothing_does() -> None:
    heading = "# one two three four five six seven eight nine\n"
    text = f"{SENTENCE} {SENTENCE}\n\n{heading}{heading}{SENTENCE} {SENTENCE}\n\n{SENTENCE}"
    assert passages(text, 40)[0] == f"{SENTENCE} {SENTENCE}"
    for max_tokens in (10, 25, 39):
        found = passages(heading * 20, max_tokens)
        assert max(len(words(passage)) for passage in found) <= max_tokens
        assert "".join("".join(found).split()) == "".join((heading * 20).split())


def test_a_rest_that_fits_is_one_passage_even_if_less_of_the_one_before_is_repeated_then() -> None:
    text = " ".join(["Sun is a star."] * 15)  # five tokens each
    found = passages(text, 40, 0.4)
    assert [len(words(passage)) for passage in found] == [40, 40]


def test_what_is_repeated_leaves_room_for_a_character_of_many_tokens() -> None:
    text = "A b. A b. A b. X h. A b. A b. A b. X h. A b. A b. A b. X h."
    starts = np.sort(np.concatenate([words(text), *[np.flatnonzero([c == "X" for c in text])] * 10]))
    spans = chunk(text, starts, ChunkOptions(12, 0.45))
    assert max(np.count_nonzero((starts >= a) & (starts < b)) for a, b in spans) <= 12


def test_tokens_that_begin_with_the_space_before_them_are_counted_like_others() -> None:
    text = " ".join([SENTENCE] * 12)
    starts = words(text)
    kept = starts - [start > 0 and text[start - 1] == " " for start in starts]
    for max_tokens in (10, 18, 27, 40):
        options = ChunkOptions(max_tokens, 0.3)
        assert chunk(text, kept, options) == chunk(text, starts, options)


def test_a_sentence_that_is_too_long_is_cut_behind_a_comma_or_between_words_and_the_next_begins_before() -> None:
    text = " ".join("sun moon star rock, "[: None if n % 2 else -2].strip() for n in range(30))
    found = passages(text, 32, 0.2)
    assert len(found) > 3
    assert all(passage.endswith(",") for passage in found[:-1])
    for one, other in pairwise(found):
        assert any(one.endswith(other[:size]) for size in range(4, 40))
    assert all(word in {"sun", "moon", "star", "rock"} for passage in found for word in re.findall(r"\w+", passage))


def test_no_character_is_cut_from_what_belongs_to_it() -> None:
    for unit in ("e\u0301", "👩\u200d🚀", "👍🏽", "க்"):
        text = unit * 200
        for max_tokens in range(40, 48):
            spans = chunk(text, np.arange(len(text)), ChunkOptions(max_tokens, 0.15))
            assert all(a % len(unit) == 0 and b % len(unit) == 0 for a, b in spans), unit


def test_a_long_token_and_white_space_count_as_several_so_that_no_passage_is_endless() -> None:
    text = "x" * 100_000 + " " * 100_000 + "The end."
    for a, b in chunk(text, words(text), ChunkOptions(20, 0.15)):
        assert b - a <= 20 * LONGEST_TOKEN


@pytest.mark.parametrize(
    "piece",
    [
        "The sun is a star. It is hot.\n", "sun ", "x", ".", " ", "\n", "a. ", "\n\na", "A\n\n", "# a\n", "== ", "=",
        "=\n", "!)", "。", ".)\n", "(", "\u0301", "1. ", "\"", "- \n", "\r",
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("token", [1, 5])
def test_the_time_grows_as_the_text_does(piece: str, token: int) -> None:
    """400,000 characters in a second or so; what grows as their square would take minutes."""
    text = piece * (400_000 // len(piece))
    start = time.perf_counter()
    spans = chunk(text, np.arange(0, len(text), token))
    assert time.perf_counter() - start < 10
    assert len(spans) > 1 or not text.strip()


@pytest.mark.parametrize(("fields", "says"), [((0,), "max_tokens is 0"), ((9, 0.5), r"overlap 0\.5"), ((9, -1), "-1")])
def test_options_that_make_no_sense_are_refused(fields: tuple[float, ...], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        ChunkOptions(*fields)  # type: ignore[arg-type]
