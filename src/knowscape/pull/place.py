"""The folder that a pull fills: what is in place, what is fetched and waits beside it, and the step between them."""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from knowscape.errors import UsageError
from knowscape.files import digest_file, make_folder, storing, sync_folder, write_atomic
from knowscape.pull.contents import Wanted, manifest_number
from knowscape.store.manifest import PartFolder
from knowscape.store.signed import read_signed, write_signed

__all__ = ["Place"]


class Place:
    """The folder `out`, filled from `source`; what is fetched waits in a hidden folder of it.

    `pulled.json` there says where all came from, and has the SHA-256 of the manifests and atlas.json that were put in
    place, so that what is written here later is not taken for theirs.
    """

    def __init__(self, out: Path, source: str) -> None:
        self.out, self.source, self.work = out, source, out / ".pull"
        self.files, self._record = self.work / "files", self.work / "pulled.json"
        self._good: set[tuple[Path, str]] = set()

    def came_from(self) -> str | None:
        """Return where the folder was filled from, None where it was not yet."""
        return str(read_signed(self._record)["source"]) if self._record.exists() else None

    def fetched(self, each: Wanted) -> Path:
        """Return where a content waits, or its first bytes."""
        return self.files / each.digest.replace(":", "-")

    def begun(self, each: Wanted) -> int:
        """Return how many bytes an earlier connection has brought; what is too long is thrown away."""
        path = self.fetched(each)
        size = path.stat().st_size if path.exists() else 0
        if each.bytes is not None and size >= each.bytes:
            path.unlink(missing_ok=True)
            return 0
        return size

    def has(self, each: Wanted) -> bool:
        """Return whether a content is in place under all its names, or waits."""
        return all(self._is(self.out / name, each) for name in each.names) or self._is(self.fetched(each), each)

    def _is(self, path: Path, each: Wanted) -> bool:
        """Return whether a file is what it should be, to the last byte; one that is so is read once."""
        if (path, each.digest) in self._good:
            return True
        with storing(path):
            if not path.is_file() or each.bytes not in (None, path.stat().st_size):
                return False
            if digest_file(path, each.digest.partition(":")[0]) != each.digest:
                return False
        self._good.add((path, each.digest))
        return True

    def refuse_changes(self, index: Mapping[str, bytes]) -> None:
        """Raise UsageError where an index that is here was written here, or the other was made anew.

        Whatever was done here, or has been there, would be lost without a word.
        """
        for name in index:
            number, path = manifest_number(name), self.out / name
            mine = path if number is None else _newest(path.parent)
            if mine is None or not mine.exists() or (number is None and name != "atlas.json"):
                continue
            content = mine.read_bytes()
            if content == index.get(mine.relative_to(self.out).as_posix()):
                continue
            here = _sha256(content) not in self._ours()
            if here or (number is not None and number <= (manifest_number(mine.name) or 0)):
                where = "here since it was pulled" if here else f"anew at {self.source}"
                raise UsageError(
                    f"{mine} is not what would come: it was written {where}. Pull into another folder, and join both "
                    "with: knowscape merge"
                )

    def publish(self, wanted: Sequence[Wanted], index: Mapping[str, bytes]) -> None:
        """Put everything into place: contents, then indices, atlas.json last; all is durable when this returns."""
        new = {_sha256(content) for content in index.values()}
        self._note(new | self._ours())  # killed from here on, both are ours
        for folder in sorted({self._settle(name, each) for each in wanted for name in reversed(each.names)}):
            sync_folder(folder)
        for name in sorted(index, key=lambda name: (name == "atlas.json", name == "search/current.json")):
            self._put(self.out / name, index[name])
        self._note(new)
        for folder in (self.files, self.work / "index"):
            shutil.rmtree(folder, ignore_errors=True)

    def _ours(self) -> set[str]:
        return set(read_signed(self._record)["index"]) if self._record.exists() else set()

    def _note(self, index: set[str]) -> None:
        write_signed(self._record, {"source": self.source, "index": sorted(index)})

    def _settle(self, name: str, each: Wanted) -> Path:
        """Give a content its name, the first of its names last, by a rename; return the folder."""
        path, fetched = self.out / name, self.fetched(each)
        make_folder(path.parent)
        if self._is(path, each):
            return path.parent
        with storing(path):
            if name == each.names[0]:
                fetched.replace(path)
            else:
                with fetched.open("rb") as file:
                    write_atomic(path, lambda copy: shutil.copyfileobj(file, copy, 1 << 20))
        return path.parent

    def _put(self, path: Path, content: bytes) -> None:
        """Write an index; a manifest while no other process writes to its folder."""
        if path.exists() and path.read_bytes() == content:
            return
        if manifest_number(path.name) is None:
            write_atomic(path, lambda file: file.write(content))
        else:
            with PartFolder(path.parent).writing():
                write_atomic(path, lambda file: file.write(content))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _newest(folder: Path) -> Path | None:
    """Return the manifest with the greatest number, None where there is none."""
    found = [path for path in folder.glob("manifest-*.json") if manifest_number(path.name) is not None]
    return max(found, key=lambda path: manifest_number(path.name) or 0, default=None)
