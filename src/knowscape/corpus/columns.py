"""Which column of a table holds the text, the title, the id and the address."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from knowscape.errors import UsageError

__all__ = ["Columns", "find_columns"]

_USUAL = {
    "text": ("text", "content", "body", "abstract", "passage", "article", "paragraph", "description"),
    "title": ("title", "name", "headline"),
    "id": ("id", "_id", "doc_id", "docid", "pageid", "page_id", "uuid"),
    "url": ("url", "link", "source_url"),
    "source": ("source",),
}


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds what; None means: found by its usual name."""

    text: str | None = None
    title: str | None = None
    id: str | None = None
    url: str | None = None


def find_columns(records: Iterable[Mapping[str, Any]], wanted: Columns, where: str) -> dict[str, str]:
    """Return the key of the records that holds text, and those of title, id, url and source where there are any.

    A key counts when one of `records` has it.  Raises UsageError, which names `where` they came from, for a wanted
    key that none has, and for no text.
    """
    there = list(dict.fromkeys(str(key) for record in records for key in record))
    by_lower = {key.lower(): key for key in reversed(there)}
    found = {}
    for field, usual in _USUAL.items():
        name = getattr(wanted, field, None)
        if name is not None and name not in there:
            raise UsageError(f"{where} has no column {name!r} for --{field}. There are: {', '.join(there)}.")
        name = name or next((by_lower[name] for name in usual if name in by_lower), None)
        if name is not None:
            found[field] = name
    if "text" not in found:
        raise UsageError(
            f"{where} has no column that is named like a text. Name the right one with --text; "
            f"there are: {', '.join(there) or 'none'}."
        )
    return found
