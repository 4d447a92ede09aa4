"""Mend a folder of vectors: every row that can be read is kept, and what cannot be read is forgotten."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from knowscape.errors import DamageError
from knowscape.store.manifest import PartFolder
from knowscape.store.parts import Part, describe, read_part, write_part
from knowscape.store.vectors import bad_values, vectors_of

__all__ = ["mend_vectors"]


def mend_vectors(parts: PartFolder, about: Mapping[str, Any] | None) -> list[str]:
    """Begin a new manifest where parts or manifests are damaged, and return what was done, a sentence each.

    Parts that are whole stay as they are; rows with bad values and second vectors go; parts that no manifest names,
    and rows of older ones, come back where their texts have no vector otherwise.  A damaged part is deleted, since
    the vectors that it held can be computed again.  `about` is for the case that no manifest can be read.
    """
    with parts.writing() as writer:
        manifests = parts.readable()
        shared, named = manifests[0] if manifests else (about, [])
        if shared is None:
            return []
        others = sorted(path.name for path in parts.folder.glob("part-*.parquet"))
        kept = _Kept(parts.folder, shared)
        base = [kept.take(part.file) for part in reversed(named)][::-1]
        adopted = [kept.take(name, adopt=True) for name in others if name not in {part.file for part in named}]
        now = [part for part in base + adopted if part is not None]
        faults = parts.check()
        if now == named and not faults and not kept.damaged:
            return []
        writer.restate(now, shared)
        for path in kept.damaged:
            path.unlink(missing_ok=True)
        gone = [fault.path for fault in faults if fault.path.name.startswith("manifest")]
        return kept.did + [f"{path} was damaged and is deleted: another manifest takes its place." for path in gone]


@dataclass
class _Kept:
    """The rows that are kept so far, by their text's digest; the last vector of a text is the one that counts."""

    folder: Path
    about: Mapping[str, Any]
    seen: set[str] = field(default_factory=set)
    did: list[str] = field(default_factory=list)
    damaged: list[Path] = field(default_factory=list)

    def take(self, name: str, *, adopt: bool = False) -> Part | None:
        """Return the part with those of its rows that are good and new: itself, another, or None where none are."""
        path = self.folder / name
        part, table = self._read(path)
        if table is None:
            return None
        digests: list[str] = table["text_digest"].to_pylist()
        good = self._new(digests) & self._good(table)
        self.seen.update(digest for digest, keep in zip(digests, good, strict=True) if keep)
        if not good.any():
            if not adopt:
                self.did.append(f"{path} is left out: none of its {len(good):,} vectors is good.")
            return None
        if adopt:
            self.did.append(f"{path} is named again: it holds {int(good.sum()):,} vectors that no other part has.")
        if good.all():
            return part
        self.did.append(f"{path} is replaced by its {int(good.sum()):,} good vectors of {len(good):,}.")
        return write_part(self.folder, table.filter(pa.array(good)))

    def _read(self, path: Path) -> tuple[Part, pa.Table] | tuple[None, None]:
        """Return a part and its rows; None where it is not whole, which is noted."""
        part = describe(path)
        if part is not None:
            return part, read_part(path, part)
        if path.exists():
            self.did.append(f"{path} was damaged and is deleted: what it alone held is computed again.")
            self.damaged.append(path)
        else:
            self.did.append(f"{path} was missing: what it alone held is computed again.")
        return None, None

    def _new(self, digests: list[str]) -> NDArray[np.bool_]:
        last = {digest: row for row, digest in enumerate(digests)}
        return np.array([last[digest] == row and digest not in self.seen for row, digest in enumerate(digests)], bool)

    def _good(self, table: pa.Table) -> NDArray[np.bool_]:
        try:
            vectors = vectors_of(table)
        except DamageError:
            return np.zeros(table.num_rows, bool)
        if vectors.shape[1] != self.about["dimension"]:
            return np.zeros(table.num_rows, bool)
        bad: NDArray[np.bool_] = np.any(list(bad_values(vectors, normalised=self.about["normalised"]).values()), axis=0)
        return ~bad
