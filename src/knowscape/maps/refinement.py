"""A local search after the layout: articles move to spots where more neighbours, theirs and others', are true ones.

t-SNE's loss does not count neighbours.  Here each move is judged by the count itself: the hits that the article gains
in its own lists, and those that it brings to, or takes from, the lists of the articles and questions around its old
and its new spot.
"""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.maps.neighbours import NeighbourGraph, without_own
from knowscape.progress import SILENT, Progress

__all__ = ["refine"]

# What the lists of the first 5 and of the first 10 are worth when they are full.  With 100 questions among 24,403
# articles, which kept 0.380 of 5 and 0.303 of 10 before, ten rounds with 0.25, 0.5 and 1 for the five kept 0.402, 0.418
# and 0.429 of 5 and 0.341, 0.335 and 0.328 of 10.  A question's list is worth 20 of these: 1, 5 and 20 left the
# questions, which had 0.852, an overlap of 0.626, 0.816 and 0.866.
_WEIGHTS, _QUESTION_DEPTH, _QUESTION_WEIGHT = {5: 0.5, 10: 1.0}, 5, 20
_DEEPEST, _WORTH = max(_WEIGHTS), sum(_WEIGHTS.values())
# The spots that are tried: each of the five nearest, and the means of two of them.
_WIDTH, _MOST = 5, 2
# How many articles, and questions, around a spot are asked whether they want the newcomer.
_AROUND, _QUESTIONS_AROUND = 16, 4
_SHARE, _BLOCK = 0.25, 2048
# An article does not lie on another one, but this share of the distance to its nearest away, or so many of the layout's
# own units.
_APART, _LEAST_APART = 0.3, 0.02
_LEAST_GAIN = 1e-9


