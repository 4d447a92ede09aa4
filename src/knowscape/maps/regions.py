"""Named parts of the map at several levels of detail."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import floor, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.maps.belonging import AROUND, ground, purity, share_of_own, sizes_of
from knowscape.maps.names import name_regions
from knowscape.maps.neighbours import NeighbourGraph, unit_rows

__all__ = ["Region", "Regions", "best_places", "find_regions", "level_sizes"]

# n articles have about n to these powers regions of the finest and of the coarsest level: 85 and 6 for 684 articles,
# 963 and 15 for 24,403.
_FINEST, _COARSEST = 0.68, 0.27
_ARTICLES_PER_REGION, _MOST, _MOST_COARSE = 4, 4096, 30
# A level has about four times the regions of the one above it; small maps have up to four levels with twice as many.
_STEP, _SMALL_STEP, _SMALL_STEPS = 4, 2, 3
_ITERATIONS, _LEAST = 15, 3
# In units of the mean size of a level's regions, the least size of one.
_SMALL = 0.1
# Besides the one that the label stands on.
_EXEMPLARS = 2
# A label stands where at least so many of the articles around it are its own, if its region has such a place.
_GROUND = 0.8
# A region has a place around which so many of the articles are its own.
_LEAST_GROUND = 0.5


@dataclass(frozen=True, slots=True)
class Region:
    """A named part of the map; it stands on one of its own articles.

    `support` counts its articles; `purity` is the share of their ten true neighbours that are in it too, `place` the
    share of the ten articles nearest to the label that are, None in maps of older versions.  `exemplars` are rows: the
    article that the label stands on, then the most typical by their vectors; `parent` is the index in the level above.
    """

    label: str
    x: float
    y: float
    support: int
    purity: float
    exemplars: tuple[int, ...]
    parent: int | None
    place: float | None = None
    z: float | None = None

    @property
    def point(self) -> tuple[float, ...]:
        """Where the label stands, in as many dimensions as the map has."""
        return (self.x, self.y) if self.z is None else (self.x, self.y, self.z)


@dataclass(frozen=True, slots=True)
class Regions:
    """Levels of regions, coarse to fine, and each row's region int32[n, levels] in them."""

    levels: tuple[tuple[Region, ...], ...]
    membership: NDArray[np.int32]


