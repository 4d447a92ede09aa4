"""The vectors of one encoder, found by the digest of the text that they stand for."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from knowscape.errors import DamageError, Fault, KnowscapeError
from knowscape.store.manifest import PartFolder, PartWriter
from knowscape.store.matrix import matrix_from, to_column
from knowscape.store.parts import Part, damage, open_part, write_part
from knowscape.store.signed import read_signed, write_signed

__all__ = [
    "Stored",
    "VectorStore",
    "VectorWriter",
    "bad_values",
    "row_ranges",
    "vector_schema",
    "vector_table",
    "vectors_of",
]

_QUARANTINE = "quarantine.json"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_BATCH = 4096
_COLUMNS = ["text_digest", "vector"]
_NORM_OFF = 1e-3
_RANGES = 8


@dataclass(frozen=True, slots=True)
class Stored:
    """A part that lies in the folder and that no manifest names yet, and the digests of its texts."""

    part: Part
    digests: Sequence[str]


class VectorStore:
    """A folder of parts with the columns id, text_digest and vector; `about` holds the encoder's spec."""

    def __init__(self, folder: Path) -> None:
        self.parts = PartFolder(folder)
        self._looked_at: set[str] = set()  # the files that `done` knows of

    def done(self) -> set[str]:
        """Return the digests of all texts that have a vector.

        In an object store only these are fetched, and verified by the checksums of their pages.
        """
        if not self.parts.shared:
            table = self.parts.read(["text_digest"])
            return set(table["text_digest"].to_pylist()) if table is not None else set()
        parts = self.parts.parts()
        self._looked_at = {part.file for part in parts}
        return self.digests(parts)

    def digests(self, parts: Sequence[Part]) -> set[str]:
        """Return the digests of the texts that some parts have vectors of."""
        tables = self.parts.scan_parts(parts, ["text_digest"])
        return {digest for table in tables for digest in table["text_digest"].to_pylist()}

    def read(self, digests: Sequence[str]) -> NDArray[np.float32]:
        """Return float32[n, dimension], row i for `digests[i]`; KnowscapeError where some have no vector."""
        if not self.parts.exists():
            raise KnowscapeError(f"{self.parts.folder} holds no vectors. Make them with: knowscape embed")
        about, wanted = self.parts.about(), pa.array(digests, pa.string()).dictionary_encode()
        found, has = list[NDArray[np.float32]](), np.zeros(len(wanted.dictionary), bool)
        # The dictionary has the digests as they first come; a text that comes again is copied from there.
        rows = wanted.indices.to_numpy()
        first = np.unique(rows, return_index=True)[1]

        def take(part: Part) -> None:
            places, vectors = self._places(part, wanted.dictionary, about)
            if not found:
                found.append(np.empty((len(rows), vectors.shape[1]), np.float32))
            found[0][first[places]], has[places] = vectors, True

        self.parts.each(take)
        missing = int((~has[rows]).sum())
        if missing or not found:
            raise KnowscapeError(
                f"{missing:,} of {len(digests):,} texts have no vector in {self.parts.folder}. "
                "Make them with: knowscape embed"
            )
        again = np.delete(np.arange(len(rows)), first)
        found[0][again] = found[0][first[rows[again]]]
        return found[0]

    def _places(
        self, part: Part, wanted: pa.Array, about: Mapping[str, Any]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return which of the `wanted` digests a part has vectors of, and these as float32[n, dimension]."""
        path, table = self.parts.folder / part.file, self.parts.read_part(part, _COLUMNS)
        if table.num_columns < len(_COLUMNS):
            raise DamageError(damage(path, "lacks the column text_digest or vector"))
        try:
            places = pc.index_in(table["text_digest"].combine_chunks().cast(pa.string()), value_set=wanted)
        except pa.ArrowException as error:
            raise DamageError(damage(path, f"is damaged: {error}")) from error
        vectors = vectors_of(table)
        _refuse_absurd(vectors, about.get("dimension"), path)
        here = places.is_valid().to_numpy(zero_copy_only=False)
        return places.drop_null().to_numpy(), vectors if here.all() else vectors[here]

    def quarantine(self) -> dict[str, str]:
        """Return the digests of the texts that could not be embedded, and why."""
        path = self.parts.folder / _QUARANTINE
        texts: dict[str, str] = read_signed(path, _quarantine_of_format_1)["texts"] if path.exists() else {}
        return texts

    def set_quarantine(self, reasons: Mapping[str, str]) -> None:
        """Note which texts could not be embedded, in place of those noted before."""
        path = self.parts.folder / _QUARANTINE
        if reasons or path.exists():
            write_signed(path, {"texts": dict(reasons)})

    @contextmanager
    def writing(self, about: Mapping[str, Any]) -> Iterator["VectorWriter"]:
        """Yield a writer for the vectors of one encoder, which `about` describes."""
        with self.parts.writing() as writer:
            yield VectorWriter(self, writer, about, self._looked_at)

    def check(self, *, full: bool = False) -> list[Fault]:
        """Return what is wrong: parts and quarantine, and with `full` every vector's values, and second vectors."""
        digests: dict[str, pa.ChunkedArray] = {}

        def examine(part: Part) -> list[Fault]:
            faults, digests[part.file] = _examine(self.parts.folder / part.file, about)
            return faults

        try:
            about = self.parts.about() if full else {}
        except DamageError:
            return self.parts.check(full=False) + self._check_quarantine()
        faults = self.parts.check(full=full, examine=examine) + self._check_quarantine()
        return faults + self._second_vectors(digests)

    def _second_vectors(self, digests: Mapping[str, pa.ChunkedArray]) -> list[Fault]:
        """Return a fault for each part with texts that it, or one before it, has already; `digests` by file."""
        files = [part.file for part in self.parts.parts() if part.file in digests] if digests else []
        whole = [chunk for file in files for chunk in digests[file].chunks]
        keys = pa.chunked_array(whole, pa.string()).combine_chunks().fill_null("")
        if pc.count_distinct(keys).as_py() == len(keys):
            return []
        second = np.ones(len(keys), bool)
        second[np.unique(keys.dictionary_encode().indices.to_numpy(), return_index=True)[1]] = False
        faults, start = [], 0
        for file in files:
            repeated, start = int(second[start : start + len(digests[file])].sum()), start + len(digests[file])
            if repeated:
                says = f"has a second vector of {repeated:,} texts"
                faults.append(damage(self.parts.folder / file, says, "duplicate"))
        return faults

    def _check_quarantine(self) -> list[Fault]:
        try:
            self.quarantine()
        except DamageError as error:
            return [error.fault] if error.fault else []
        return []


class VectorWriter:
    """Commits vectors, called with them; what others commit to an object store meanwhile is not named twice."""

    def __init__(self, store: VectorStore, writer: PartWriter, about: Mapping[str, Any], known: Set[str]) -> None:
        self._store, self._writer, self._about = store, writer, about
        self._known, self._theirs = set(known), set[str]()

    def __call__(self, ids: Sequence[str], digests: Sequence[str], vectors: NDArray[np.float32]) -> Path:
        """Commit rows durably and return their file."""
        if not np.isfinite(vectors).all():
            raise KnowscapeError("The encoder returned a vector that is not finite; nothing was stored.")
        table, folder = vector_table(pa.array(ids, pa.string()), pa.array(digests, pa.string()), vectors), self._folder
        if not self._store.parts.shared:
            return folder / self._writer.append(table, self._about).file
        part = write_part(folder, table)
        self.adopt([Stored(part, digests)])
        return folder / part.file

    def adopt(self, stored: Sequence[Stored]) -> None:
        """Commit parts that lie in the folder of an object store, by one manifest."""
        self._writer.extend(lambda named: self._without_theirs(stored, named), self._about)
        self._known.update(each.part.file for each in stored)

    @property
    def _folder(self) -> Path:
        return self._store.parts.folder

    def _without_theirs(self, stored: Sequence[Stored], named: Sequence[Part]) -> list[Part]:
        """Return the parts without rows whose texts another writer has given a vector."""
        new = [part for part in named if part.file not in self._known]
        self._theirs |= self._store.digests(new)
        self._known.update(part.file for part in new)
        found = []
        for each in stored:
            left = pa.array([digest not in self._theirs for digest in each.digests])
            if left.true_count == len(left):
                found.append(each.part)
            elif left.true_count:
                rows = self._store.parts.read_part(each.part)
                found.append(write_part(self._folder, rows.filter(left)))
        return found


def row_ranges(rows: NDArray[np.int64]) -> str:
    """Return ascending row numbers as words: `5 to 9 and 12`."""
    ranges = np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1)
    words = [f"{run[0]:,} to {run[-1]:,}" if len(run) > 1 else f"{run[0]:,}" for run in ranges[:_RANGES] if len(run)]
    if len(ranges) > _RANGES:
        words.append(f"{len(ranges) - _RANGES:,} more ranges")
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def bad_values(vectors: NDArray[np.float32], *, normalised: bool) -> dict[str, NDArray[np.bool_]]:
    """Return for each kind of bad value which rows of float32[n, dimension] have it."""
    with np.errstate(over="ignore", invalid="ignore"):
        norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    off = (np.abs(norms - 1) > _NORM_OFF) & (norms > 0) & normalised
    return {"not finite": ~np.isfinite(norms), "all zero": norms == 0, "not of length one": off & np.isfinite(norms)}


