"""What a person types is words, phrases and fields, and never an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowscape.errors import UsageError
from knowscape.search.query import Clause, parse_query


@pytest.mark.parametrize(
    ("typed", "text", "words", "clauses"),
    [
        ("how do stars die?", "how do stars die?", "how do stars die?", ()),
        ('"black hole" gravity', "black hole gravity", "gravity", (Clause("black hole"),)),
        ("title:moon landing", "moon landing", "landing", (Clause("moon", "title"),)),
        ('title:"red giant"', "red giant", "", (Clause("red giant", "title"),)),
        ('"comet" ""', "comet", "", (Clause("comet"),)),
        ("?! --", "?! --", "", ()),
        ("covid: a study", "covid: a study", "covid: a study", ()),
        ("subtitle:moon", "subtitle:moon", "subtitle:moon", ()),
        ('an open " quote', 'an open " quote', 'an open " quote', ()),
        ("IL-6 AND (TNF OR *) ~ [x TO y]", "IL-6 AND (TNF OR *) ~ [x TO y]", "IL-6 AND (TNF OR *) ~ [x TO y]", ()),
    ],
)
def test_phrases_and_titles_are_clauses_and_all_else_is_words(
    typed: str, text: str, words: str, clauses: tuple[Clause, ...]
) -> None:
    found = parse_query(typed)
    assert (found.text, found.words, found.clauses) == (text, words, clauses)


@pytest.mark.parametrize("typed", ["", "   ", "\n"])
def test_an_empty_query_is_refused(typed: str) -> None:
    with pytest.raises(UsageError, match="query is empty"):
        parse_query(typed)


@given(st.text(st.characters(codec=None), min_size=1))
def test_whatever_is_typed_can_be_searched_for(typed: str) -> None:
    if typed.strip():
        found = parse_query(typed)
        assert found.text
        assert found.text.encode()
        assert all(clause.words.strip() for clause in found.clauses)
