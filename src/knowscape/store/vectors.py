"""The vectors of one encoder, found by the digest of the text that they stand for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from knowscape.errors import DamageError, KnowscapeError
from knowscape.files import read_json, write_json
from knowscape.store.manifest import PartFolder

__all__ = ["VectorStore"]

_QUARANTINE = "quarantine.json"

Append = Callable[[Sequence[str], Sequence[str], NDArray[np.float32]], Path]


class VectorStore:
    """A folder of parts with the columns id, text_digest and vector; `about` holds the encoder's spec."""

    def __init__(self, folder: Path) -> None:
        self.parts = PartFolder(folder)

    def done(self) -> set[str]:
        """Return the digests of all texts that have a vector."""
        table = self.parts.read(["text_digest"])
        return set(table["text_digest"].to_pylist()) if table is not None else set()

    def read(self, digests: Sequence[str]) -> NDArray[np.float32]:
        """Return float32[n, dimension], row i for `digests[i]`; KnowscapeError where some have no vector."""
        table = self.parts.read(["text_digest", "vector"])
        if table is not None and table.num_columns < 2:
            raise DamageError(f"{self.parts.folder} lacks the column text_digest or vector.")
        if table is None:
            raise KnowscapeError(f"{self.parts.folder} holds no vectors. Make them with: knowscape embed")
        place = {digest: row for row, digest in enumerate(table["text_digest"].to_pylist())}
        missing = [digest for digest in digests if digest not in place]
        if missing:
            raise KnowscapeError(
                f"{len(missing):,} of {len(digests):,} texts have no vector in {self.parts.folder}. "
                "Make them with: knowscape embed"
            )
        vectors = _matrix(table["vector"].combine_chunks())
        _refuse_absurd(vectors, self.parts)
        return vectors[[place[digest] for digest in digests]]

    def quarantine(self) -> dict[str, str]:
        """Return the digests of the texts that could not be embedded, and why."""
        path = self.parts.folder / _QUARANTINE
        return dict(read_json(path)) if path.is_file() else {}

    def set_quarantine(self, reasons: Mapping[str, str]) -> None:
        """Note which texts could not be embedded, in place of those noted before."""
        path = self.parts.folder / _QUARANTINE
        if reasons or path.exists():
            write_json(path, dict(reasons))

    @contextmanager
    def writing(self, about: Mapping[str, Any]) -> Iterator[Append]:
        """Yield `append(ids, digests, vectors)`, each call of which is one durable commit and returns its file."""
        with self.parts.writing() as writer:

            def append(ids: Sequence[str], digests: Sequence[str], vectors: NDArray[np.float32]) -> Path:
                if not np.isfinite(vectors).all():
                    raise KnowscapeError("The encoder returned a vector that is not finite; nothing was stored.")
                flat = pa.array(np.ascontiguousarray(vectors, dtype=np.float32).ravel())
                table = pa.table(
                    {
                        "id": pa.array(ids, pa.string()),
                        "text_digest": pa.array(digests, pa.string()),
                        "vector": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
                    }
                )
                return self.parts.folder / writer.append(table, about).file

            yield append

    def check(self, *, full: bool = False) -> list[str]:
        """Return what is wrong, one sentence each: parts, and with `full` every vector's values."""
        faults = self.parts.check(full=full)
        if faults or not full or not self.parts.exists():
            return faults
        about = self.parts.about()
        seen: set[str] = set()
        for part in self.parts.parts():
            faults += _check_rows(self.parts.read_part(part), part.file, about, seen)
        return faults


def _matrix(column: pa.Array) -> NDArray[np.float32]:
    if not pa.types.is_fixed_size_list(column.type) or not pa.types.is_floating(column.type.value_type):
        raise DamageError(f"The column vector has type {column.type}, not a list of fixed size.")
    if column.null_count or column.flatten().null_count:
        raise DamageError("The column vector has gaps.")
    values: NDArray[np.float32] = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    return values.reshape(len(column), column.type.list_size)


def _refuse_absurd(vectors: NDArray[np.float32], parts: PartFolder) -> None:
    """Raise DamageError for vectors of another dimension than the manifest's, or too large to have a length."""
    dimension = parts.about().get("dimension")
    if vectors.shape[1] != dimension or dimension < 1:
        raise DamageError(f"{parts.folder}: vectors have {vectors.shape[1]} dimensions, not {dimension!r:.40}.")
    with np.errstate(over="ignore", invalid="ignore"):
        bad = ~np.isfinite(np.einsum("ij,ij->i", vectors, vectors))
    if bad.any():
        raise DamageError(
            f"{parts.folder}: {int(bad.sum()):,} vectors are not finite, the first in row {int(bad.argmax()):,}. "
            "Delete that folder and embed again."
        )


def _check_rows(table: pa.Table, name: str, about: Mapping[str, Any], seen: set[str]) -> list[str]:
    if not {"text_digest", "vector"} <= set(table.column_names):
        return [f"{name}: the column text_digest or vector is missing."]
    vectors = _matrix(table["vector"].combine_chunks())
    faults = []
    if vectors.shape[1] != about["dimension"]:
        faults.append(f"{name}: vectors have {vectors.shape[1]} dimensions, not {about['dimension']}.")
    norms = np.linalg.norm(vectors, axis=1)
    for what, bad in (
        ("not finite", ~np.isfinite(norms)),
        ("all zero", norms == 0),
        ("not of length one", (np.abs(norms - 1) > 1e-3) & bool(about["normalised"])),
    ):
        if bad.any():
            faults.append(f"{name}: {int(bad.sum()):,} vectors are {what}, the first in row {int(bad.argmax()):,}.")
    digests = table["text_digest"].to_pylist()
    repeated = len(digests) - len(set(digests) - seen)
    if repeated:
        faults.append(f"{name}: {repeated:,} texts have a second vector.")
    seen.update(digests)
    return faults
