"""Immutable Parquet parts and a numbered manifest: how every table of record is kept.

A commit writes a part under a temporary name, syncs and renames it, and then links the next manifest, which must
not exist yet.  A reader therefore sees the old state or the new one.  `docs/format.md` is the specification.

In an object store nobody can be kept out: several write at once, each number of a manifest goes to one of them, and
the others begin again from the state that it made.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from knowscape.errors import DamageError, Fault, KnowscapeError, StorageError
from knowscape.files import RemotePath, digester, link_new, make_folder, storing, sync_folder, sync_names
from knowscape.store.lock import locked
from knowscape.store.parts import (
    Part,
    count_rows,
    damage,
    describe,
    read_part,
    scan_part,
    take_part,
    unreadable,
    verify_part,
    write_part,
)

__all__ = ["FORMAT", "PartFolder", "PartWriter"]

FORMAT = 2
Taken = TypeVar("Taken")
_MANIFEST = re.compile(r"manifest-(\d+)\.json")
_PART = re.compile(r"part-[0-9a-f]{16}\.parquet")
_KEEP_MANIFESTS = 3
# The folder of an atlas that holds rooms, that room, and the folder with the atlas's own name.
_FOLDERS_ABOVE = 3
# So often others may be faster in an object store; each time one of them has committed.
_MOST_LOST = 100
_LOOSE_SECONDS = 86_400
# Under way at once, since each waits for its answer.
_REQUESTS = 16


class PartFolder:
    """A folder of parts under one manifest; `about` is what all its rows share (an encoder's spec, say)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shared = isinstance(folder, RemotePath)

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
        tables = self.each(lambda part: self.read_part(part, columns))
        try:
            return pa.concat_tables(tables) if tables else None
        except pa.ArrowInvalid as error:
            raise DamageError(f"The parts of {self.folder} do not have the same columns: {error}") from error

    def each(self, take: Callable[[Part], Taken]) -> list[Taken]:
        """Return what `take` makes of every committed part, in their order; it may be called again for all of them."""
        while True:
            number, manifest = self._state()
            try:
                return [take(part) for part in _parts(manifest)]
            except DamageError:
                if self._latest() == number:
                    raise
                # A writer replaced the parts several times meanwhile: read what is there now.

    def read_part(self, part: Part, columns: list[str] | None = None) -> pa.Table:
        """Return one part's rows; the errors are those of `read`."""
        return read_part(self.folder / part.file, part, columns)

    def scan(self, columns: list[str]) -> pa.Table | None:
        """Return some columns of all committed rows; only the pages that hold them are read and verified."""
        tables = self.scan_parts(self.parts(), columns)
        return pa.concat_tables(tables) if tables else None

    def scan_parts(self, parts: Sequence[Part], columns: list[str]) -> list[pa.Table]:
        """Return some columns of these parts, as `scan` does."""
        with ThreadPoolExecutor(_REQUESTS if self.shared else 1) as pool:
            return list(pool.map(lambda part: scan_part(self.folder / part.file, columns), parts))

    def check(self, *, full: bool = False, examine: Callable[[Part], list[Fault]] = lambda _: []) -> list[Fault]:
        """Return what is wrong with manifests and parts: lengths and counts of rows, with `full` every byte.

        `full` also looks at parts that only older manifests name, and calls `examine` for each part that is whole.
        """
        faults = self._check_manifests()
        try:
            parts = self.parts()
        except DamageError:
            parts = []
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for found in pool.map(lambda part: self._check_part(part, examine if full else None), parts):
                faults += found
            if full:
                named = {part.file for part in parts}
                others = [path for path in sorted(self.folder.glob("part-*.parquet")) if path.name not in named]
                for path, part in zip(others, pool.map(describe, others), strict=True):
                    faults += [] if part else [damage(path, "is not the part that its name says")]
        return faults

    def readable(self) -> list[tuple[dict[str, Any], list[Part]]]:
        """Return `about` and parts of each manifest that can be read, the newest first."""
        found = []
        for number in sorted(self._numbers(), reverse=True):
            with suppress(DamageError, FileNotFoundError):
                manifest = self._parse(self.folder / f"manifest-{number}.json")
                found.append((dict(manifest["about"]), _parts(manifest)))
        return found

    def unnamed(self) -> list[Path]:
        """Return the parts that no manifest names; none where a manifest cannot be read, since it may name them.

        In an object store, where others may write, only those that are a day old.
        """
        try:
            manifests = [self._parse(self.folder / f"manifest-{number}.json") for number in self._numbers()]
        except (KnowscapeError, FileNotFoundError):
            return []
        named = {part.file for manifest in manifests for part in _parts(manifest)}
        paths = [path for path in self.folder.glob("part-*.parquet") if manifests and path.name not in named]
        if self.shared:  # a younger one may be about to be named
            paths = [path for path in paths if time.time() - path.stat().st_mtime > _LOOSE_SECONDS]
        return paths

    def _check_manifests(self) -> list[Fault]:
        faults = []
        for number in sorted(self._numbers()):
            path = self.folder / f"manifest-{number}.json"
            try:
                self._parse(path)
            except FileNotFoundError:
                if path.is_symlink():
                    faults.append(damage(path, "is a link that leads nowhere"))
            except DamageError as error:
                faults.append(error.fault or damage(path, f"is damaged: {error}"))
        return faults

    def _check_part(self, part: Part, examine: Callable[[Part], list[Fault]] | None) -> list[Fault]:
        path = self.folder / part.file
        try:
            verify_part(path, part, full=examine is not None)
            rows = count_rows(path)
            if rows != part.rows:
                raise DamageError(damage(path, f"has {rows:,} rows, its manifest says {part.rows:,}"))
            return examine(part) if examine is not None else []
        except DamageError as error:
            return [error.fault or damage(path, f"is damaged: {error}")]
        except OSError as error:
            if StorageError.explains(error):  # what may not be read is not therefore damaged
                raise StorageError.of(error, path) from error
            return [damage(path, f"is damaged: {error}")]
        except (pa.ArrowException, KeyError) as error:
            return [damage(path, f"is damaged: {error}")]

    @contextmanager
    def writing(self) -> Iterator["PartWriter"]:
        """Yield the writer, while no other process can hold it; KnowscapeError names who does.

        In an object store there may be several.
        """
        make_folder(self.folder)
        with nullcontext() if self.shared else locked(self.folder / ".lock"):
            with storing(self.folder):
                for leftover in [] if self.shared else self.folder.glob(".tmp-*"):
                    leftover.unlink(missing_ok=True)
            self.settle()
            yield PartWriter(self)

    def settle(self) -> None:
        """Make durable what a process that was killed may have named and not synced; a commit is so already.

        Who finds rows here and does nothing for them any more calls this, and takes them as done when it returns.
        """
        sync_names(self.folder, _FOLDERS_ABOVE)

    def _latest(self) -> int | None:
        return max(self._numbers(), default=None)

    def _numbers(self) -> list[int]:
        try:
            # Of a folder all names, since a glob passes over one that may not be read.
            names = [path.name for path in (self.folder.glob("manifest-*") if self.shared else self.folder.iterdir())]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise StorageError.of(error, self.folder) from error
        return [int(match[1]) for name in names if (match := _MANIFEST.fullmatch(name))]

    def _state(self) -> tuple[int, dict[str, Any]]:
        """Return the newest manifest and its number, 0 and an empty one where nothing was committed."""
        while (number := self._latest()) is not None:
            path = self.folder / f"manifest-{number}.json"
            try:
                return number, self._parse(path)
            except FileNotFoundError:
                if self._latest() == number:
                    raise DamageError(damage(path, "is a link that leads nowhere")) from None
                # It was removed between listing and reading: a newer one is there.
        return 0, {"about": {}, "parts": []}

    def _parse(self, path: Path) -> dict[str, Any]:
        try:
            manifest: dict[str, Any] = json.loads(path.read_bytes())
            if _body_digest(manifest) != manifest["sha256"]:
                raise ValueError("its digest does not match its content")
            if manifest["format"] > FORMAT:
                raise KnowscapeError(
                    f"{path} has format {manifest['format']}; this version reads up to {FORMAT}. "
                    "Update with: pip install -U knowscape"
                )
            _check_body(manifest)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise unreadable(path, error) from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise DamageError(damage(path, f"is damaged: {error}")) from error
        return manifest


class PartWriter:
    """Adds parts to a folder whose lock is held, or to one that others write to at the same time."""

    def __init__(self, parts: PartFolder) -> None:
        self._parts = parts

    def append(self, table: pa.Table, about: Mapping[str, Any]) -> Part:
        """Commit `table` as one more part; when this returns, the rows survive a power cut."""
        return self._commit(table, about, keep=True)

    def replace(self, table: pa.Table, about: Mapping[str, Any]) -> Part:
        """Commit `table` as the only part; the parts before stay while a manifest that is kept names them."""
        return self._commit(table, about, keep=False)

    def _commit(self, table: pa.Table, about: Mapping[str, Any], *, keep: bool) -> Part:
        # Number and parts come from one manifest: a commit that another host makes from here on takes the number.
        state = self._parts._state()
        part = write_part(self._parts.folder, table)

        def after(before: list[Part]) -> list[Part]:
            return [old for old in before if keep and old.file != part.file] + [part]

        self._publish(after, about, state)
        return part

    def extend(self, choose: Callable[[list[Part]], list[Part]], about: Mapping[str, Any]) -> None:
        """Commit parts that lie in the folder: those that `choose` returns for the ones that are named already.

        It is asked again for each commit that another writer makes meanwhile.
        """
        self._publish(lambda before: before + choose(before), about, self._parts._state())

    def adopt(self, files: Sequence[tuple[Path, Part]], about: Mapping[str, Any], *, keep: bool) -> int:
        """Commit parts that lie elsewhere by one manifest, behind those that are kept; return how many were copied.

        A file is linked, or copied where the disk is another one; whoever calls has compared it with its digest.
        """
        folder = self._parts.folder
        state = _, before = self._parts._state()
        parts = _parts(before) if keep else []
        parts += [part for _, part in files if part not in parts]
        if parts == _parts(before) and dict(about) == before["about"]:
            return 0
        here = {part.file for part in _parts(before)}
        with storing(folder):
            copied = sum(not take_part(path, folder, part) for path, part in files if part.file not in here)
        sync_folder(folder)
        self._publish(lambda _: parts, about, state)
        return copied

    def restate(self, parts: Sequence[Part], about: Mapping[str, Any]) -> None:
        """Commit a manifest of parts that lie in the folder, and remove the manifests that cannot be read."""
        faults = self._parts._check_manifests()
        if not self._link((self._parts._latest() or 0) + 1, parts, about):
            raise self._overtaken()
        for fault in faults:
            fault.path.unlink(missing_ok=True)

    def _publish(
        self, after: Callable[[list[Part]], list[Part]], about: Mapping[str, Any], state: tuple[int, dict[str, Any]]
    ) -> None:
        """Commit `after` of the parts that are named; where others write, again until no other was faster."""
        for _ in range(_MOST_LOST if self._parts.shared else 1):
            number, before = state[0], _parts(state[1])
            parts = after(list(before))
            if self._parts.shared and parts == before and dict(about) == state[1]["about"]:
                return  # another writer has done the same
            if self._link(number + 1, parts, about) and self._stands(number + 1, parts):
                with suppress(OSError, StorageError):  # the commit stands; what is left over goes with a later one
                    self._forget(number + 1)
                return
            state = self._parts._state()
        raise self._overtaken()

    def _link(self, number: int, parts: Sequence[Part], about: Mapping[str, Any]) -> bool:
        """Create a manifest; False where that number is taken."""
        body = {"format": FORMAT, "about": dict(about), "parts": [asdict(part) for part in parts]}
        content = json.dumps({**body, "sha256": _body_digest(body)}, ensure_ascii=False, indent=1)
        return link_new(self._parts.folder / f"manifest-{number}.json", content.encode())

    def _stands(self, number: int, parts: Sequence[Part]) -> bool:
        """Return whether a manifest that was created became the state, or what others built theirs upon.

        A writer that was held up may find its number free again: the others went on, and removed old manifests.
        """
        if not self._parts.shared or self._parts._latest() == number:
            return True
        named = {part.file for part in self._parts.parts()}
        return all(part.file in named for part in parts)

    def _overtaken(self) -> KnowscapeError:
        return KnowscapeError(f"Another process wrote to {self._parts.folder}. Run the same command again.")

    def _forget(self, number: int) -> None:
        """Remove the manifests before the last few, and the parts that no manifest names any more."""
        for old in self._parts._numbers():
            if old <= number - _KEEP_MANIFESTS:
                (self._parts.folder / f"manifest-{old}.json").unlink(missing_ok=True)
        if self._parts.shared:  # what nothing names yet another writer may be about to name
            return
        # What a damaged older manifest names is unknown, so every part stays while one cannot be read.
        for path in self._parts.unnamed():
            path.unlink(missing_ok=True)


def _parts(manifest: Mapping[str, Any]) -> list[Part]:
    return [Part.of(part) for part in manifest["parts"]]


def _check_body(manifest: Mapping[str, Any]) -> None:
    """Raise ValueError where a manifest from elsewhere names what is no part of its own folder."""
    if not isinstance(manifest["about"], dict):
        raise ValueError("its about is no object")
    for part in _parts(manifest):
        if not isinstance(part.file, str) or not _PART.fullmatch(part.file):
            raise ValueError(f"{part.file!r:.80} is no name of a part")
        if not all(isinstance(count, int) and count >= 0 for count in (part.rows, part.bytes)):
            raise ValueError(f"the rows or bytes of {part.file} are no counts")
        digester(part.algorithm)


def _body_digest(manifest: Mapping[str, Any]) -> str:
    body = {key: manifest[key] for key in ("format", "about", "parts")}
    return hashlib.sha256(json.dumps(body, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
