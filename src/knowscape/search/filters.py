"""Conditions on a document's metadata, read from words, and which documents meet them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from knowscape.errors import UsageError

__all__ = ["OPERATORS", "OWN_FIELDS", "Filter", "as_number", "as_text"]

# Of a document itself; every other name is one of its metadata.
OWN_FIELDS = ("id", "title", "url", "source")
OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "in")
_FORM = re.compile(r"\s*(?P<field>[^\s<>=!]+)\s*(?P<operator>!=|<=|>=|=|<|>|\bin\b)\s*(?P<value>.*?)\s*", re.DOTALL)
_ACCEPTED = (
    'Accepted: FIELD OPERATOR VALUE, for example "year >= 2000" or "source in wikipedia, arxiv"; '
    f"the operators are {' '.join(OPERATORS)}"
)

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition: `field` is a name of the metadata, or one of OWN_FIELDS; for `in` the value is a tuple of values.

    A field that holds a list meets a condition where one of its values does.  A document without the field meets only
    `!=`.  Numbers are compared as numbers; where one side is none, both are compared as strings.
    """

    field: str
    operator: str
    value: Value | tuple[Value, ...]

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            raise UsageError(f"There is no operator {self.operator!r}. {_ACCEPTED}.")
        if isinstance(self.value, tuple) != (self.operator == "in"):
            raise UsageError(f"{self.value!r} is no value for {self.operator!r}. {_ACCEPTED}.")

    @classmethod
    def parse(cls, words: str) -> "Filter":
        """Return the condition that `words` say; a value that is a number or true or false is taken as that."""
        found = _FORM.fullmatch(words)
        if found is None or not found["value"]:
            raise UsageError(f"{words!r} is no condition. {_ACCEPTED}.")
        said, operator = found["value"], found["operator"]
        many = tuple(_value(part.strip()) for part in said.split(",") if part.strip())
        if operator == "in" and not many:
            raise UsageError(f"{words!r} is no condition. {_ACCEPTED}.")
        return cls(found["field"], operator, many if operator == "in" else _value(said))

    def meets(self, fields: Mapping[str, Any]) -> bool:
        """Return whether a document with these fields meets the condition."""
        held = fields.get(self.field)
        values: Sequence[Any] = held if isinstance(held, list | tuple) else [] if held is None else [held]
        wanted = self.value if isinstance(self.value, tuple) else (self.value,)
        if self.operator == "!=":
            return not any(_compare(value, "=", wanted[0]) for value in values)
        operator = "=" if self.operator == "in" else self.operator
        return any(_compare(value, operator, one) for value in values for one in wanted)


def _value(said: str) -> Value:
    try:
        found = json.loads(said)
    except ValueError:
        return said
    return found if isinstance(found, str | int | float | bool) else said


def _compare(held: Any, operator: str, wanted: Value) -> bool:
    one, other = as_number(held), as_number(wanted)
    if one is None or other is None:
        one, other = as_text(held), as_text(wanted)  # type: ignore[assignment]
    if operator == "=":
        return bool(one == other)
    if operator == "<":
        return bool(one < other)  # type: ignore[operator]
    if operator == "<=":
        return bool(one <= other)  # type: ignore[operator]
    return bool(one > other if operator == ">" else one >= other)  # type: ignore[operator]


def as_number(value: Any) -> float | None:
    """Return a number, or one that stands in a string, as such; None for anything else, true and false included."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def as_text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool | dict) else str(value)
