"""How far a map may be trusted: the share of true neighbours that are still neighbours on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.maps.neighbours import NeighbourGraph

__all__ = ["Interval", "MapQuality", "measure", "neighbour_recall", "question_overlap"]

DEPTHS = (5, 10, 50)
_NORMAL_95 = 1.96


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


def neighbour_recall(graph: NeighbourGraph, coordinates: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """Return float32[n]: for each row the share of its k true neighbours among its k nearest on the map."""
    k = min(k, graph.indices.shape[1])
    if k < 1:
        return np.ones(len(coordinates), np.float32)
    found = _nearest_on_map(coordinates, coordinates, k + 1)
    keep = found != np.arange(len(found))[:, None]
    keep[keep.all(axis=1), -1] = False
    return _overlap(graph.indices[:, :k], found[keep].reshape(len(found), k))


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
    return _overlap(neighbours[:, :k], _nearest_on_map(documents, questions, k))


def measure(
    graph: NeighbourGraph,
    documents: NDArray[np.float32],
    *,
    question_neighbours: NDArray[np.int32],
    questions: NDArray[np.float32],
) -> MapQuality:
    """Return the quality of the coordinates float32[n, 2] and float32[q, 2]."""
    recall = {k: _interval(neighbour_recall(graph, documents, k)) for k in DEPTHS}
    if not len(questions):
        return MapQuality(recall, None)
    return MapQuality(recall, float(question_overlap(question_neighbours, questions, documents).mean()))


def _nearest_on_map(points: NDArray[np.float32], queries: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    from scipy.spatial import cKDTree

    found: NDArray[np.int64] = cKDTree(points).query(queries, k=k, workers=-1)[1].reshape(len(queries), k)
    return found


def _overlap(true: NDArray[np.int32], found: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the share of each row of `true` that is in the same row of `found`."""
    size = int(max(true.max(initial=0), found.max(initial=0))) + 1
    offset = np.arange(len(true))[:, None] * size
    hits = np.isin(true + offset, found + offset)
    result: NDArray[np.float32] = hits.mean(axis=1, dtype=np.float32)
    return result


def _interval(values: NDArray[np.float32]) -> Interval:
    mean = float(values.mean())
    half = _NORMAL_95 * float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 1.0
    return Interval(mean, max(0.0, mean - half), min(1.0, mean + half))
