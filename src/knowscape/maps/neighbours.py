"""The nearest neighbours of every row in the embedding space; layout, labels and quality all use these."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from knowscape.store.matrix import matrix_from, to_column

__all__ = ["Nearest", "NeighbourGraph", "nearest", "neighbour_graph", "unit_rows", "without_own"]

NEIGHBOURS = 50
# Above this many rows the exact search costs more than the rest of the map.
_EXACT_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class NeighbourGraph:
    """`indices` int32[n, k] and `similarities` float32[n, k], nearest first, a row never its own neighbour."""

    indices: NDArray[np.int32]
    similarities: NDArray[np.float32]

    def to_table(self) -> pa.Table:
        """Return one row per row of the graph, its indices and its similarities."""
        return pa.table({"indices": to_column(self.indices), "similarities": to_column(self.similarities)})

    @classmethod
    def from_table(cls, table: pa.Table) -> "NeighbourGraph":
        """Return the graph that `to_table` wrote; DamageError where the table is something else."""
        return cls(matrix_from(table["indices"], np.int32), matrix_from(table["similarities"], np.float32))


def neighbour_graph(vectors: NDArray[np.float32], k: int = NEIGHBOURS) -> NeighbourGraph:
    """Return the k nearest rows of every row of `vectors` float32[n, d] by cosine; k is at most n - 1.

    Exact up to 50,000 rows; beyond, HNSW over 8-bit scalars (Malkov & Yashunin 2018, in faiss).
    """
    faiss: Any = import_module("faiss")
    unit = unit_rows(vectors)
    rows, width = unit.shape
    k = min(k, rows - 1)
    if k < 1:
        return NeighbourGraph(np.empty((rows, 0), np.int32), np.empty((rows, 0), np.float32))
    if rows <= _EXACT_ROWS:
        index: Any = faiss.IndexFlatIP(width)
    else:
        index = faiss.IndexHNSWSQ(width, faiss.ScalarQuantizer.QT_8bit, 16, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efSearch = 2 * k
        index.train(unit)
    index.add(unit)
    similarities, indices = index.search(unit, k + 1)
    # Among masses of equal vectors the HNSW walk can end early; faiss marks the places it left empty with -1.
    short = np.flatnonzero((indices < 0).any(axis=1))
    if len(short):
        exact = faiss.IndexFlatIP(width)
        exact.add(unit)
        similarities[short], indices[short] = exact.search(unit[short], k + 1)
    indices, similarities = without_own(np.arange(len(unit)), indices, similarities)
    return NeighbourGraph(indices.astype(np.int32), similarities)


class Nearest:
    """The rows of `vectors` float32[n, d], ready to be compared with one query after the other; it holds a copy."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        import faiss

        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(unit_rows(vectors))

    def find(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return indices int32[q, k] and cosines float32[q, k] of the k rows, or all n, nearest to each query."""
        similarities, indices = self._index.search(unit_rows(queries), min(k, self._index.ntotal))
        return indices.astype(np.int32), similarities


def nearest(
    vectors: NDArray[np.float32], queries: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return indices int32[q, k] and cosines float32[q, k] of the rows of `vectors` nearest to each query."""
    return Nearest(vectors).find(queries, k)


def unit_rows(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32[n, d] with rows of length one; a row of zeros stays one."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    result: NDArray[np.float32] = np.ascontiguousarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)
    return result


def without_own(rows: NDArray[Any], found: NDArray[Any], *beside: NDArray[Any]) -> list[NDArray[Any]]:
    """Return lists `found` int[..., k + 1] without the row int[...] whose list it is, and what lies `beside`: [..., k].

    Among equals a row may be missing from its own list; then the last of it goes.
    """
    keep = found != rows[..., None]
    keep[keep.all(axis=-1), -1] = False
    shape = (*keep.shape[:-1], keep.shape[-1] - 1)
    return [values[keep].reshape(shape) for values in (found, *beside)]
