"""How far a map may be trusted: the share of true neighbours that are still neighbours on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.maps.neighbours import NeighbourGraph

__all__ = ["DEPTHS", "Interval", "MapQuality", "measure", "neighbour_recall", "question_overlap"]

DEPTHS = (5, 10, 50)
_NORMAL_95 = 1.96
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over the articles with its 95 % confidence interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class MapQuality:
    """Neighbour recall at 5, 10 and 50 against the full corpus, and the questions' mean top-5 overlap."""

    recall: Mapping[int, Interval]
    question_overlap: float | None

    def to_json(self) -> dict[str, Any]:
        """Return plain values, the depths as strings."""
        recall = {str(k): {"mean": i.mean, "low": i.low, "high": i.high} for k, i in self.recall.items()}
        return {"recall": recall, "question_overlap": self.question_overlap}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "MapQuality":
        """Return what `to_json` wrote."""
        return cls({int(k): Interval(**i) for k, i in value["recall"].items()}, value["question_overlap"])


def neighbour_recall(
    graph: NeighbourGraph, coordinates: NDArray[np.float32], depths: Sequence[int]
) -> dict[int, NDArray[np.float32]]:
    """Return float32[n] by depth k: for each row the share of its k true neighbours among its k nearest on the map.

    A graph that knows fewer than k neighbours is asked for as many as it knows.
    """
    known = graph.indices.shape[1]
    if not known:
        return {k: np.ones(len(coordinates), np.float32) for k in depths}
    deepest = min(known, max(depths))
    found = _nearest_on_map(coordinates, coordinates, deepest + 1)
    keep = found != np.arange(len(found))[:, None]
    keep[keep.all(axis=1), -1] = False
    found = found[keep].reshape(len(found), deepest)
    return {k: _overlap(graph.indices, found, min(k, known)) for k in depths}


def question_overlap(
    neighbours: NDArray[np.int32],
    questions: NDArray[np.float32],
    documents: NDArray[np.float32],
    *,
    k: int = 5,
) -> NDArray[np.float32]:
    """Return float32[q]: the share of each question's k nearest articles among its k nearest on the map.

    `neighbours` int32[q, k or more], nearest first; `questions` float32[q, 2]; `documents` float32[n, 2].
    """
    k = min(k, neighbours.shape[1])
    return _overlap(neighbours, _nearest_on_map(documents, questions, k), k)


def measure(recall: Mapping[int, NDArray[np.float32]], overlap: NDArray[np.float32] | None) -> MapQuality:
    """Return the quality of a map from its articles' recall by depth and its questions' top-5 overlap."""
    intervals = {k: _interval(values) for k, values in recall.items()}
    return MapQuality(intervals, None if overlap is None else float(overlap.mean()))


def _nearest_on_map(points: NDArray[np.float32], queries: NDArray[np.float32], k: int) -> NDArray[np.int32]:
    from scipy.spatial import cKDTree

    found: NDArray[np.int64] = cKDTree(points).query(queries, k=k, workers=-1)[1].reshape(len(queries), k)
    return found.astype(np.int32)


def _overlap(true: NDArray[np.int32], found: NDArray[np.int32], k: int) -> NDArray[np.float32]:
    """Return the share of the first k of each row of `true` that is among the first k of the same row of `found`."""
    hits = np.empty(len(true), np.float32)
    for start in range(0, len(true), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        same = true[rows, :k, None] == found[rows, None, :k]
        hits[rows] = np.count_nonzero(same, axis=(1, 2))
    return hits / np.float32(k)


def _interval(values: NDArray[np.float32]) -> Interval:
    mean = float(values.mean())
    half = _NORMAL_95 * float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 1.0
    return Interval(mean, max(0.0, mean - half), min(1.0, mean + half))
