"""Conditions on metadata mean what they say, for numbers, words, lists and what is not there."""

import pytest

from knowscape.errors import UsageError
from knowscape.search.filters import Filter

DOCUMENT = {"year": 2004, "source": "wikipedia", "tags": ["space", "moon"], "open": True, "code": "007", "none": None}


@pytest.mark.parametrize(
    ("words", "meets"),
    [
        ("year = 2004", True), ("year=2004.0", True), ("year >= 2004", True), ("year>2004", False), ("year<1e4", True),
        ("year != 2004", False), ("source = wikipedia", True), ("source = Wikipedia", False),
        ("source in arxiv, wikipedia", True), ("source in arxiv", False), ("year in 1999, 2004", True),
        ("tags = moon", True), ("tags = sun", False), ("tags != moon", False), ("tags != sun", True),
        ("open = true", True), ("open = 1", False), ("code = 7", True), ("source > vienna", True),
        ("absent = 1", False), ("absent != 1", True), ("absent < 1", False), ("none = null", False),
        ("none != 1", True),
    ],
)  # fmt: skip
def test_a_condition_holds_or_does_not(words: str, meets: bool) -> None:
    assert Filter.parse(words).meets(DOCUMENT) is meets


@pytest.mark.parametrize("words", ["", "year", "year ~ 2", "= 2004", "year =", "year in", "year in ,"])
def test_words_that_are_no_condition_are_refused_with_an_example(words: str) -> None:
    with pytest.raises(UsageError, match="year >= 2000"):
        Filter.parse(words)


@pytest.mark.parametrize(("operator", "value"), [("like", 1), ("in", 1), ("=", (1,))])
def test_an_operator_that_is_none_or_does_not_fit_its_value_is_refused(operator: str, value: object) -> None:
    with pytest.raises(UsageError, match="Accepted"):
        Filter("year", operator, value)  # type: ignore[arg-type]
