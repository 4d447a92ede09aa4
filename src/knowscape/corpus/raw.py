"""Bytes of files in bounded memory: packed or not, damaged or not, one record after the other."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from knowscape.corpus.confined import unfolded_limit
from knowscape.corpus.document import ReadReport
from knowscape.errors import UsageError

__all__ = ["CUT_OFF", "LONGEST_LINE", "PACKED", "Metered", "Record", "decode", "open_bytes", "read_lines"]

Record = dict[str, Any]
LONGEST_LINE = 64 << 20
# A line has at most so many values: each costs a hundred bytes in memory, and one in the file.
_MOST_VALUES = 1_000_000
_MOST_EMPTY_LINES = 10_000_000
_SEPARATORS = (b",", b";", b"\t", b"|")
_XZ_MEMORY = 512 << 20
_BLOCK = 1 << 16
# What the decompressors raise on a damaged or truncated archive.
CUT_OFF = (EOFError, OSError, zlib.error, lzma.LZMAError)


class _Xz(io.RawIOBase):
    """An .xz file, unpacked with a bound on the dictionary, which the standard library's has not."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._begin(b"")

    def _begin(self, rest: bytes) -> None:
        self._unpack, self._rest = lzma.LZMADecompressor(memlimit=_XZ_MEMORY), rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            if self._unpack.eof:
                self._begin(self._unpack.unused_data.lstrip(b"\0") or self._file.read(_BLOCK).lstrip(b"\0"))
                if not self._rest:
                    return 0
            if self._unpack.needs_input and not self._rest:
                self._rest = self._file.read(_BLOCK)
                if not self._rest:
                    raise EOFError("the archive ends before its end mark")
            data = self._unpack.decompress(self._rest, len(buffer))
            self._rest = b""
            if data:
                buffer[: len(data)] = data
                return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _open_xz(path: Path, _: str) -> IO[bytes]:
    return io.BufferedReader(_Xz(path.open("rb")))


PACKED = {".gz": gzip.open, ".bz2": bz2.open, ".xz": _open_xz}


class _Unfolding(io.RawIOBase):
    """A packed file that may not unfold without end."""

    def __init__(self, file: Any, path: Path) -> None:
        self._file, self._path = file, path
        self._most = self._left = unfolded_limit(path.stat().st_size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        # Not `read`, which would lose what came before the damage.
        data: bytes = self._file.read1(len(buffer))
        self._left -= len(data)
        if self._left < 0:
            raise UsageError(
                f"{self._path} unfolds to more than {self._most >> 20:,} MB, 256 MB and 200 times its size. "
                "Where it is your own, unpack it and name the unpacked file."
            )
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file for reading, unpacked where its name says that it is packed; UsageError where it is a bomb."""
    opener: Any = PACKED.get(path.suffix.lower())
    return path.open("rb") if opener is None else io.BufferedReader(_Unfolding(opener(path, "rb"), path), _BLOCK)


class Metered:
    """A file under a parser: `new_record()` allows it another 64 MB, and more is an OSError that CUT_OFF catches.

    `structure` are bytes of which each makes an object of the parser's; at most a million of them may make a record.
    """

    def __init__(self, file: Any, structure: tuple[bytes, ...]) -> None:
        self._file, self._structure = file, structure
        self.new_record()

    def new_record(self) -> None:
        self._bytes, self._values = LONGEST_LINE, _MOST_VALUES

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._file.read(size)
        self._bytes -= len(data)
        self._values -= sum(data.count(mark) for mark in self._structure)
        if self._bytes < 0 or self._values < 0:
            raise OSError(f"a record is over {LONGEST_LINE >> 20} MB or has over a million values")
        return data


def decode(data: bytes, report: ReadReport, where: str) -> str:
    """Return UTF-8 as text; what is not UTF-8 becomes U+FFFD and is counted."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        report.count("invalid UTF-8 replaced", where)
        return data.decode("utf-8", "replace")


def read_lines(path: Path, report: ReadReport) -> Iterator[tuple[int, str]]:
    """Yield numbered lines; too long ones are skipped, a damaged archive ends the reading, and both are counted.

    Too long is over 64 MB, or over a million values.  Raises UsageError for ten million empty lines in a row.
    """
    with open_bytes(path) as file:
        number = empty = 0
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
            if len(line) > _MOST_VALUES and max(map(line.count, _SEPARATORS)) > _MOST_VALUES:
                report.count("line of over a million values skipped", f"line {number}")
                continue
            empty = 0 if line.strip() else empty + 1
            if empty > _MOST_EMPTY_LINES:
                raise UsageError(f"{path} has over {_MOST_EMPTY_LINES:,} empty lines in a row, up to line {number:,}.")
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