def _quarantine_of_format_1(value: Any) -> dict[str, Any] | None:
    """Return the content of a file of format 1, a mapping of digests to reasons; None where it is not one."""
    plain = isinstance(value, dict) and all(_DIGEST.fullmatch(key) for key in value)
    return {"texts": value} if plain else None


def vector_table(ids: Any, digests: Any, vectors: NDArray[np.float32]) -> pa.Table:
    """Return rows as they stand in a part, from Arrow arrays of strings and float32[n, dimension]."""
    return pa.table({"id": ids, "text_digest": digests, "vector": to_column(vectors.astype(np.float32, copy=False))})


def vector_schema(dimension: int) -> pa.Schema:
    """Return the columns of a part."""
    none = pa.array([], pa.string())
    return vector_table(none, none, np.empty((0, dimension), np.float32)).schema


def vectors_of(rows: pa.Table | pa.RecordBatch) -> NDArray[np.float32]:
    """Return the vectors of some rows of a part as float32[n, dimension]; DamageError where they are something else."""
    return matrix_from(rows["vector"], np.float32)


def _examine(path: Path, about: Mapping[str, Any]) -> tuple[list[Fault], pa.ChunkedArray]:
    """Return the faults of a part's vectors, a few thousand rows at a time, and its text digests."""
    digests: list[pa.Array] = []
    marks: list[dict[str, NDArray[np.bool_]]] = []
    for batch in open_part(path).iter_batches(_BATCH, columns=_COLUMNS):
        vectors = vectors_of(batch)
        if vectors.shape[1] != about["dimension"]:
            says = f"has vectors of {vectors.shape[1]} dimensions, not {about['dimension']}"
            return [damage(path, says, "value")], _keys([])
        marks.append(bad_values(vectors, normalised=about["normalised"]))
        digests.append(batch["text_digest"])
    faults = []
    for what in marks[0] if marks else ():
        bad = np.concatenate([mark[what] for mark in marks])
        if bad.any():
            says = f"holds {int(bad.sum()):,} vectors that are {what}"
            faults.append(damage(path, says, "value", row_ranges(np.flatnonzero(bad))))
    return faults, _keys(digests)


def _keys(arrays: list[pa.Array]) -> pa.ChunkedArray:
    return pa.chunked_array(arrays, pa.string())


def _refuse_absurd(vectors: NDArray[np.float32], dimension: Any, path: Path) -> None:
    """Raise DamageError for vectors of another dimension than the manifest's, or too large to have a length."""
    if vectors.shape[1] != dimension or not dimension:
        says = f"holds vectors of {vectors.shape[1]} dimensions, not {dimension!r:.40}"
        raise DamageError(damage(path, says, "value"))
    with np.errstate(over="ignore", invalid="ignore"):
        bad = ~np.isfinite(np.einsum("ij,ij->i", vectors, vectors))
    if bad.any():
        says = f"holds {int(bad.sum()):,} vectors that are not finite"
        raise DamageError(damage(path, says, "value", row_ranges(np.flatnonzero(bad))))
