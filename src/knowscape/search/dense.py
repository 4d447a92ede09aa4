"""Search by meaning: the vectors nearest to a query's, exactly, or through a graph over their 8-bit copies."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.search.compressed import Compressed

__all__ = ["EXACT_ROWS", "DenseIndex", "build_graph", "extend_graph", "read_graph", "write_graph"]

# Up to so many rows a query is compared with all: 50,000 of 384 numbers take 10 ms on two cores.
EXACT_ROWS = 30_000
# Hierarchical navigable small worlds (Malkov & Yashunin 2018): links of a row, and how many are looked at in building.
_LINKS, _BUILT_WITH = 16, 60
# Candidates of the graph for each row that is wanted, at least; all are compared again with the full vectors.
_CANDIDATES, _LEAST_CANDIDATES = 3, 100
# Where a filter leaves less than this share, the rows left are compared one by one: a walk through a graph would stray.
_SPARSE = 0.1


class DenseIndex:
    """Rows of float32[n, dimension] in several blocks, and what finds candidates among them: a graph, or smaller codes.

    Without either every search is exact.
    """

    def __init__(
        self, blocks: Sequence[NDArray[np.float32]], graph: Any = None, codes: Compressed | None = None
    ) -> None:
        self._blocks = [block for block in blocks if len(block)]
        self._starts = np.cumsum([0, *(len(block) for block in self._blocks)])
        self._graph, self._codes = graph, codes

    def __len__(self) -> int:
        return int(self._starts[-1])

    def search(
        self, query: NDArray[np.float32], k: int, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return rows int64[h] and dot products float32[h] of the k rows nearest to `query`, best first.

        Only rows that are `allowed`, bool[n], are returned.  Equal ones rank by row.  Codes that are not to be rescored
        decide by themselves.
        """
        some = len(self) if allowed is None else int(allowed.sum())
        k = min(k, some)
        if not k:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        if (self._graph is None and self._codes is None) or some < _SPARSE * len(self):
            rows = np.arange(len(self)) if allowed is None else np.flatnonzero(allowed)
        elif self._codes is not None:
            rescore = self._codes.compression.rescore
            rows, near = self._coded(self._codes, query, max(1, rescore) * k, allowed)
            if not rescore:
                return rows, near
        else:
            rows = self._candidates(query, max(_CANDIDATES * k, _LEAST_CANDIDATES), allowed)
        scores = self.scores(query, rows) if len(rows) < len(self) else self._all_scores(query)[rows]
        best = np.argpartition(-scores, k - 1)[:k] if k < len(rows) else np.arange(len(rows))
        best = best[np.lexsort((rows[best], -scores[best]))]
        return rows[best], scores[best]

    def scores(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the dot products float32[h] of the query with some rows."""
        found = np.empty(len(rows), np.float32)
        where = np.searchsorted(self._starts, rows, "right") - 1
        for number, block in enumerate(self._blocks):
            here = where == number
            if here.any():
                found[here] = block[rows[here] - self._starts[number]] @ query
        return found

    def _all_scores(self, query: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.concatenate([block @ query for block in self._blocks])

    def _coded(
        self, codes: Compressed, query: NDArray[np.float32], count: int, allowed: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the rows whose codes are nearest, as many as wanted of those that are allowed, and their scores."""
        take = count if allowed is None else 2 * count
        while True:
            rows, scores = (found[0] for found in codes.coarse(query[None], take))
            kept = np.ones(len(rows), bool) if allowed is None else allowed[rows]
            if kept.sum() >= count or take >= len(self):
                return rows[kept][:count], scores[kept][:count]
            take *= 4

    def _candidates(
        self, query: NDArray[np.float32], count: int, allowed: NDArray[np.bool_] | None
    ) -> NDArray[np.int64]:
        faiss: Any = import_module("faiss")
        parameters = faiss.SearchParametersHNSW(efSearch=2 * count)
        if allowed is not None:
            bits = np.packbits(allowed, bitorder="little")
            parameters.sel = faiss.IDSelectorBitmap(len(allowed), faiss.swig_ptr(bits))
        _, rows = self._graph.search(query[None], min(count, len(self)), params=parameters)
        found: NDArray[np.int64] = rows[0][rows[0] >= 0]
        return found


def build_graph(blocks: Sequence[NDArray[np.float32]]) -> Any:
    """Return the graph over rows of float32[n, dimension], compared by their dot product."""
    faiss: Any = import_module("faiss")
    graph = faiss.IndexHNSWSQ(blocks[0].shape[1], faiss.ScalarQuantizer.QT_8bit, _LINKS, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = _BUILT_WITH
    graph.train(np.ascontiguousarray(blocks[0]))
    extend_graph(graph, blocks)
    return graph


def extend_graph(graph: Any, blocks: Sequence[NDArray[np.float32]]) -> None:
    """Put the rows of further blocks into a graph."""
    for block in blocks:
        graph.add(np.ascontiguousarray(block))


def write_graph(path: Path, graph: Any) -> None:
    """Write a graph as a new file, in place of one that other names may have too; not durable yet."""
    import faiss

    path.unlink(missing_ok=True)
    faiss.write_index(graph, str(path))


def read_graph(path: Path) -> Any:
    """Return the graph in a file."""
    import faiss

    return faiss.read_index(str(path))
