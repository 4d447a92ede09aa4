"""The embedding and the map side by side, exactly: who is near to an article in each, and whose distances agree."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from knowscape.maps.neighbours import unit_rows

__all__ = ["Distances", "Kept", "neighbours_kept", "some_distances"]

# Rows are compared with all the others a block at a time: a block's similarities are so many numbers, 64 MB, but not
# those of fewer rows than make a matrix product fast: 128 MB for a million articles.
_NUMBERS, _FEWEST = 1 << 24, 32
_SLICES = 64
_TRUST_DEPTH = 10
_GATHERED = 4096


@dataclass(frozen=True, slots=True)
class Kept:
    """One value in [0, 1] for each article that was measured; float32[m] each.

    `recall` by depth; `trustworthiness` and `continuity` are the article's own terms of those of Venna & Kaski (2001).
    """

    recall: dict[int, NDArray[np.float32]]
    trustworthiness: NDArray[np.float32]
    continuity: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Distances:
    """Distances from one random article to two others, m times: float32[m, 2] in the embedding and on the map."""

    embedding: NDArray[np.float32]
    map: NDArray[np.float32]


def neighbours_kept(
    vectors: NDArray[np.float32], coordinates: NDArray[np.float32], rows: NDArray[np.int64], depths: Sequence[int]
) -> Kept:
    """Compare the neighbours of `rows` int64[m] among `vectors` float32[n, d], by cosine, and on the map.

    Each is compared with all n, in blocks, so that nothing of the size of the vectors is held; they may be a memory
    map.  An article that is as similar as the k-th nearest counts as one of the k.  A depth beyond n - 1 is n - 1.
    """
    kept = np.ones((len(rows), len(depths) + 2), np.float32)
    # A memory map is read by the products themselves; einsum gives the lengths without a second copy.
    scale = 1 / np.maximum(np.sqrt(np.einsum("ij,ij->i", vectors, vectors)), np.float32(1e-12))
    compare = partial(_compare, scale=scale, axes=np.ascontiguousarray(coordinates.T), depths=depths)
    block, threads = max(_FEWEST, _NUMBERS // len(vectors)), os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(rows) if len(vectors) > 1 else 0, block):
            some = rows[start : start + block]
            pieces = (np.array_split(each, threads) for each in (some, vectors[some] @ vectors.T))
            kept[start : start + block] = np.concatenate(list(pool.map(compare, *pieces)))
    *recall, trustworthiness, continuity = np.ascontiguousarray(kept.T)
    return Kept(dict(zip(depths, recall, strict=True)), trustworthiness, continuity)


def some_distances(
    vectors: NDArray[np.float32], coordinates: NDArray[np.float32], count: int, random: np.random.Generator
) -> Distances:
    """Draw `count` triplets of different articles and return their distances: cosine distance, and that on the map.

    `vectors` float32[n, d] with n at least 3, of which only the rows drawn are read.
    """
    n = len(vectors)
    first, step, other = (random.integers(0, end, count) for end in (n, n - 1, n - 2))
    other += other >= step
    pairs = np.stack([(first + step + 1) % n, (first + other + 1) % n], axis=1)
    found = Distances(np.empty((count, 2), np.float32), np.empty((count, 2), np.float32))
    for start in range(0, count, _GATHERED):
        some = slice(start, start + _GATHERED)
        units = [unit_rows(vectors[rows]) for rows in (first[some], *pairs[some].T)]
        found.embedding[some] = np.column_stack([1 - np.einsum("ij,ij->i", units[0], unit) for unit in units[1:]])
        apart = coordinates[pairs[some]] - coordinates[first[some], None]
        found.map[some] = np.linalg.norm(apart, axis=2)
    return found


def _compare(
    rows: NDArray[np.int64],
    products: NDArray[np.float32],
    *,
    scale: NDArray[np.float32],
    axes: NDArray[np.float32],
    depths: Sequence[int],
) -> NDArray[np.float32]:
    """Return the recall by depth, trustworthiness and continuity of each of `rows`, float32[m, depths + 2].

    `products` float32[m, n] are those with all vectors, `scale` float32[n] one over their lengths, and `axes`
    float32[2, n] the places on the map.
    """
    kept = np.empty((len(rows), len(depths) + 2), np.float32)
    deepest = min(max(_TRUST_DEPTH, *depths), len(scale) - 1)
    for values, row, similar in zip(kept, rows, products, strict=True):
        similar *= scale  # noqa: PLW2901 - in place
        near = _closeness(axes, row)
        similar[row] = near[row] = -np.inf
        true, found = _nearest(similar, deepest), _nearest(near, deepest)
        values[:-2] = [_hits(similar, true, found, min(depth, deepest)) for depth in depths]
        values[-2:] = _near_enough(similar, true, found), _near_enough(near, found, true)
    return kept


def _closeness(axes: NDArray[np.float32], row: int) -> NDArray[np.float32]:
    """Return float32[n]: minus the square of each article's distance to one of them on the map."""
    near: NDArray[np.float32] = np.zeros_like(axes[0])
    for axis in axes:
        apart = axis - axis[row]
        apart *= apart
        near -= apart
    return near


def _nearest(closeness: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Return the k places of the greatest values, the greatest first; of equal ones the first.

    The k-th greatest of the maxima of a few values each is no more than the k-th greatest value, so only what reaches
    it is sorted.
    """
    few = max(1, min(_SLICES, len(closeness) // (4 * k)))
    groups = len(closeness) // few
    maxima = closeness[: few * groups].reshape(few, groups).max(axis=0)
    candidates = np.flatnonzero(closeness >= np.partition(maxima, groups - k)[groups - k])
    return candidates[np.argsort(-closeness[candidates], kind="stable")[:k]]


def _hits(similar: NDArray[np.float32], true: NDArray[np.int64], found: NDArray[np.int64], k: int) -> float:
    return np.count_nonzero(similar[found[:k]] >= similar[true[k - 1]]) / k


def _near_enough(closeness: NDArray[np.float32], own: NDArray[np.int64], other: NDArray[np.int64]) -> float:
    """Return 1 where the `other` space's nearest are among the `own` nearest, less the farther they lie behind them.

    It is 0 where they are the farthest of all.
    """
    n = len(closeness)
    k = min(_TRUST_DEPTH, (n - 1) // 2)
    if not k:
        return 1.0
    values, least = closeness[other[:k]], closeness[own[k - 1]]
    ranks = [np.count_nonzero(closeness > value) + 1 for value in values[values < least]]
    return 1 - 2 * sum(rank - k for rank in ranks) / (k * (2 * n - 3 * k - 1))
