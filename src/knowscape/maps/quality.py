"""How far a map may be trusted: what it keeps of the neighbours and distances in the embedding."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.maps.intervals import Interval, mean_interval, rank_correlation_interval
from knowscape.maps.neighbours import NeighbourGraph, without_own
from knowscape.maps.ranks import neighbours_kept, some_distances
from knowscape.maps.regions import Regions

__all__ = [
    "DEPTHS",
    "MapQuality",
    "RegionRecall",
    "clearly_worse",
    "measure",
    "nearest_on_map",
    "neighbour_recall",
    "overlap",
    "question_overlap",
    "region_recall",
]

DEPTHS = (5, 10, 50)
_ROWS_AT_ONCE = 1024
# All articles are measured where that takes so many comparisons, else as many as that allows, but at least so many:
# their share of kept neighbours is then known to about 0.01.
_COMPARISONS, _LEAST_MEASURED = 100_000_000, 2000
_TRIPLETS = 20_000
# Two seeds give maps that differ by less.
_CLEAR = 0.02


@dataclass(frozen=True, slots=True)
class MapQuality:
    """What a map keeps, of the whole corpus.

    `recall` by depth is the mean share of the articles' nearest that are still nearest on the map, `question_overlap`
    the same at 5 for the questions; `trustworthiness` and `continuity` are those of Venna & Kaski (2001) at 10;
    `random_triplets` is the share of random triplets whose nearer pair is the nearer one on the map (Wang et al.
    2021); `distance_rank_correlation` is Spearman's between the distances of random pairs, from -1 to 1.  `measured`
    counts the articles of the first four.  A map of an earlier version may have recall and overlap alone.
    """

    recall: Mapping[int, Interval]
    question_overlap: float | None
    trustworthiness: Interval | None = None
    continuity: Interval | None = None
    random_triplets: Interval | None = None
    distance_rank_correlation: Interval | None = None
    measured: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values, the depths as strings."""
        return {**asdict(self), "recall": {str(k): asdict(interval) for k, interval in self.recall.items()}}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "MapQuality":
        """Return what `to_json` wrote; what is missing is None."""
        intervals = {name: value.get(name) for name in _INTERVALS}
        return cls(
            {int(k): Interval(**interval) for k, interval in value["recall"].items()},
            value["question_overlap"],
            **{name: Interval(**interval) if interval else None for name, interval in intervals.items()},
            measured=value.get("measured"),
        )

    def words(self) -> dict[str, str]:
        """Return the figures for a person: what was asked, and the answer with its interval."""
        found = {f"of the {k} nearest kept": _words(interval) for k, interval in self.recall.items()}
        if self.question_overlap is not None:
            found["of questions' 5 nearest kept"] = f"{self.question_overlap:.3f}"
        for name, what in _INTERVALS.items():
            interval: Interval | None = getattr(self, name)
            if interval is not None:
                found[what] = _words(interval)
        return found


@dataclass(frozen=True, slots=True)
class RegionRecall:
    """A region's label, the number of its articles, and the mean of their recall at 10."""

    label: str
    support: int
    recall: float


_INTERVALS = {
    "trustworthiness": "near on the map is near in meaning",
    "continuity": "near in meaning is near on the map",
    "random_triplets": "the nearer of two is nearer on the map",
    "distance_rank_correlation": "far distances agree, -1 to 1",
}


def measure(
    vectors: NDArray[np.float32],
    coordinates: NDArray[np.float32],
    overlap: NDArray[np.float32] | None = None,
    *,
    sample: int | None = None,
    seed: int = 0,
) -> MapQuality:
    """Return the quality of a map float32[n, 2] of `vectors` float32[n, d]; `overlap` float32[q] is the questions' own.

    Neighbours are compared exactly with the full corpus: those of all articles where there are at most 10,000, else
    of a random sample of at least 2,000, or of `sample` articles.  Distances are those of 20,000 random triplets.  The
    same seed measures the same articles.  The vectors may be a memory map; nothing of their size is held.
    """
    count, random = len(vectors), np.random.default_rng(seed)
    wanted = min(count, sample or max(_LEAST_MEASURED, _COMPARISONS // count))
    rows = np.sort(random.choice(count, wanted, replace=False))
    kept = neighbours_kept(vectors, coordinates, rows, DEPTHS)
    return MapQuality(
        recall={k: mean_interval(values, count) for k, values in kept.recall.items()},
        question_overlap=None if overlap is None else float(overlap.mean()),
        trustworthiness=mean_interval(kept.trustworthiness, count),
        continuity=mean_interval(kept.continuity, count),
        measured=wanted,
        **_far(vectors, coordinates, random),
    )


def clearly_worse(new: MapQuality, old: MapQuality) -> bool:
    """Return whether a map's recall at 10 lies below another's by more than 0.02 and more than their intervals."""
    ours, theirs = new.recall[10], old.recall[10]
    return ours.high < theirs.low and theirs.mean - ours.mean > _CLEAR


def region_recall(regions: Regions, recall: NDArray[np.float32]) -> list[list[RegionRecall]]:
    """Return by level what each region keeps: the mean of its articles' `recall` float32[n or more], in their order.

    Nothing is estimated: it is the mean over all articles of a region, however few these are.
    """
    recall = recall[: len(regions.membership)]
    found = []
    for own, level in zip(regions.membership.T, regions.levels, strict=True):
        means = np.bincount(own, recall, len(level)) / np.maximum(np.bincount(own, minlength=len(level)), 1)
        found.append([RegionRecall(each.label, each.support, float(m)) for each, m in zip(level, means, strict=True)])
    return found


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
    [found] = without_own(np.arange(len(coordinates)), nearest_on_map(coordinates, coordinates, deepest + 1))
    return {k: overlap(graph.indices, found, min(k, known)) for k in depths}


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
    return overlap(neighbours, nearest_on_map(documents, questions, k), k)


def nearest_on_map(points: NDArray[np.float32], queries: NDArray[np.float32], k: int) -> NDArray[np.int32]:
    """Return int32[q, k]: the points of float32[n, 2] nearest to each of `queries` float32[q, 2], the nearest first."""
    from scipy.spatial import cKDTree

    found: NDArray[np.int64] = cKDTree(points).query(queries, k=k, workers=-1)[1].reshape(len(queries), k)
    return found.astype(np.int32)


def overlap(true: NDArray[np.int32], found: NDArray[np.int32], k: int) -> NDArray[np.float32]:
    """Return the share of the first k of each row of `true` that is among the first k of the same row of `found`."""
    hits = np.empty(len(true), np.float32)
    for start in range(0, len(true), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        same = true[rows, :k, None] == found[rows, None, :k]
        hits[rows] = np.count_nonzero(same, axis=(1, 2))
    return hits / np.float32(k)


def _far(
    vectors: NDArray[np.float32], coordinates: NDArray[np.float32], random: np.random.Generator
) -> dict[str, Interval | None]:
    """Return the two figures of far distances."""
    if len(vectors) < 3:
        return {}
    drawn = some_distances(vectors, coordinates, _TRIPLETS, random)
    (one, other), (near, far) = drawn.embedding.T, drawn.map.T
    return {
        "random_triplets": mean_interval((one < other) == (near < far)),
        "distance_rank_correlation": rank_correlation_interval(one, near),
    }


def _words(interval: Interval) -> str:
    if interval.low == interval.high:
        return f"{interval.mean:.3f}"
    return f"{interval.mean:.3f} ({interval.low:.3f} to {interval.high:.3f})"
