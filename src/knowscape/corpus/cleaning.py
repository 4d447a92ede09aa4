"""What a field of a document may hold: characters, length, and where an address may lead."""

import re

from knowscape.characters import one_line, without_controls
from knowscape.corpus.document import ReadReport
from knowscape.files import sha256_text

__all__ = ["LONGEST_ID", "LONGEST_TEXT", "clean"]

LONGEST_TEXT = 10_000_000
LONGEST_ID = 1_000
_LONGEST_LINE = 4_000
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):")


def clean(field: str, value: str, report: ReadReport) -> str:
    """Return a field (text, title, id, url or source) as it may be stored; what was changed is counted by rule.

    An id is data and may hold any character but NUL: nothing makes a path of it.
    """
    where = f"record {report.read}"
    value = _encodable(_without_nul(value, report, where), report, where)
    if field == "text":
        return _text(value, report, where)
    if field == "id":
        if len(value) > LONGEST_ID:
            report.count("id over 1,000 characters replaced by its digest", where)
            value = sha256_text(value)
        return value
    return _line(field, value, report, where)


def _without_nul(value: str, report: ReadReport, where: str) -> str:
    if "\0" not in value:
        return value
    report.count("NUL bytes removed", where)
    return value.replace("\0", "")


def _encodable(value: str, report: ReadReport, where: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can hold and UTF-8 cannot
        report.count("invalid UTF-8 replaced", where)
        return value.encode("utf-8", "replace").decode()
    return value


def _text(value: str, report: ReadReport, where: str) -> str:
    if len(value) > LONGEST_TEXT:
        report.count("cut at 10 million characters", where)
        value = value[:LONGEST_TEXT]
    cleaned = without_controls(value)
    if cleaned != value:
        report.count("control characters removed from a text", where)
    return cleaned


def _line(field: str, value: str, report: ReadReport, where: str) -> str:
    cleaned = one_line(value)
    if field == "url":  # browsers pass over white space in the scheme
        cleaned = "".join(cleaned.split())
    if cleaned != value:
        report.count(f"control or direction characters removed from a {field}", where)
    scheme = _SCHEME.match(cleaned) if field == "url" else None
    if scheme and scheme[1].lower() not in {"http", "https"}:
        report.count("address that does not lead to the web removed", f"{where}: {cleaned[:60]}")
        return ""
    if len(cleaned) > _LONGEST_LINE:
        report.count(f"{field} cut at 4,000 characters", where)
    return cleaned[:_LONGEST_LINE]
