"""Parts: immutable Parquet files that are named by their content, and how they are written, read and found damaged."""

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from knowscape.errors import DamageError, Fault, KnowscapeError, StorageError
from knowscape.files import RemotePath, digest, digest_file, digester, write_named

__all__ = [
    "Part",
    "count_rows",
    "damage",
    "describe",
    "open_part",
    "read_part",
    "scan_part",
    "take_part",
    "unreadable",
    "verify_part",
    "write_part",
    "write_tables",
]

# The hexadecimal digits of the digest that a part is named by.
_DIGITS = 16
# The rows that can be read without the others.
_GROUP = 2048


@dataclass(frozen=True, slots=True)
class Part:
    """One immutable file: its name, rows, length in bytes and digest, `blake3:` or `sha256:` and hexadecimal digits."""

    file: str
    rows: int
    bytes: int
    digest: str

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> "Part":
        """Return the part that a manifest describes; in format 1 the digest is `sha256`, without that word in it."""
        fields = dict(entry)
        if "sha256" in fields:
            fields["digest"] = f"sha256:{fields.pop('sha256')}"
        return cls(**fields)

    @property
    def algorithm(self) -> str:
        return self.digest.partition(":")[0]


def damage(path: Path, says: str, kind: str = "damaged", rows: str = "") -> Fault:
    """Return the fault of a file of an atlas that the repair can deal with."""
    return Fault(kind, path, says, "See what else is damaged, and mend it, with: knowscape check ATLAS --repair", rows)


def _digest_fault(path: Path) -> Fault:
    return damage(path, "does not have the digest that its manifest names")


def unreadable(path: Path, error: OSError) -> KnowscapeError:
    """Return the error for a file that cannot be read: damage, unless the file system is to blame."""
    if StorageError.explains(error):
        return StorageError.of(error, path)
    missing = isinstance(error, FileNotFoundError)
    return DamageError(
        damage(path, "is missing" if missing else f"is damaged: {error}", "missing" if missing else "damaged")
    )


def verify_part(path: Path, part: Part, *, full: bool = True) -> None:
    """Raise DamageError where a part is missing or has another length, with `full` another digest, than it had."""
    try:
        length = path.stat().st_size
        if length != part.bytes:
            raise DamageError(damage(path, f"has {length:,} bytes, its manifest says {part.bytes:,}"))
        if full and digest_file(path, part.algorithm) != part.digest:
            raise DamageError(_digest_fault(path))
    except OSError as error:
        raise unreadable(path, error) from error


def read_part(path: Path, part: Part, columns: list[str] | None = None) -> pa.Table:
    """Return a part's rows; DamageError where it is missing or is not what was committed.

    The digest is compared each time: page checksums leave Parquet's footer and page headers open, where one
    flipped bit can change what is read without an error.
    """
    verify_part(path, part, full=False)
    try:
        content = _content(path)
        if digest(memoryview(content), part.algorithm) != part.digest:
            raise DamageError(_digest_fault(path))
        return pq.ParquetFile(pa.BufferReader(content)).read(columns=columns)
    except OSError as error:
        raise unreadable(path, error) from error
    except pa.ArrowException as error:
        raise DamageError(damage(path, f"is damaged: {error}")) from error


def _content(path: Path) -> pa.Buffer:
    """Read a file into memory of pyarrow's own.

    Its threads let go of what they read at any time, also when the interpreter ends; for an object of Python's they
    then ask for the interpreter's lock, and the process ends with SIGABRT instead of its exit code.
    """
    with path.open("rb") as file:
        content = pa.allocate_buffer(file.seek(0, os.SEEK_END))
        file.seek(0)
        count = file.readinto(memoryview(content))
    return content.slice(0, count)


def open_part(path: Path, *, verify: bool = False) -> pq.ParquetFile:
    """Return a part that is read as it is asked for; with `verify` its pages are compared with their checksums."""
    source = pa.PythonFile(path.open("rb"), "r") if isinstance(path, RemotePath) else path
    return pq.ParquetFile(source, page_checksum_verification=verify)


def count_rows(path: Path) -> int:
    """Return the rows of a part, by its footer."""
    with open_part(path) as file:
        return int(file.metadata.num_rows)


class _Digesting:
    """A binary file that counts and digests what passes, so that no part is read again after writing."""

    closed = False

    def __init__(self, file: IO[bytes], algorithm: str = "blake3") -> None:
        self._file, self._algorithm, self._digest, self.bytes = file, algorithm, digester(algorithm), 0

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self._digest.update(view)
        self.bytes += view.nbytes
        self._file.write(view)
        return view.nbytes

    @property
    def digest(self) -> str:
        return f"{self._algorithm}:{self._digest.hexdigest()}"

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Leave the file open: `write_named` syncs it first."""


def write_part(folder: Path, table: pa.Table) -> Part:
    """Write `table` durably as `part-<digest>.parquet` and return its description."""
    return write_tables(folder, table.schema, [table])


def _compression(schema: pa.Schema) -> dict[str, str]:
    """Return the codec of each column: vectors shrink by 7 % only, and unpacking takes most of the reading."""
    return {field.name: "none" if pa.types.is_fixed_size_binary(field.type) else "zstd" for field in schema}


def write_tables(folder: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> Part:
    """Write one part as `write_part` does, a table at a time, none of which needs to stay in memory."""
    parts = []

    def write(file: IO[bytes]) -> str:
        sink, rows = _Digesting(file), 0
        with pq.ParquetWriter(
            sink, schema, compression=_compression(schema), write_page_checksum=True, use_dictionary=False
        ) as writer:
            for table in tables:
                writer.write_table(table, row_group_size=_GROUP)
                rows += table.num_rows
        parts.append(Part(_name(sink.digest), rows, sink.bytes, sink.digest))
        return parts[0].file

    write_named(folder, write)
    return parts[0]


def _name(found: str) -> str:
    return f"part-{found.partition(':')[2][:_DIGITS]}.parquet"


def describe(path: Path) -> Part | None:
    """Return the description of a part by its file alone; None where that is not what its name says."""
    try:
        for algorithm in ("blake3", "sha256"):  # the second is that of format 1
            if _name(found := digest_file(path, algorithm)) == path.name:
                return Part(path.name, count_rows(path), path.stat().st_size, found)
    except (OSError, pa.ArrowException):
        pass  # as if its digest were another one: nothing in it can be trusted
    return None


def scan_part(path: Path, columns: list[str]) -> pa.Table:
    try:
        if isinstance(path, RemotePath):
            with open_part(path, verify=True) as file:
                return file.read(columns=columns, use_threads=False)
        return pq.read_table(path, columns=columns, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise DamageError(damage(path, f"is damaged: {error}")) from error


def take_part(path: Path, folder: Path, part: Part) -> bool:
    """Give `folder` a part that lies elsewhere, durably; False where it had to be copied."""
    temporary = folder / f".tmp-{os.getpid()}-{part.file}"
    try:
        os.link(path.resolve(), temporary)
    except OSError:  # another disk, or one without links
        _copy(path, folder, part)
        return False
    try:
        with temporary.open("rb") as file:  # whoever brought it here may not have synced it
            os.fsync(file.fileno())
        temporary.replace(folder / part.file)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _copy(path: Path, folder: Path, part: Part) -> None:
    def write(file: IO[bytes]) -> str:
        sink = _Digesting(file, part.algorithm)
        with path.open("rb") as source:
            shutil.copyfileobj(source, sink, 1 << 20)
        if sink.digest != part.digest:
            raise DamageError(_digest_fault(path))
        return part.file

    write_named(folder, write)
