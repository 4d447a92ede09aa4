"""Words are found by their stems, in the language of the text, with what a filter allows."""

from pathlib import Path

import numpy as np
import pytest

from knowscape.search.languages import language_of, languages_of
from knowscape.search.lexical import LexicalIndex, Words, highlights
from knowscape.search.query import parse_query

TEXTS = [
    ("en", "Tides", "The oceans are pulled by the moon, and the sea rises."),
    ("en", "Moon", "A dusty ball that goes around the Earth."),
    ("en", "Bread", "Bakers knead the dough and bake loaves of rye."),
    ("de", "Brot", "Die Bäcker backen das Brot und die Häuser duften nach Roggen."),
    ("cjk", "月", "月は地球の周りを回る衛星である。"),
]


@pytest.fixture
def index(tmp_path: Path) -> LexicalIndex:
    found = LexicalIndex(tmp_path / "lexical", ["en", "de", "cjk"])
    found.write(Words(slot, language, title, text) for slot, (language, title, text) in enumerate(TEXTS))
    return found


def slots(index: LexicalIndex, typed: str, k: int = 10, allowed: list[int] | None = None) -> list[int]:
    mask = None if allowed is None else np.isin(np.arange(len(TEXTS)), allowed)
    found, scores = index.search(parse_query(typed), k, mask)
    assert sorted(scores, reverse=True) == list(scores)
    return list(found.tolist())


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("ocean", [0]), ("baking loaf", [2]), ("Haus", [3]), ("Baecker", [3]), ("backer", [3]), ("地球", [4]),
        ("zeppelin", []), ("the", [0, 2, 1]),
    ],
)  # fmt: skip
def test_a_word_is_found_by_its_stem_in_its_language(index: LexicalIndex, typed: str, found: list[int]) -> None:
    assert set(slots(index, typed)) == set(found)


def test_a_word_of_the_title_counts_more_than_one_of_the_text(index: LexicalIndex) -> None:
    assert slots(index, "moon") == [1, 0]


def test_a_phrase_is_found_as_it_stands_and_a_title_where_it_is_named(index: LexicalIndex) -> None:
    assert slots(index, '"pulled by the moon"') == [0]
    assert slots(index, '"moon the by pulled"') == []
    assert slots(index, "title:moon") == [1]
    assert slots(index, "title:moon sea") == [1, 0]


def test_only_what_a_filter_allows_is_found_and_as_many_as_there_are(index: LexicalIndex) -> None:
    assert slots(index, "moon", allowed=[0, 2]) == [0]
    assert slots(index, "moon", k=1, allowed=[0]) == [0]
    assert slots(index, "moon", allowed=[]) == []


def test_a_wide_filter_leaves_as_many_hits_as_a_narrow_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = LexicalIndex(tmp_path / "many", ["en"])
    index.write(Words(slot, "en", "", "moon " * (1 + slot % 7)) for slot in range(500))
    allowed = np.arange(500) % 5 == 0
    named = index.search(parse_query("moon"), 50, allowed)
    monkeypatch.setattr("knowscape.search.lexical._NAMED", 0)
    skipped = index.search(parse_query("moon"), 50, allowed)
    assert len(named[0]) == len(skipped[0]) == 50
    assert allowed[skipped[0]].all()
    np.testing.assert_allclose(named[1], skipped[1], rtol=1e-5)


def test_what_is_removed_is_gone_and_what_comes_is_found(index: LexicalIndex) -> None:
    index.write([Words(9, "en", "Moon", "Made of cheese.")], removed=[1])
    assert slots(index, "moon") == [9, 0]


def test_words_are_highlighted_by_their_stems_with_their_own_characters() -> None:
    text = "Bakers bake: “BAKING” is their übung."
    assert [text[start:end] for start, end in highlights(text, frozenset({"bake", "baker"}), ["en"])] == [
        "Bakers", "bake", "BAKING",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The moon is pulled by the Earth and the sea rises with it.", "en"),
        ("Der Mond wird von der Erde angezogen und das Meer steigt.", "de"),
        ("La lune est attirée par la Terre et les mers montent dans une baie.", "fr"),
        ("La luna è attratta dalla Terra, che per il mare è una forza non da poco.", "it"),
        ("Луна притягивается Землёй, и море поднимается, как это было не раз.", "ru"),
        ("月は地球の周りを回る衛星である。", "cjk"),
        ("Moon", None),
        ("", None),
    ],
)
def test_a_language_is_told_by_its_frequent_words(text: str, language: str | None) -> None:
    assert language_of(text) == language


def test_a_corpus_has_the_languages_of_many_of_its_texts_the_most_frequent_first() -> None:
    german, english = "Der Mond und die Erde und das Meer", "The moon and the sea of the Earth"
    assert languages_of([english] * 90 + [german] * 10) == ["en", "de"]
    assert languages_of([english] * 99 + [german]) == ["en"]
    assert languages_of(["Moon"]) == ["en"]
