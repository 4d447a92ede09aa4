"""Vectors that other atlases have already, by fingerprint and text digest: parts of theirs, linked, not copied."""

import os
import shutil
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from knowscape.store.parts import describe

__all__ = ["CacheInfo", "VectorCache"]

_GIGABYTE = 1_000_000_000


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """Where the cache is, its files and bytes, and the limit in bytes."""

    folder: Path
    files: int
    bytes: int
    limit: int


class VectorCache:
    """A folder of parts for each fingerprint.

    A part keeps its name, which begins with its digest: what is read is compared with it, and what is damaged or
    cannot be read is dropped.  Nothing depends on the cache, so nothing here raises for a file that is not there.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit

    @classmethod
    def usual(cls, folder: Path) -> "VectorCache":
        """Return the cache below `folder`, or in $KNOWSCAPE_VECTORS.

        $KNOWSCAPE_CACHE_GB is its limit, 10 where it is not set; 0 turns it off.
        """
        said = os.environ.get("KNOWSCAPE_CACHE_GB", "10")
        try:
            limit = float(said)
        except ValueError:
            limit = 0.0
        return cls(Path(os.environ.get("KNOWSCAPE_VECTORS") or folder / "vectors"), int(limit * _GIGABYTE))

    def find(self, fingerprint: str, digests: Set[str]) -> Iterator[pa.Table]:
        """Yield tables with the columns id, text_digest and vector: each of `digests` that is here, once."""
        wanted = set(digests)
        for path in self._parts(fingerprint):
            if not wanted:
                return
            table = self._read(path, wanted)
            if table is not None and table.num_rows:
                wanted -= set(table["text_digest"].to_pylist())
                yield table

    def keep(self, fingerprint: str, part: Path) -> None:
        """Add a part of an atlas, linked where the file system can, and drop the oldest beyond the limit."""
        target = self.folder / fingerprint / part.name
        if self.limit <= 0 or target.exists():
            return
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(part, target)
            except OSError:
                temporary = target.with_name(f".{target.name}.{os.getpid()}")
                shutil.copyfile(part, temporary)
                temporary.replace(target)
            self._trim()
        except OSError:
            return  # a full disk, say: the work itself is stored

    def info(self) -> CacheInfo:
        sizes = [size for _, size, _ in self._files()]
        return CacheInfo(self.folder, len(sizes), sum(sizes), self.limit)

    def clear(self) -> CacheInfo:
        """Remove everything and return what there was."""
        before = self.info()
        shutil.rmtree(self.folder, ignore_errors=True)
        return before

    def _parts(self, fingerprint: str) -> list[Path]:
        folder = self.folder / fingerprint
        return sorted(folder.glob("part-*.parquet")) if self.limit > 0 and folder.is_dir() else []

    def _read(self, path: Path, wanted: Set[str]) -> pa.Table | None:
        try:
            digests: list[str] = pq.read_table(path, columns=["text_digest"])["text_digest"].to_pylist()
            if wanted.isdisjoint(digests):
                return None
            if not describe(path):
                raise OSError(f"{path} is not what its name says")
            return pq.read_table(path).filter(pa.array([digest in wanted for digest in digests]))
        except (OSError, pa.ArrowException, KeyError):
            path.unlink(missing_ok=True)
            return None

    def _files(self) -> list[tuple[float, int, Path]]:
        """Return the files with their times and sizes, the oldest first."""
        found: list[tuple[float, int, Path]] = []
        for path in self.folder.glob("*/*"):
            try:
                state: Any = path.stat()
            except OSError:
                continue
            found.append((state.st_mtime, state.st_size, path))
        return sorted(found)

    def _trim(self) -> None:
        files = self._files()
        total = sum(size for _, size, _ in files)
        for _, size, path in files:
            if total <= self.limit:
                return
            path.unlink(missing_ok=True)
            total -= size