def level_sizes(count: int) -> list[int]:
    """Return how many regions each level of a map of `count` articles is to have, coarse to fine."""
    finest = max(1, min(round(count**_FINEST), _MOST, count // _ARTICLES_PER_REGION))
    coarsest = max(1, min(round(count**_COARSEST), _MOST_COARSE, finest))
    ratio = finest / coarsest
    steps = max(round(log(ratio, _STEP)), min(_SMALL_STEPS, floor(log(ratio, _SMALL_STEP) + 1e-9)))
    sizes: list[int] = np.unique(np.geomspace(coarsest, finest, steps + 1).round().astype(int)).tolist()
    return sizes


def find_regions(
    coordinates: NDArray[np.float32],
    vectors: NDArray[np.float32],
    graph: NeighbourGraph,
    *,
    titles: Sequence[str],
    texts: Sequence[str],
    seed: int,
) -> Regions:
    """Cluster the map float32[n, dims] by k-means, join what lies side by side by Ward's method, and name each.

    Ward's method sees the clusters' places on the map and their means of `vectors` float32[n, d] alike, so that a
    region is in one piece and about one thing.
    """
    membership = _clusters(coordinates.astype(np.float64), vectors, seed)
    names, unit = name_regions(membership, vectors, graph, titles=titles, texts=texts), unit_rows(vectors)
    levels: list[tuple[Region, ...]] = []
    for level, own in enumerate(membership.T):
        pure, around = purity(graph, own), ground(coordinates, own, coordinates, own)
        regions = []
        for number, members in enumerate(_groups(own)):
            stands = int(best_places(coordinates, members, around)[0])
            x, y, *z = coordinates[stands].tolist()
            regions.append(
                Region(
                    names[level][number],
                    x=x,
                    y=y,
                    support=len(members),
                    purity=float(pure[number]),
                    exemplars=(stands, *_most_central(unit, members[members != stands])),
                    parent=int(membership[members[0], level - 1]) if level else None,
                    place=float(around[stands]),
                    z=z[0] if z else None,
                )
            )
        levels.append(tuple(regions))
    return Regions(tuple(levels), membership)


def _clusters(coordinates: NDArray[np.float64], vectors: NDArray[np.float32], seed: int) -> NDArray[np.int32]:
    """Return the levels' labels int32[n, levels], coarse to fine, each within the one before."""
    *coarser, most = level_sizes(len(coordinates))
    levels = [_cells(coordinates, most, seed)]
    for wanted in reversed(coarser):
        if levels[-1].max() >= wanted:
            levels.append(_joined(levels[-1], coordinates, vectors, wanted))
    return np.column_stack(levels[::-1])


def _joined(
    own: NDArray[np.int32], coordinates: NDArray[np.float64], vectors: NDArray[np.float32], wanted: int
) -> NDArray[np.int32]:
    """Return int32[n]: `wanted` regions, or somewhat fewer, each put together of some of the regions `own`.

    Ward's method keeps what lies apart to itself, however small it is.  What is too small goes to those beside it, and
    the rest is cut finer by as many.
    """
    from sklearn.cluster import AgglomerativeClustering

    groups = _groups(own)
    places = np.stack([coordinates[members].mean(axis=0) for members in groups])
    both = np.hstack([_even(places), _even(np.stack([vectors[members].mean(axis=0) for members in groups]))])
    touching, sizes = _side_by_side(places), sizes_of(own)
    least, joined, missing, cut = _SMALL * sizes.sum() / wanted, np.zeros(len(groups), np.int32), wanted, 0
    while missing > 0 and cut + missing < len(groups):
        cut += missing
        finer = AgglomerativeClustering(cut, connectivity=touching).fit_predict(both)
        finer = _compact(_without_small(finer, sizes, both, touching, least=least))
        missing = wanted - int(finer.max()) - 1
        if missing >= 0:
            joined = finer
    return joined[own]


def _without_small(
    joined: NDArray[np.int64], sizes: NDArray[np.int64], both: NDArray[np.float64], touching: Any, *, least: float
) -> NDArray[np.int64]:
    """Give each cluster of under `least` articles, smallest first, to the nearest of those that it touches."""
    support = np.bincount(joined, sizes)
    for cluster in np.argsort(support, kind="stable"):
        mine = joined == cluster
        near = joined if touching is None else joined[touching[mine].indices]
        beside = np.setdiff1d(near, cluster)
        if support[cluster] < least and len(beside):
            middle = both[mine].mean(axis=0)
            away = [np.linalg.norm(both[joined == other].mean(axis=0) - middle) for other in beside]
            chosen = beside[np.argmin(away)]
            joined[mine] = chosen
            support[chosen] += support[cluster]
    return joined


def _cells(coordinates: NDArray[np.float64], count: int, seed: int) -> NDArray[np.int32]:
    """Return int32[n]: the nearest of `count` centres, or fewer, moved by k-means (Lloyd 1982).

    The nearest centre is found in a tree: comparing all 250,000 articles with all 4,096 centres would take longer than
    the layout.  Cells of fewer than three articles go to those beside them, and so do cells in which a label could not
    stand among their own.
    """
    from scipy.spatial import cKDTree

    distinct = np.unique(coordinates, axis=0)
    chosen = np.random.default_rng(seed).choice(len(distinct), min(count, len(distinct)), replace=False)
    centres = distinct[np.sort(chosen)]
    for step in range(_ITERATIONS):
        own = np.asarray(cKDTree(centres).query(coordinates, workers=-1)[1])
        sizes = np.bincount(own, minlength=len(centres))
        kept = sizes >= (_LEAST if step == _ITERATIONS - 2 else 1)
        if not kept.any():
            kept = sizes == sizes.max()
        if step < _ITERATIONS - 1:
            sums = np.column_stack([np.bincount(own, axis, len(centres)) for axis in coordinates.T])
            centres = sums[kept] / sizes[kept, None]
    return _with_ground(centres, coordinates)


def _with_ground(centres: NDArray[np.float64], coordinates: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return int32[n]: the nearest centre, of those that have an article with mostly their own articles around it."""
    from scipy.spatial import cKDTree

    count = min(AROUND, len(coordinates))
    around = cKDTree(coordinates).query(coordinates, k=count, workers=-1)[1].reshape(-1, count)
    while True:
        own = np.asarray(cKDTree(centres).query(coordinates, workers=-1)[1], np.int32)
        shares = share_of_own(around, own, own, most=sizes_of(own)[own])
        best = np.zeros(len(centres))
        np.maximum.at(best, own, shares)
        kept = best >= _LEAST_GROUND
        if kept.all() or not kept.any():
            return _compact(own)
        centres = centres[kept]


def _even(points: NDArray[Any]) -> NDArray[np.float64]:
    """Return points around 0, at a mean square distance of 1 from it."""
    centred = points.astype(np.float64) - points.mean(axis=0)
    result: NDArray[np.float64] = centred / max(float(np.sqrt((centred**2).sum(axis=1).mean())), 1e-12)
    return result


def _side_by_side(places: NDArray[np.float64]) -> Any:
    """Return a sparse matrix of the places that touch by Delaunay's simplices; None, all, where there are none."""
    from scipy import sparse
    from scipy.spatial import Delaunay, QhullError

    try:
        corners = Delaunay(places).simplices
    except (QhullError, ValueError):  # too few places, or all on a line or in a plane
        return None
    one, other = np.concatenate([corners[:, pair] for pair in combinations(range(corners.shape[1]), 2)]).T
    touching = sparse.coo_matrix((np.ones(len(one)), (one, other)), shape=(len(places), len(places)))
    return (touching + touching.T).tocsr()


def _compact(labels: NDArray[Any]) -> NDArray[np.int32]:
    return np.unique(labels, return_inverse=True)[1].astype(np.int32)


def _groups(labels: NDArray[np.int32]) -> list[NDArray[np.int64]]:
    """Return the rows of every label, which are 0, 1, 2 and so on."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.cumsum(np.bincount(labels))[:-1])


def _most_central(unit: NDArray[np.float32], members: NDArray[np.int64]) -> list[int]:
    """Return the members whose vectors are nearest to the mean of all of them, the nearest first."""
    near = unit[members] @ unit[members].mean(axis=0) if len(members) else np.empty(0)
    rows: list[int] = members[np.argsort(-near, kind="stable")[:_EXEMPLARS]].tolist()
    return rows


def best_places(
    coordinates: NDArray[np.float32], members: NDArray[np.int64], around: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return the members: those among their own first, and of these the nearest to the members' median first.

    `around` float64[n] is how much of what lies around each article is of its own region.
    """
    distance = np.linalg.norm(coordinates[members] - np.median(coordinates[members], axis=0), axis=1)
    result: NDArray[np.int64] = members[np.lexsort((distance, -np.minimum(around[members], _GROUND)))]
    return result
