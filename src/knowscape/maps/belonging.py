"""Whether what lies around an article, in the embedding and on the map, is of the article's own region."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.maps.neighbours import NeighbourGraph

__all__ = ["AROUND", "ground", "purity", "share_of_own", "sizes_of"]

AROUND = 10


def purity(graph: NeighbourGraph, own: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return float64[regions]: the share of the articles' ten true neighbours that are of the same region.

    `own` int32[n] is each article's region.  Of a region of s articles, fewer than eleven, the s - 1 nearest are asked,
    since no more can be in it; a region of one article has purity 1.
    """
    sizes = sizes_of(own)
    shares = share_of_own(graph.indices[:, :AROUND], own, own, most=sizes[own] - 1)
    result: NDArray[np.float64] = np.bincount(own, weights=shares, minlength=len(sizes)) / np.maximum(1, sizes)
    return result


def ground(
    coordinates: NDArray[np.float32], own: NDArray[np.int32], places: NDArray[np.float32], regions: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Return float64[p]: of the ten articles nearest to each place on the map, the share that are of its region.

    `coordinates` float32[n, dims] and `own` int32[n] are the articles', `places` float32[p, dims] and `regions`
    int32[p] the places'.  Of a region of s articles, fewer than ten, the s nearest are asked.
    """
    from scipy.spatial import cKDTree

    count = min(AROUND, len(coordinates))
    near = cKDTree(coordinates).query(places, k=count, workers=-1)[1].reshape(len(places), count)
    sizes = np.bincount(own, minlength=int(regions.max(initial=0)) + 1)
    return share_of_own(near, own, regions, most=sizes[regions])


def share_of_own(
    near: NDArray[Any], own: NDArray[np.int32], regions: NDArray[np.int32], *, most: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return float64[rows]: the share of the first `most` of each row of `near` that are of the row's region.

    `near` int[rows, k] names articles, `own` int32[n] their regions; 1 where there is nothing to ask.
    """
    asked = np.minimum(most, near.shape[1])
    same = (own[near] == regions[:, None]) & (np.arange(near.shape[1]) < asked[:, None])
    result: NDArray[np.float64] = np.where(asked > 0, same.sum(axis=1) / np.maximum(1, asked), 1.0)
    return result


def sizes_of(own: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return how many articles each region has."""
    return np.bincount(own).astype(np.int64)
