"""Bytes of files in bounded memory: packed or not, damaged or not, one record after the other."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from knowscape.corpus.document import ReadReport
from knowscape.errors import UsageError

__all__ = ["CUT_OFF", "LONGEST_LINE", "PACKED", "Record", "decode", "open_bytes", "read_lines"]

Record = dict[str, Any]
LONGEST_LINE = 64 << 20
PACKED = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
# What the decompressors raise on a damaged or truncated archive.
CUT_OFF = (EOFError, OSError, zlib.error, lzma.LZMAError)


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file for reading, unpacked where its name says that it is packed."""
    opener: Any = PACKED.get(path.suffix.lower(), Path.open)
    file: IO[bytes] = opener(path, "rb")
    return file


def decode(data: bytes, report: ReadReport, where: str) -> str:
    """Return UTF-8 as text; what is not UTF-8 becomes U+FFFD and is counted."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        report.count("invalid UTF-8 replaced", where)
        return data.decode("utf-8", "replace")


def read_lines(path: Path, report: ReadReport) -> Iterator[tuple[int, str]]:
    """Yield numbered lines; those over 64 MB are skipped, a damaged archive ends the reading, and both are counted."""
    with open_bytes(path) as file:
        number = 0
        while True:
            number += 1
            try:
                line = file.readline(LONGEST_LINE)
                if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                    report.count("line over 64 MB skipped", f"line {number}")
                    _skip_line(file)
                    continue
            except CUT_OFF as error:
                report.count("TRUNCATED: the rest could not be read", f"from line {number}: {error}")
                return
            if number == 1:
                line = _without_mark(line, path)
            if not line:
                return
            yield number, decode(line, report, f"line {number}")


def _skip_line(file: IO[bytes]) -> None:
    while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
        pass


def _without_mark(line: bytes, path: Path) -> bytes:
    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UsageError(f"{path} is UTF-16. Convert it first: iconv -f UTF-16 -t UTF-8 {path} > NEW")
    return line.removeprefix(b"\xef\xbb\xbf")
