"""Readers of JSON, one value in memory at a time."""

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from knowscape.corpus.document import ReadReport
from knowscape.corpus.raw import CUT_OFF, Record, open_bytes, read_lines
from knowscape.errors import UsageError

__all__ = ["read_json_array", "read_jsonl"]

_BLOCK = 1 << 16


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
    """Yield the items of an array, or of the one array in an object, as they are parsed; an object is one record."""
    import ijson

    prefix = _array_prefix(path)
    with open_bytes(path) as file:
        items = ijson.items(_Utf8(file, report), prefix, use_float=True)
        number = 0
        while True:
            number += 1
            try:
                item = next(items)
            except StopIteration:
                return
            except (ijson.JSONError, *CUT_OFF) as error:
                if number == 1:
                    raise UsageError(
                        f"{path} is no JSON: {_short(error)}. Is it one object a line? --reader jsonl"
                    ) from error
                report.count("TRUNCATED: the rest could not be read", f"from item {number}: {_short(error)}")
                return
            yield from _as_record(item, report, f"item {number}")


def _array_prefix(path: Path) -> str:
    """Return where the records lie: the top array, the only array of the top object, or the top object itself."""
    import ijson

    arrays = []
    with open_bytes(path) as file:
        try:
            for prefix, event, _ in ijson.parse(_Utf8(file, None)):
                if prefix == "" and event == "start_array":
                    return "item"
                if event == "start_array" and "." not in prefix and prefix not in arrays:
                    arrays.append(prefix)
        except (ijson.JSONError, *CUT_OFF):
            pass  # what comes before the damage decides; reading the items will meet it again
    return f"{arrays[0]}.item" if len(arrays) == 1 else ""


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
