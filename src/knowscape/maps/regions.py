"""Named parts of the map at three levels of detail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.maps.names import name_regions
from knowscape.maps.neighbours import NeighbourGraph

__all__ = ["Region", "Regions", "find_regions", "purity"]

_ARTICLES_PER_REGION = 15
_LEAST, _MOST = 12, 240
# The coarser levels have a quarter and a sixteenth of the finest level's regions; small maps have 15 and 7, and the
# smallest a half and a third.
_COARSER = ((4, 15, 2), (16, 7, 3))
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
    """Cluster the map float32[n, 2] by k-means, join what lies side by side by Ward's method, and name each.

    Ward's method sees the clusters' places on the map and their means of `vectors` float32[n, d] alike, so that a
    region is in one piece and about one thing.
    """
    membership = _clusters(coordinates.astype(np.float64), vectors, seed)
    names = name_regions(membership, vectors, graph, titles=titles, texts=texts)
    levels: list[tuple[Region, ...]] = []
    for level, own in enumerate(membership.T):
        regions = []
        for label, members in zip(names[level], _groups(own), strict=True):
            parent = int(membership[members[0], level - 1]) if level else None
            near, share = _from_the_middle(coordinates, members), purity(graph, own, members)
            x, y = map(float, coordinates[near[0]])
            regions.append(Region(label, x, y, len(members), share, tuple(map(int, near[:_EXEMPLARS])), parent))
        levels.append(tuple(regions))
    return Regions(tuple(levels), membership)


def _clusters(coordinates: NDArray[np.float64], vectors: NDArray[np.float32], seed: int) -> NDArray[np.int32]:
    """Return the three levels' labels int32[n, 3], coarse to fine, each within the one before."""
    from sklearn.cluster import AgglomerativeClustering, KMeans

    count = len(coordinates)
    wanted = min(_MOST, max(_LEAST, count // _ARTICLES_PER_REGION), count // 4)
    distinct = len(np.unique(coordinates, axis=0))
    found = KMeans(max(1, min(wanted, distinct)), n_init=1, random_state=seed).fit(coordinates)
    finest = _compact(found.labels_)
    groups = _groups(finest)
    places = np.stack([coordinates[members].mean(axis=0) for members in groups])
    both = np.hstack([_even(places), _even(np.stack([vectors[members].mean(axis=0) for members in groups]))])
    levels = [finest]
    for divisor, least, share in _COARSER:
        fewer = max(len(groups) // divisor, min(least, -(-len(groups) // share)))
        joined = np.zeros(1, int)
        if len(groups) > 1:
            joined = AgglomerativeClustering(fewer, connectivity=_side_by_side(places)).fit_predict(both)
        levels.append(_compact(joined[finest]))
    return np.column_stack(levels[::-1])


def _even(points: NDArray[Any]) -> NDArray[np.float64]:
    """Return points around 0, at a mean square distance of 1 from it."""
    centred = points.astype(np.float64) - points.mean(axis=0)
    result: NDArray[np.float64] = centred / max(float(np.sqrt((centred**2).sum(axis=1).mean())), 1e-12)
    return result


def _side_by_side(places: NDArray[np.float64]) -> Any:
    """Return a sparse matrix of the places that touch by Delaunay's triangles; None, all, where there are none."""
    from scipy import sparse
    from scipy.spatial import Delaunay, QhullError

    try:
        corners = Delaunay(places).simplices
    except (QhullError, ValueError):  # fewer than three places, or all on a line
        return None
    one, other = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]]).T
    touching = sparse.coo_matrix((np.ones(len(one)), (one, other)), shape=(len(places), len(places)))
    return (touching + touching.T).tocsr()


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


def purity(graph: NeighbourGraph, own: NDArray[np.int32], members: NDArray[np.int64]) -> float:
    """Return the share of the members' ten true neighbours that have the same region `own` int32[n]."""
    same = own[graph.indices[members, :_NEIGHBOURS]] == own[members[0]]
    return float(same.mean()) if same.size else 1.0
