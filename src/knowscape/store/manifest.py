"""Immutable Parquet parts and a numbered manifest: how every table of record is kept.

A commit writes a part under a temporary name, syncs and renames it, and then links the next manifest, which must
not exist yet.  A reader therefore sees the old state or the new one.  `docs/format.md` is the specification.
"""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from knowscape.errors import DamageError, KnowscapeError
from knowscape.files import link_new, sha256_file, sync_folder, write_named

__all__ = ["FORMAT", "Part", "PartFolder"]

FORMAT = 1
_MANIFEST = re.compile(r"manifest-(\d+)\.json")
_KEEP_MANIFESTS = 3


@dataclass(frozen=True, slots=True)
class Part:
    """One immutable file: its name, rows, length in bytes and SHA-256."""

    file: str
    rows: int
    bytes: int
    sha256: str


class PartFolder:
    """A folder of parts under one manifest; `about` is what all its rows share (an encoder's spec, say)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def exists(self) -> bool:
        return self._latest() is not None

    def about(self) -> dict[str, Any]:
        """Return the manifest's `about`, empty where nothing was committed."""
        return dict(self._state()[1]["about"])

    def parts(self) -> list[Part]:
        """Return the committed parts, in the order of their commits."""
        return _parts(self._state()[1])

    def rows(self) -> int:
        return sum(part.rows for part in self.parts())

    def read(self, columns: list[str] | None = None) -> pa.Table | None:
        """Return all committed rows, digests verified; None where nothing was committed.

        Raises DamageError where a part is missing or is not what was committed.
        """
        while True:
            number, manifest = self._state()
            parts = _parts(manifest)
            try:
                return pa.concat_tables([self.read_part(part, columns) for part in parts]) if parts else None
            except DamageError:
                if self._latest() == number:
                    raise
                # A writer replaced the parts several times meanwhile: read what is there now.

    def read_part(self, part: Part, columns: list[str] | None = None) -> pa.Table:
        """Return one part's rows; the errors are those of `read`.

        The digest is compared each time: page checksums leave Parquet's footer and page headers open, where one
        flipped bit can change what is read without an error.
        """
        path = self.folder / part.file
        self._check_length(path, part)
        try:
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() != part.sha256:
                raise DamageError(f"{path} does not have the SHA-256 that its manifest names. {_REMEDY}")
            return pq.ParquetFile(pa.BufferReader(content)).read(columns=columns)
        except (OSError, pa.ArrowException) as error:
            raise DamageError(f"{path} is damaged: {error}. {_REMEDY}") from error

    def check(self, *, full: bool = False) -> list[str]:
        """Return what is wrong with manifest and parts, one sentence each; `full` reads and digests every byte."""
        faults: list[str] = []
        try:
            parts = self.parts()
        except DamageError as error:
            return [str(error)]
        for part in parts:
            path = self.folder / part.file
            try:
                self._check_length(path, part)
                if full and sha256_file(path) != part.sha256:
                    raise DamageError(f"{path} does not have the SHA-256 that its manifest names. {_REMEDY}")
            except DamageError as error:
                faults.append(str(error))
        return faults

    @contextmanager
    def writing(self) -> Iterator["PartWriter"]:
        """Yield the writer, while no other process can hold it; KnowscapeError names who does."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with _lock(self.folder / ".lock"):
            for leftover in self.folder.glob(".tmp-*"):
                leftover.unlink(missing_ok=True)
            yield PartWriter(self)

    def _check_length(self, path: Path, part: Part) -> None:
        try:
            length = path.stat().st_size
        except FileNotFoundError:
            raise DamageError(f"{path} is missing. {_REMEDY}") from None
        if length != part.bytes:
            raise DamageError(f"{path} has {length:,} bytes, its manifest says {part.bytes:,}. {_REMEDY}")

    def _latest(self) -> int | None:
        return max(self._numbers(), default=None)

    def _numbers(self) -> list[int]:
        if not self.folder.is_dir():
            return []
        return [int(match[1]) for path in self.folder.iterdir() if (match := _MANIFEST.fullmatch(path.name))]

    def _state(self) -> tuple[int, dict[str, Any]]:
        """Return the newest manifest and its number, 0 and an empty one where nothing was committed."""
        while (number := self._latest()) is not None:
            path = self.folder / f"manifest-{number}.json"
            try:
                return number, self._parse(path)
            except FileNotFoundError:
                if self._latest() == number:
                    raise DamageError(f"{path} is a link that leads nowhere. {_REMEDY}") from None
                # It was removed between listing and reading: a newer one is there.
        return 0, {"about": {}, "parts": []}

    def _parse(self, path: Path) -> dict[str, Any]:
        try:
            manifest: dict[str, Any] = json.loads(path.read_bytes())
            if manifest["format"] > FORMAT:
                raise KnowscapeError(
                    f"{path} has format {manifest['format']}; this version reads up to {FORMAT}. "
                    "Update with: pip install -U knowscape"
                )
            if _body_digest(manifest) != manifest["sha256"]:
                raise ValueError("its digest does not match its content")
        except FileNotFoundError:
            raise
        except (ValueError, KeyError, TypeError, RecursionError, OSError) as error:
            raise DamageError(f"{path} is damaged: {error}. {_REMEDY}") from error
        return manifest


class PartWriter:
    """Adds parts to a folder whose lock is held."""

    def __init__(self, parts: PartFolder) -> None:
        self._parts = parts

    def append(self, table: pa.Table, about: Mapping[str, Any]) -> Part:
        """Commit `table` as one more part; when this returns, the rows survive a power cut."""
        return self._commit(table, about, keep=True)

    def replace(self, table: pa.Table, about: Mapping[str, Any]) -> Part:
        """Commit `table` as the only part; the parts before stay while a manifest that is kept names them."""
        return self._commit(table, about, keep=False)

    def _commit(self, table: pa.Table, about: Mapping[str, Any], *, keep: bool) -> Part:
        folder = self._parts.folder
        # Number and parts come from one manifest: a commit that another host makes from here on takes the number.
        number, before = self._parts._state()
        number += 1
        part = write_part(folder, table)
        self._publish(number, about, [old for old in _parts(before) if keep and old.file != part.file] + [part])
        return part

    def adopt(self, files: Sequence[tuple[Path, Part]], about: Mapping[str, Any], *, keep: bool) -> int:
        """Commit parts that lie elsewhere by one manifest, behind those that are kept; return how many were copied.

        A file is linked, or copied where the disk is another one; whoever calls has compared it with its digest.
        """
        folder = self._parts.folder
        number, before = self._parts._state()
        parts = _parts(before) if keep else []
        parts += [part for _, part in files if part not in parts]
        if parts == _parts(before) and dict(about) == before["about"]:
            return 0
        here = {part.file for part in _parts(before)}
        copied = sum(not _take(path, folder, part) for path, part in files if part.file not in here)
        sync_folder(folder)
        self._publish(number + 1, about, parts)
        return copied

    def _publish(self, number: int, about: Mapping[str, Any], parts: Sequence[Part]) -> None:
        folder = self._parts.folder
        body = {"format": FORMAT, "about": dict(about), "parts": [asdict(part) for part in parts]}
        content = json.dumps({**body, "sha256": _body_digest(body)}, ensure_ascii=False, indent=1)
        if not link_new(folder / f"manifest-{number}.json", content.encode()):
            raise KnowscapeError(f"Another process wrote to {folder}. Run the same command again.")
        self._forget(number)

    def _forget(self, number: int) -> None:
        """Remove the manifests before the last few, and the parts that no manifest names any more."""
        folder, kept = self._parts.folder, []
        for old in self._parts._numbers():
            path = folder / f"manifest-{old}.json"
            if old <= number - _KEEP_MANIFESTS:
                path.unlink(missing_ok=True)
            else:
                kept.append(path)
        try:
            named = {part.file for path in kept for part in _parts(self._parts._parse(path))}
        except (KnowscapeError, FileNotFoundError):
            return  # The commit stands.  What a damaged older manifest names is unknown, so every part stays too.
        for path in folder.glob("part-*.parquet"):
            if path.name not in named:
                path.unlink(missing_ok=True)


class _Digesting:
    """A binary file that counts and digests what passes, so that no part is read again after writing."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.digest, self.bytes = file, hashlib.sha256(), 0

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self.digest.update(view)
        self.bytes += view.nbytes
        self._file.write(view)
        return view.nbytes

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Leave the file open: `write_named` syncs it first."""


def write_part(folder: Path, table: pa.Table) -> Part:
    """Write `table` durably as `part-<digest>.parquet` and return its description."""
    return write_tables(folder, table.schema, [table])


def write_tables(folder: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> Part:
    """Write one part as `write_part` does, a table at a time, none of which needs to stay in memory."""
    parts = []

    def write(file: IO[bytes]) -> str:
        sink, rows = _Digesting(file), 0
        with pq.ParquetWriter(
            sink, schema, compression="zstd", write_page_checksum=True, use_dictionary=False
        ) as writer:
            for table in tables:
                writer.write_table(table)
                rows += table.num_rows
        digest = sink.digest.hexdigest()
        parts.append(Part(f"part-{digest[:16]}.parquet", rows, sink.bytes, digest))
        return parts[0].file

    write_named(folder, write)
    return parts[0]


def _take(path: Path, folder: Path, part: Part) -> bool:
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
        sink = _Digesting(file)
        with path.open("rb") as source:
            shutil.copyfileobj(source, sink, 1 << 20)
        if sink.digest.hexdigest() != part.sha256:
            raise DamageError(f"{path} does not have the SHA-256 that its manifest names. {_REMEDY}")
        return part.file

    write_named(folder, write)


_REMEDY = (
    "See what else is damaged with: knowscape check ATLAS --full. "
    "Put the file back from a copy, or delete its folder and build again."
)


def _parts(manifest: Mapping[str, Any]) -> list[Part]:
    return [Part(**part) for part in manifest["parts"]]


def _body_digest(manifest: Mapping[str, Any]) -> str:
    body = {key: manifest[key] for key in ("format", "about", "parts")}
    return hashlib.sha256(json.dumps(body, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold an advisory lock that ends with its process; refuse where another process holds it."""
    with path.open("a+b") as file:
        _acquire(file, path)
        file.seek(0)
        file.truncate()
        file.write(f"{os.uname().nodename} process {os.getpid()}".encode())
        file.flush()
        yield


def _acquire(file: Any, path: Path) -> None:
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        holder = file.read().decode(errors="replace") or "another process"
        raise KnowscapeError(
            f"{path.parent} is being written by {holder}. Wait until it has ended, then run the same command again."
        ) from None
