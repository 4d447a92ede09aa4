"""What a document can be filtered by, as words of one keyword field, and conditions as queries over them.

Fields of the metadata are not mapped one by one: their names are the users', so that dots, thousands of names and a
field that holds a number here and a text there would break a mapping, and a mapped field could not be compared as
`Filter` compares.  Instead each value is two words of the field `facts`: the name in JSON, a letter, and the value.

    "year"n409f400000000000    a number, whose digits have the order of numbers
    "year"s2000                every value as a string, for where the condition's value is no number
    "year"tnineties            those that are no numbers, for where it is one

A condition is then a term or a range of words.  Terms of a keyword field have the order of their UTF-8 bytes
(docs.opensearch.org, "Range query" and "Keyword field type"), which is that of Python's strings.
"""

import json
import math
import struct
from collections.abc import Mapping
from typing import Any

from knowscape.files import sha256_text
from knowscape.search.filters import OWN_FIELDS, Filter, as_number, as_text

__all__ = ["conditions", "facts"]

# Lucene takes no term of more than 32,766 bytes: a name in JSON has up to 12 for each character, a value up to 4.  Of
# what is longer the end is its digest, so that equality holds; only the order among values that begin alike is lost.
_LONGEST_NAME, _LONGEST_VALUE = 300, 7000
_NOTHING: dict[str, Any] = {"match_none": {}}
_BOUNDS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}


def facts(own: Mapping[str, str], metadata: Mapping[str, Any]) -> list[str]:
    """Return the words of a document, from its OWN_FIELDS and its metadata."""
    found: set[str] = set()
    for name, held in ({**metadata, **{name: own[name] for name in OWN_FIELDS}}).items():
        for value in held if isinstance(held, list | tuple) else [] if held is None else [held]:
            number, text = as_number(value), as_text(value)
            found.add(_word(name, "s", text))
            if number is None:
                found.add(_word(name, "t", text))
            elif not math.isnan(number):  # which equals nothing and has no order
                found.add(_word(name, "n", _digits(number)))
    return sorted(found)


def conditions(filters: tuple[Filter, ...]) -> list[dict[str, Any]]:
    """Return queries that must all hold; each has the meaning of `Filter.meets`."""
    return [_condition(one) for one in filters]


def _condition(one: Filter) -> dict[str, Any]:
    operator = "=" if one.operator in ("!=", "in") else one.operator
    wanted = one.value if isinstance(one.value, tuple) else (one.value,)
    met = [query for value in wanted for query in _met(one.field, operator, value)]
    either: dict[str, Any] = {"bool": {"should": met, "minimum_should_match": 1}} if met else _NOTHING
    return {"bool": {"must_not": [either]}} if one.operator == "!=" else either


def _met(name: str, operator: str, wanted: Any) -> list[dict[str, Any]]:
    number, text = as_number(wanted), as_text(wanted)
    if number is None:
        return [_compared(name, "s", operator, text)]
    found = [_compared(name, "t", operator, text)]
    return found if math.isnan(number) else [*found, _compared(name, "n", operator, _digits(number))]


def _compared(name: str, kind: str, operator: str, value: str) -> dict[str, Any]:
    word = _word(name, kind, value)
    if operator == "=":
        return {"term": {"facts": word}}
    # The words of this name and kind: from the name and the letter to the name and the next letter.
    other = {"gte": _word(name, kind, "")} if operator in ("<", "<=") else {"lt": _word(name, chr(ord(kind) + 1), "")}
    return {"range": {"facts": {**other, _BOUNDS[operator]: word}}}


def _word(name: str, kind: str, value: str) -> str:
    # Half of a surrogate pair, which a command line may hold, is no UTF-8; a corpus holds none.
    plain = value.encode("utf-8", "replace").decode()
    return json.dumps(_bounded(name, _LONGEST_NAME)) + kind + _bounded(plain, _LONGEST_VALUE)


def _bounded(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 64] + sha256_text(text)


def _digits(number: float) -> str:
    """Return 16 hexadecimal digits that have the order of the numbers: the bits, all turned where it is negative."""
    (bits,) = struct.unpack(">Q", struct.pack(">d", number + 0.0))  # -0.0 becomes 0.0
    return f"{bits ^ ((1 << 64) - 1 if bits >> 63 else 1 << 63):016x}"
