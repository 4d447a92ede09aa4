"""Named parts of the map at three levels of detail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.maps.names import RegionNames
from knowscape.maps.neighbours import NeighbourGraph

__all__ = ["Region", "Regions", "find_regions"]

_ARTICLES_PER_REGION = 25
_LEAST, _MOST = 12, 240
# The coarser levels have a quarter and a sixteenth of the finest level's regions, on small maps at least these.
_COARSER = ((4, 9), (16, 4))
_EXEMPLARS = 3
_NEIGHBOURS = 10


@dataclass(frozen=True, slots=True)
class Region:
    """A named part of the map; it stands on one of its own articles.

    `support` counts its articles, `purity` is the share of their ten true neighbours that are in it too, `exemplars`
    are rows, and `parent` is the index in the coarser level.
    """

    label: str
    x: float
    y: float
    support: int
    purity: float
    exemplars: tuple[int, ...]
    parent: int | None


@dataclass(frozen=True, slots=True)
class Regions:
    """Three levels of regions, coarse to fine, and each row's region int32[n, 3] in them."""

    levels: tuple[tuple[Region, ...], ...]
    membership: NDArray[np.int32]


def find_regions(
    coordinates: NDArray[np.float32],
    vectors: NDArray[np.float32],
    graph: NeighbourGraph,
    *,
    titles: Sequence[str],
    texts: Sequence[str],
    seed: int,
) -> Regions:
    """Cluster the map float32[n, 2] by k-means, join the clusters by Ward's method, and name each.

    `vectors` float32[n, d] tell which terms are about what a region is about.
    """
    membership = _clusters(coordinates.astype(np.float64), seed)
    names = RegionNames(titles, texts, vectors, graph)
    levels: list[tuple[Region, ...]] = []
    for level, own in enumerate(membership.T):
        used: set[str] = set()
        regions = []
        for members in _groups(own):
            parent = int(membership[members[0], level - 1]) if level else None
            label = names.name(members, used if parent is None else used | {levels[-1][parent].label})
            used.add(label)
            near, purity = _from_the_middle(coordinates, members), _purity(graph, own, members)
            x, y = map(float, coordinates[near[0]])
            regions.append(Region(label, x, y, len(members), purity, tuple(map(int, near[:_EXEMPLARS])), parent))
        levels.append(tuple(regions))
    return Regions(tuple(levels), membership)


def _clusters(coordinates: NDArray[np.float64], seed: int) -> NDArray[np.int32]:
    """Return the three levels' labels int32[n, 3], coarse to fine, each within the one before."""
    from sklearn.cluster import AgglomerativeClustering, KMeans

    count = len(coordinates)
    wanted = min(_MOST, max(_LEAST, count // _ARTICLES_PER_REGION), count // 4)
    distinct = len(np.unique(coordinates, axis=0))
    found = KMeans(max(1, min(wanted, distinct)), n_init=1, random_state=seed).fit(coordinates)
    finest = _compact(found.labels_)
    centres = np.stack([coordinates[members].mean(axis=0) for members in _groups(finest)])
    levels = [finest]
    for divisor, least in _COARSER:
        fewer = min(len(centres), max(least, len(centres) // divisor))
        joined = np.zeros(1, int) if len(centres) == 1 else AgglomerativeClustering(fewer).fit_predict(centres)
        levels.append(_compact(joined[finest]))
    return np.column_stack(levels[::-1])


def _compact(labels: NDArray[Any]) -> NDArray[np.int32]:
    return np.unique(labels, return_inverse=True)[1].astype(np.int32)


def _groups(labels: NDArray[np.int32]) -> list[NDArray[np.int64]]:
    """Return the rows of every label, which are 0, 1, 2 and so on."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.cumsum(np.bincount(labels))[:-1])


def _from_the_middle(coordinates: NDArray[np.float32], members: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the members, the nearest to their median first."""
    distance = np.linalg.norm(coordinates[members] - np.median(coordinates[members], axis=0), axis=1)
    result: NDArray[np.int64] = members[np.argsort(distance, kind="stable")]
    return result


def _purity(graph: NeighbourGraph, own: NDArray[np.int32], members: NDArray[np.int64]) -> float:
    same = own[graph.indices[members, :_NEIGHBOURS]] == own[members[0]]
    return float(same.mean()) if same.size else 1.0
