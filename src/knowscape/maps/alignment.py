"""Laying one map over another, so that users find their place again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.maps.neighbours import NeighbourGraph

__all__ = ["Alignment", "align", "rows_of", "starting_places"]

_NEAR = 10


@dataclass(frozen=True, slots=True)
class Alignment:
    """A similarity of the plane, or of space: `turn` float64[dims, dims] about `centre`, a `scale`, a `target`."""

    turn: NDArray[np.float64]
    scale: float
    centre: NDArray[np.float64]
    target: NDArray[np.float64]

    def turned(self, points: NDArray[Any]) -> NDArray[np.float32]:
        """Return points float32[n, dims] turned or mirrored only, in their own scale."""
        result: NDArray[np.float32] = (points @ self.turn).astype(np.float32)
        return result

    def laid_over(self, points: NDArray[Any]) -> NDArray[np.float32]:
        """Return points float32[n, dims] turned, scaled and moved."""
        moved = self.scale * ((points - self.centre) @ self.turn) + self.target
        result: NDArray[np.float32] = moved.astype(np.float32)
        return result


def align(points: NDArray[Any], onto: NDArray[Any]) -> Alignment:
    """Return the similarity that lays `points` [n, dims] best over `onto` [n, dims], by least squares (Procrustes).

    Schoenemann 1966, Gower 1975.  Points that are all in one place are moved only.
    """
    from scipy.linalg import orthogonal_procrustes

    centre, target = (places.mean(axis=0, dtype=np.float64) for places in (points, onto))
    own, other = points - centre, onto - target
    size = float((own**2).sum())
    if size == 0:
        return Alignment(np.eye(len(centre)), 1.0, centre, target)
    turn, singular = orthogonal_procrustes(own, other)
    return Alignment(turn, float(singular) / size, centre, target)


def rows_of(ids: Sequence[str], among: Sequence[str]) -> NDArray[np.int64]:
    """Return for each id its row in `among`, int64[n]; -1 where it is not there."""
    place = {name: row for row, name in enumerate(among)}
    return np.array([place.get(name, -1) for name in ids], np.int64)


def starting_places(places: NDArray[np.float32], rows: NDArray[np.int64], graph: NeighbourGraph) -> NDArray[np.float64]:
    """Return where articles are on a map, float64[n, dims], by their `rows` int64[n] in its `places` float32[m, dims].

    One that it lacks (-1) comes amid those of its ten nearest articles that it has.
    """
    known = np.asarray(rows >= 0)
    start = np.zeros((len(rows), places.shape[1]))
    start[known] = places[rows[known]]
    near = graph.indices[~known, :_NEAR]
    has = known[near]
    middle = (start[near] * has[..., None]).sum(axis=1) / np.maximum(1, has.sum(axis=1, keepdims=True))
    start[~known] = np.where(has.any(axis=1, keepdims=True), middle, start[known].mean(axis=0))
    return start
