"""The columns by which the page can colour and filter: chosen and typed from what the documents' metadata hold."""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_FIELDS", "Field", "choose_fields"]

MOST_FIELDS = 12
# A column is of a type when so many of its values are; the others count as missing.
_OF_TYPE = 0.95
# A column that fewer documents have says little of the map.
_LEAST_SHARE = 0.01
_LONGEST_NAME, _LONGEST_VALUE, _FREE_TEXT = 60, 200, 80
_MOST_NAMES = 65_535
_YEARS = (1000, 2200)
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_DATE = re.compile(r"(\d{4})[-/](\d{2})(?:[-/](\d{2})([T ].{1,30})?)?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400
_LARGEST = float(np.finfo(np.float32).max)


@dataclass(frozen=True, slots=True)
class Field:
    """One column.

    A category's `values` are uint8[n] or uint16[n], places in `names`, the most frequent first; the number of names
    stands for none.  Those of numbers and dates are float32[n], NaN where there is none; dates count days since
    1970-01-01 UTC, to some minutes; `by_year` says that they are years.
    """

    name: str
    kind: Literal["category", "number", "date"]
    values: NDArray[Any]
    names: tuple[str, ...] = ()
    by_year: bool = False


def choose_fields(metadata: Iterable[str], sources: Sequence[str]) -> list[Field]:
    """Return at most MOST_FIELDS columns: the documents' source, and those of the metadata that most documents have.

    `metadata` are JSON objects.  A column is of numbers or dates where at least 95 % of its values are, also as
    strings; a year is a whole number under a name with "year" in it.  Left out are columns with one value, with
    texts that are long or rarely the same, of lists and objects, and those that fewer than 1 % have.
    """
    columns: dict[str, tuple[list[int], list[Any]]] = {}
    for row, text in enumerate(metadata):
        if text == "{}":
            continue
        for name, value in json.loads(text).items():
            if isinstance(value, str | int | float) and value != "":
                rows, values = columns.setdefault(name, ([], []))
                rows.append(row)
                values.append(value)
    order = sorted(
        (name for name in columns if 0 < len(name) <= _LONGEST_NAME), key=lambda name: -len(columns[name][0])
    )
    own = [(row, source) for row, source in enumerate(sources) if source]
    candidates = [("source", [row for row, _ in own], [source for _, source in own])]
    candidates += [(name, *columns[name]) for name in order]
    chosen: list[Field] = []
    for name, rows, values in candidates:
        field = _field(name, rows, values, len(sources))
        if field is not None and len(chosen) < MOST_FIELDS:
            chosen.append(field)
    return chosen


def _field(name: str, rows: list[int], values: list[Any], count: int) -> Field | None:
    if len(rows) < max(2, _LEAST_SHARE * count):
        return None
    column = np.full(count, np.nan, np.float32)
    numbers = _all_of(values, _number)
    dates = _all_of(values, _days) if numbers is None else None
    by_year = numbers is not None and "year" in name.lower() and _are_years(numbers)
    if by_year:
        dates = [None if number is None else _first_of(int(number)) for number in numbers or []]
    measured = numbers if dates is None else dates
    if measured is None:
        return _category(name, rows, values, count)
    column[rows] = [math.nan if number is None else number for number in measured]
    present = column[~np.isnan(column)]
    if not len(present) or present.min() == present.max():
        return None
    return Field(name, "number" if dates is None else "date", column, by_year=by_year)


def _all_of(values: list[Any], read: Callable[[Any], float | None]) -> list[float | None] | None:
    """Return the values as `read` gives them, or None where too many are of another type."""
    found, missed = [], 0
    for value in values:
        found.append(read(value))
        missed += found[-1] is None
        if missed > (1 - _OF_TYPE) * len(values):
            return None
    return found


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or (isinstance(value, str) and not _NUMBER.fullmatch(value.strip())):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if abs(number) <= _LARGEST else None


def _days(value: Any) -> float | None:
    """Return a date's days since 1970 from "2001-05", "2001-05-31" or "2001-05-31T10:00:00Z", also with slashes."""
    match = _DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    year, month, day, time = match.groups()
    try:
        moment = datetime.fromisoformat(f"{year}-{month}-{day or '01'}{time or ''}")
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (moment - _EPOCH).total_seconds() / _DAY
    except (ValueError, OverflowError):
        return None


def _are_years(numbers: Iterable[float | None]) -> bool:
    return all(n is None or (n.is_integer() and _YEARS[0] <= n <= _YEARS[1]) for n in numbers)


def _first_of(year: int) -> float:
    return float((datetime(year, 1, 1, tzinfo=UTC) - _EPOCH).days)


def _category(name: str, rows: list[int], values: list[Any], count: int) -> Field | None:
    told = [_told(value) for value in values]
    often = Counter(told)
    if not 2 <= len(often) <= min(len(told) / 2, _MOST_NAMES) or sum(map(len, told)) > _FREE_TEXT * len(told):
        return None
    names = [name for name, _ in often.most_common()]
    place = {name: number for number, name in enumerate(names)}
    codes = np.full(count, len(names), "u1" if len(names) < 256 else "<u2")
    codes[rows] = [place[one] for one in told]
    return Field(name, "category", codes, tuple(names))


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"
