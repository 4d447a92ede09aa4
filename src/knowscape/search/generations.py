"""Finished states of an index, one beside the other: made apart, then taken for the current one in a single step.

A generation is a folder `g-<n>` of files that never change, with their digests in its `index.json`; what two
generations have in common is the same file under two names.  `current.json` names the one that answers, the one
before it where that was of another model, and the next one where a change of the model is under way.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowscape.errors import DamageError, Fault
from knowscape.files import digest_file, make_folder, storing, sync_folder, sync_tree
from knowscape.store.lock import locked
from knowscape.store.parts import damage
from knowscape.store.signed import read_signed, write_signed

__all__ = ["Generation", "Generations"]

_NAME = re.compile(r"g-(\d+)")
_CURRENT, _INDEX = "current.json", "index.json"
_REMEDY = "Make the index anew with: knowscape index ATLAS --rebuild"


@dataclass(frozen=True, slots=True)
class Generation:
    """A finished state: where it lies, what it was made from, and its files' lengths and digests by name."""

    path: Path
    about: Mapping[str, Any]
    files: Mapping[str, tuple[int, str]]

    @property
    def name(self) -> str:
        return self.path.name


class Generations:
    """The generations in one folder; only one process at a time makes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def current(self) -> Generation | None:
        """Return the one that answers, None where there is none; DamageError where it is not what was written."""
        return self._named("current")

    def previous(self) -> Generation | None:
        """Return the one that answered before the model was changed, None where there is none."""
        return self._named("previous")

    def staged(self) -> Generation | None:
        """Return the one that is to answer next, None where no change of the model is under way."""
        return self._named("next")

    def stamp(self) -> tuple[int, int] | None:
        """Return what changes whenever another generation becomes the current one; None where there is none."""
        try:
            found = (self.folder / _CURRENT).stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_ino

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the lock of all that changes this folder, and remove what killed processes left there."""
        make_folder(self.folder)
        with locked(self.folder / ".lock"):
            self._prune()
            yield

    def make(
        self, about: Mapping[str, Any], fill: Callable[[Path], None], base: Generation | None = None
    ) -> Generation:
        """Return a new generation that `fill` has written into a folder, durable, but not yet the current one.

        The folder has `base`'s files at first; `fill` may add, remove and replace them, and must not write into them.
        """
        numbers = [int(found[1]) for path in self.folder.iterdir() if (found := _NAME.fullmatch(path.name))]
        name = f"g-{max(numbers, default=0) + 1}"
        work = self.folder / f".tmp-{name}"
        with storing(work):
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            known = dict(base.files) if base else {}
            for file in known:
                _link(base.path / file, work / file)  # type: ignore[union-attr]
            fill(work)
            files = {file: _describe(work, file, base, known) for file in _files(work)}
            write_signed(work / _INDEX, {"about": dict(about), "files": files})
            sync_tree(work)
            work.rename(self.folder / name)
        sync_folder(self.folder)
        return Generation(self.folder / name, dict(about), files)

    def switch(self, to: Generation, *, keep: Generation | None) -> None:
        """Let `to` answer from now on; `keep` is what can be gone back to, and all but these and the next vanish."""
        staged = self._readable_names().get("next")
        self._name(to.name, keep.name if keep else None, staged if staged != to.name else None)

    def switch_back(self, to: Generation) -> None:
        """Let `to` answer from now on, and keep what answered until now as what is to answer next."""
        self._name(to.name, None, self._names().get("current"))

    def stage(self, generation: Generation | None) -> None:
        """Keep a generation that is to answer next, None for none any more; the one that was kept before vanishes."""
        names = self._names()
        self._name(names.get("current"), names.get("previous"), generation.name if generation else None)

    def _name(self, current: str | None, previous: str | None, following: str | None) -> None:
        names = {"current": current, "previous": previous, "next": following}
        write_signed(self.folder / _CURRENT, names)
        self._prune()

    def restate(self, generation: Generation, about: Mapping[str, Any]) -> None:
        """Change what a generation says it was made from; its files stay."""
        write_signed(generation.path / _INDEX, {"about": dict(about), "files": dict(generation.files)})

    def check(self, *, full: bool) -> list[Fault]:
        """Return what is wrong with the generations that are named, an empty list where all is well."""
        faults = []
        try:
            named = [self.current(), self.previous(), self.staged()]
        except DamageError as error:
            return [error.fault] if error.fault else []
        for one in filter(None, named):
            for file, (size, digest) in one.files.items():
                path = one.path / file
                if not path.is_file():
                    faults.append(Fault("missing", path, "is missing", _REMEDY))
                elif path.stat().st_size != size or (full and digest_file(path) != digest):
                    faults.append(Fault("damaged", path, "is not what was written", _REMEDY))
        return faults

    def unnamed(self) -> list[Path]:
        """Return the folders that nothing names; none where what is named cannot be read."""
        if not self.folder.is_dir():
            return []
        try:
            named = self._names().values()
        except DamageError:
            return []
        return sorted(
            path
            for path in self.folder.iterdir()
            if path.is_dir()
            and path.name not in named
            and (_NAME.fullmatch(path.name) or path.name.startswith(".tmp-"))
        )

    def _readable_names(self) -> dict[str, str | None]:
        """Return what is named; nothing where that cannot be read, since it is going to be replaced."""
        try:
            return self._names()
        except DamageError:
            return {}

    def _names(self) -> dict[str, str | None]:
        path = self.folder / _CURRENT
        if not path.exists():
            return {}
        found = read_signed(path)
        return {key: found.get(key) for key in ("current", "previous", "next")}

    def _named(self, which: str) -> Generation | None:
        name = self._names().get(which)
        if name is None:
            return None
        path = self.folder / name
        if not _NAME.fullmatch(name) or not (path / _INDEX).is_file():
            raise DamageError(Fault("missing", path, "is missing", _REMEDY))
        found = read_signed(path / _INDEX)
        files = {file: (int(size), str(digest)) for file, (size, digest) in found["files"].items()}
        for file in files:
            if not (path / file).resolve().is_relative_to(path.resolve()):
                raise DamageError(damage(path / _INDEX, f"names a file outside the index: {file}"))
        return Generation(path, found["about"], files)

    def _prune(self) -> None:
        for path in self.unnamed():
            shutil.rmtree(path, ignore_errors=True)


def _files(folder: Path) -> list[str]:
    """Return the names of a folder's files, from it, without those that are no content."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if name != _INDEX and not name.endswith(".lock"))


def _describe(work: Path, file: str, base: Generation | None, known: Mapping[str, tuple[int, str]]) -> tuple[int, str]:
    path = work / file
    with suppress(OSError):
        if base is not None and file in known and path.samefile(base.path / file):
            return known[file]
    return path.stat().st_size, digest_file(path)


def _link(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, target)
    except OSError:  # a file system without links
        shutil.copyfile(path, target)