def refine(
    points: NDArray[np.float32],
    graph: NeighbourGraph,
    questions: NDArray[np.float32],
    question_neighbours: NDArray[np.int32],
    *,
    rounds: int,
    seed: int = 0,
    progress: Progress = SILENT,
) -> NDArray[np.float32]:
    """Return float32[n, dims] with some of the points moved; `graph` names the true neighbours of each.

    `questions` float32[q, dims] stay where they are, and want to keep their nearest articles int32[q, 5].  In each of
    the `rounds` a quarter of the points with a wrong neighbour try fifteen spots among their true neighbours, and take
    the best where it is a gain for all together.  A map too small to have ten neighbours stays as it is.
    """
    count, known = graph.indices.shape
    if known < _DEEPEST or count <= _AROUND + 1:
        return points
    random, moved = np.random.default_rng(seed), points.astype(np.float64)
    asked = questions.astype(np.float64)
    with progress.stage("Refinement", total=rounds) as stage, ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in range(rounds):
            state = _Round.of(moved, graph.indices, asked, question_neighbours)
            wrong = np.flatnonzero(state.articles.own < _WORTH - _LEAST_GAIN).astype(np.int32)
            chosen = random.permutation(wrong)[: int(np.ceil(len(wrong) * _SHARE))]
            blocks = [chosen[start : start + _BLOCK] for start in range(0, len(chosen), _BLOCK)]
            # A generator for each block, so that the number of threads does not change the map.
            for rows, spots in list(pool.map(state.better, blocks, random.spawn(len(blocks)))):
                moved[rows] = spots
            stage.advance(1)
    return moved.astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Owners:
    """Articles or questions, m of them, with their lists of the articles nearest on the map.

    `true` int32[m, k] is what they should hold; `reach` float64[m, k + 1] how far each of the found is; `hits` by depth
    bool[m, k + 1], whether it is among the so many true ones; `weights` by depth what a full list is worth; `own`
    float64[m], what the lists are worth, and `leaving` float64[n], what all lists gain when an article goes.
    """

    tree: Any
    true: NDArray[np.int32]
    reach: NDArray[np.float64]
    hits: dict[int, NDArray[np.bool_]]
    weights: Mapping[int, float]
    own: NDArray[np.float64]
    leaving: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        articles: Any,
        places: NDArray[np.float64],
        true: NDArray[np.int32],
        weights: Mapping[int, float],
        *,
        themselves: bool = False,
    ) -> "_Owners":
        """Look the lists of owners at `places` up in the tree of the articles, which may be the owners themselves."""
        from scipy.spatial import cKDTree

        rows = np.arange(len(places)) if themselves else np.full(len(places), -1)
        reach, found = _others(articles, places, rows, max(weights) + 1)
        hits = {k: _among(found, true[:, :k]) for k in weights}
        own, leaving = np.zeros(len(places)), np.zeros(articles.n)
        for k, hit in hits.items():
            own += weights[k] * hit[:, :k].mean(axis=1)
            change = weights[k] / k * (hit[:, k, None].astype(float) - hit[:, :k])  # the next one moves up
            leaving += np.bincount(found[:, :k].ravel(), change.ravel(), articles.n)
        by_place = {k: np.asfortranarray(hit) for k, hit in hits.items()}
        tree = articles if themselves else cKDTree(places)
        return cls(tree, np.asfortranarray(true), np.asfortranarray(reach), by_place, weights, own, leaving)

    def entering(
        self, rows: NDArray[np.int64], distance: NDArray[np.float64], near: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return float64[n, s]: what the lists of the owners near s spots gain when `rows` come there."""
        gain = np.zeros(near.shape[:2])
        # One place of the lists after the other, which is faster than the short lists one after the other.
        wanted = np.zeros(near.shape, np.bool_)
        for place in range(max(self.hits)):
            wanted |= self.true[:, place][near] == rows[:, None, None]
            if (k := place + 1) in self.hits:
                enters = distance < self.reach[:, place][near]
                change = enters * (wanted.astype(np.int8) - self.hits[k][:, place][near])
                gain += self.weights[k] / k * change.sum(axis=-1, dtype=np.int64)
        return gain


@dataclass(frozen=True, slots=True)
class _Round:
    """The articles and the questions as they were at the begin of a round."""

    points: NDArray[np.float64]
    articles: _Owners
    questions: _Owners | None

    @classmethod
    def of(
        cls,
        points: NDArray[np.float64],
        true: NDArray[np.int32],
        questions: NDArray[np.float64],
        question_neighbours: NDArray[np.int32],
    ) -> "_Round":
        from scipy.spatial import cKDTree

        tree = cKDTree(points)
        depth = min(_QUESTION_DEPTH, question_neighbours.shape[1])
        asked = _Owners.of(tree, questions, question_neighbours, {depth: 1.0}) if len(questions) else None
        return cls(points, _Owners.of(tree, points, true, _WEIGHTS, themselves=True), asked)

    def better(
        self, rows: NDArray[np.int64], random: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return which of some rows move, and where to."""
        near = self.articles.true[rows, :_WIDTH]
        spots, room = (
            np.einsum("sw,nw...->ns...", _MEANS, of[near]) for of in (self.points, self.articles.reach[:, 0])
        )
        spots += random.normal(size=spots.shape) * np.maximum(_APART * room, _LEAST_APART)[..., None]
        gain = self.gain(rows, spots)
        far = np.linalg.norm(spots - self.points[rows, None], axis=-1)
        best = np.lexsort((far, -gain), axis=-1)[:, 0]
        each = np.arange(len(rows))
        moves = gain[each, best] > _LEAST_GAIN
        return rows[moves], spots[each, best][moves]

    def gain(self, rows: NDArray[np.int64], spots: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return float64[n, s]: what all lists together gain when each of n rows moves to each of its s spots."""
        own = self.articles
        distance, near = _others(own.tree, spots, rows[:, None], _AROUND)
        gain = own.entering(rows, distance, near) + (own.leaving - own.own)[rows, None]
        for k, weight in own.weights.items():
            gain += weight * _among(near[..., :k], own.true[rows, None, :k]).mean(axis=-1)
        if (asked := self.questions) is not None:
            nobody, around = np.full((len(rows), 1), -1), min(_QUESTIONS_AROUND, len(asked.own))
            distance, near = _others(asked.tree, spots, nobody, around)
            gain += _QUESTION_WEIGHT * (asked.entering(rows, distance, near) + asked.leaving[rows, None])
        return gain


_SUBSETS = list(chain.from_iterable(combinations(range(_WIDTH), size) for size in range(1, _MOST + 1)))
_MEANS = np.array([[(place in subset) / len(subset) for place in range(_WIDTH)] for subset in _SUBSETS])


def _among(found: NDArray[Any], true: NDArray[Any]) -> NDArray[np.bool_]:
    """Return for each entry along the last axis of `found` whether it is in the last axis of `true`."""
    among = np.zeros(np.broadcast_shapes(found.shape[:-1], true.shape[:-1]) + found.shape[-1:], np.bool_)
    for place in range(true.shape[-1]):
        among |= found == true[..., place, None]
    return among


def _others(
    tree: Any, places: NDArray[np.float64], rows: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return distances and rows [..., k] of the k points nearest to each place, without the point `rows` itself."""
    distance, found = tree.query(places, k=k + 1)
    found, distance = without_own(rows, found.astype(np.int32), distance)
    return distance, found
