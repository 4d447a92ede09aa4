"""Which columns of the metadata the page offers, and as what."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowscape.page.fields import MOST_FIELDS, Field, choose_fields


def chosen(rows: Sequence[Mapping[str, Any]], sources: Sequence[str] | None = None) -> dict[str, Field]:
    found = choose_fields([json.dumps(row) for row in rows], sources or [""] * len(rows))
    return {field.name: field for field in found}


def test_words_that_come_again_are_a_category_with_the_most_frequent_first() -> None:
    field = chosen([{"kind": word} for word in ["b", "a", "b", "c", "b", "a"]] + [{}])["kind"]
    assert (field.kind, field.names, field.values.dtype) == ("category", ("b", "a", "c"), np.uint8)
    assert field.values.tolist() == [0, 1, 0, 2, 0, 1, 3]


def test_many_words_take_two_bytes_each() -> None:
    field = chosen([{"kind": f"word {row // 2}"} for row in range(600)])["kind"]
    assert (len(field.names), field.values.dtype) == (300, np.dtype("<u2"))


@pytest.mark.parametrize("write", [int, str, lambda value: f" {value}.0 "])
def test_numbers_are_numbers_also_when_they_are_written_as_strings(write: Any) -> None:
    field = chosen([{"views": write(value)} for value in (3, 1000, 7)] + [{}])["views"]
    assert field.kind == "number"
    assert field.values.dtype == np.float32
    assert field.values[:3].tolist() == [3, 1000, 7]
    assert math.isnan(field.values[3])


@pytest.mark.parametrize(
    ("written", "days"),
    [
        ("1970-01-02", 1), ("1970/01/03", 2), ("1970-02", 31), ("1969-12-31", -1), ("1970-01-01T12:00:00Z", 0.5),
        ("1970-01-01 06:00", 0.25), ("1970-01-01T00:00:00+06:00", -0.25),
    ],
)  # fmt: skip
def test_dates_count_days_since_1970(written: str, days: float) -> None:
    field = chosen([{"at": written}, {"at": "2000-01-01"}])["at"]
    assert (field.kind, field.by_year) == ("date", False)
    assert field.values.tolist() == [days, 10957]


def test_a_whole_number_under_the_name_of_a_year_is_a_date() -> None:
    found = chosen(
        [
            {"Publication Year": 1971, "years of use": 3, "pages": 1971},
            {"Publication Year": "1970", "years of use": 4, "pages": 2},
        ]
    )
    assert {name: field.kind for name, field in found.items()} == {
        "Publication Year": "date", "years of use": "number", "pages": "number",
    }  # fmt: skip
    assert found["Publication Year"].by_year
    assert found["Publication Year"].values.tolist() == [365, 0]


def test_one_value_in_twenty_may_be_of_another_type_and_counts_as_missing() -> None:
    rows = [{"n": value} for value in range(38)]
    assert np.isnan(chosen([*rows, {"n": "unknown"}, {"n": "?"}])["n"].values).sum() == 2
    assert "n" not in chosen([*rows, *({"n": "?"} for _ in range(4))]), "a category that is hardly ever the same"


def test_what_says_nothing_of_the_map_is_left_out() -> None:
    rows = [
        {
            "same": "x", "same number": 4, "own": f"name {row}", "nested": {"a": row % 2}, "list": [row % 2],
            "empty": "", "nothing": None, "story": f"{row % 2} " + "long " * 40, **({"rare": row} if row < 4 else {}),
        }
        for row in range(500)
    ]  # fmt: skip
    assert chosen(rows) == {}


def test_the_source_comes_first_and_twelve_are_the_most() -> None:
    rows = [{f"column {n}": row % 2 for n in range(20) if row > n} for row in range(100)]
    found = list(chosen(rows, ["book", "film"] * 50))
    assert found == ["source", *(f"column {n}" for n in range(MOST_FIELDS - 1))]
    assert "source" not in chosen(rows, ["book"] * 100)


def test_numbers_that_are_none_count_as_missing() -> None:
    text = '{"n": %s}'
    found = choose_fields([text % value for value in ("1", "2", *["3"] * 60, "NaN", "1e999", "1" * 400)], [""] * 65)
    assert np.isnan(found[0].values[-3:]).all()
    assert (np.nanmin(found[0].values), np.nanmax(found[0].values)) == (1, 3)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=60)
@given(st.lists(st.dictionaries(st.sampled_from(["a", "year", "", "x" * 99]), JSON), max_size=12))
def test_whatever_the_metadata_hold_columns_are_whole(rows: list[dict[str, Any]]) -> None:
    for field in choose_fields([json.dumps(row) for row in rows], ["s"] * len(rows)):
        assert len(field.values) == len(rows)
        if field.kind == "category":
            assert field.values.max() <= len(field.names)
            assert len(set(field.names)) == len(field.names) >= 2
        else:
            present = field.values[~np.isnan(field.values)]
            assert np.isfinite(present).all()
            assert present.min() < present.max()


@settings(max_examples=60)
@given(st.lists(st.datetimes(datetime(1, 1, 2), datetime(9998, 1, 1)), min_size=2, max_size=9, unique=True))
def test_a_moment_is_kept_to_a_quarter_of_a_day(moments: list[datetime]) -> None:
    """Single precision has less to give far from 1970."""
    found = chosen([{"at": moment.isoformat()} for moment in moments])
    if "at" in found:
        for days, moment in zip(found["at"].values.tolist(), moments, strict=True):
            away = moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
            assert abs(days - away / timedelta(days=1)) <= 0.25
