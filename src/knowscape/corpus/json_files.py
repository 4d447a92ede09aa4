"""Readers of JSON, one value in memory at a time."""

import codecs
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from knowscape.corpus.document import ReadReport
from knowscape.corpus.raw import CUT_OFF, Metered, Record, open_bytes, read_lines
from knowscape.errors import UsageError

__all__ = ["read_json_array", "read_jsonl"]

_BLOCK = 1 << 16
_DEEPEST = 64
# Damage, and numbers of thousands of digits.
_BROKEN = (ValueError, *CUT_OFF)


def read_jsonl(path: Path, report: ReadReport) -> Iterator[Record]:
    """Yield one record a line: an object, or a string as the text alone."""
    for number, line in read_lines(path, report):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            report.count("malformed line skipped", f"line {number}: {_short(error)}")
            continue
        yield from _as_record(value, report, f"line {number}")


def read_json_array(path: Path, report: ReadReport) -> Iterator[Record]:
    """Yield the items of an array, or of the one array in an object, as they are parsed; an object is one record.

    An item over 64 MB, of over a million values or nested deeper than 64 ends the reading, as damage does.
    """
    depth = _records_depth(path)
    with open_bytes(path) as file:
        items = _items(Metered(_Utf8(file, report), (b",", b"[", b"{")), depth)
        number = 0
        while True:
            number += 1
            try:
                item = next(items)
            except StopIteration:
                return
            except _BROKEN as error:
                if number == 1:
                    raise UsageError(
                        f"{path} is no JSON that can be read: {_short(error)}. Is it one object a line? --reader jsonl"
                    ) from error
                report.count("TRUNCATED: the rest could not be read", f"from item {number}: {_short(error)}")
                return
            yield from _as_record(item, report, f"item {number}")


def _events(file: Metered) -> Iterator[tuple[int, str, Any]]:
    """Yield the parser's events with the depth of what holds them, at most _DEEPEST."""
    import ijson

    depth = 0
    try:
        for event, value in ijson.basic_parse(file, use_float=True):
            closes = event in {"end_array", "end_map"}
            depth -= closes
            yield depth, event, value
            depth += event in {"start_array", "start_map"}
            if depth > _DEEPEST:
                raise ValueError(f"it nests deeper than {_DEEPEST}")
    except ijson.JSONError as error:
        raise ValueError(_short(error)) from error


def _records_depth(path: Path) -> int:
    """Return how deep the records lie: in the top array, in the only array of the top object, or the top itself."""
    arrays = 0
    with open_bytes(path) as file, suppress(*_BROKEN):  # what comes before the damage decides; reading meets it again
        metered = Metered(_Utf8(file, None), ())
        for depth, event, _ in _events(metered):
            metered.new_record()
            if event == "start_array" and depth == 0:
                return 1
            arrays += event == "start_array" and depth == 1
            if arrays > 1:
                return 0
    return 2 if arrays == 1 else 0


def _items(file: Metered, wanted: int) -> Iterator[Any]:
    """Yield the values at depth `wanted`; those in an object's array for 2, whatever else the object holds."""
    holders: list[Any] = []
    inside = wanted < 2
    for depth, event, value in _events(file):
        if wanted == 2 and depth == 1:
            inside = event == "start_array"
            file.new_record()
        if depth < wanted or not inside:
            continue
        if event == "map_key":
            holders[-1] = (holders[-1][0], value)
            continue
        if event.startswith("start"):
            holders.append(({} if event == "start_map" else [], None))
            continue
        made = holders.pop()[0] if event.startswith("end") else value
        if holders:
            _put(holders[-1], made)
        else:
            yield made
            file.new_record()


def _put(holder: Any, value: Any) -> None:
    into, key = holder
    if isinstance(into, dict):
        into[key] = value
    else:
        into.append(value)


class _Utf8:
    """A file whose bytes are made valid UTF-8, since the parser stops at the first that is not."""

    def __init__(self, file: IO[bytes], report: ReadReport | None) -> None:
        self._file, self._report, self._kept = file, report, b""
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")

    def read(self, size: int = -1) -> bytes:
        while not self._kept:
            block = self._file.read(_BLOCK)
            text = self._decoder.decode(block, final=not block)
            before, self._kept = block, text.encode()
            if self._report is not None and "\ufffd" in text and "\ufffd".encode() not in before:
                self._report.count("invalid UTF-8 replaced", f"about byte {self._file.tell()}")
            if not block:
                break
        out, self._kept = (self._kept, b"") if size < 0 else (self._kept[:size], self._kept[size:])
        return out


def _as_record(value: Any, report: ReadReport, where: str) -> Iterator[Record]:
    if isinstance(value, dict):
        yield value
    elif isinstance(value, str):
        yield {"text": value}
    else:
        report.count("neither object nor string, skipped", where)


def _short(error: BaseException) -> str:
    lines = (str(error) or type(error).__name__).splitlines()
    return lines[0][:120]
