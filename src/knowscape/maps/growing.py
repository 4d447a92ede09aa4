"""A map that grows: what is on it stays where it is, bit for bit, and what is new is placed among it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.maps.alignment import rows_of, starting_places
from knowscape.maps.belonging import ground, purity
from knowscape.maps.drift import measure_drift
from knowscape.maps.knowledge_map import KnowledgeMap, measured, question_region
from knowscape.maps.layout import normalise
from knowscape.maps.neighbours import NEIGHBOURS, NeighbourGraph, nearest, without_own
from knowscape.maps.placing import DEPTH, Ground, settle
from knowscape.maps.regions import Regions

__all__ = ["extend_graph", "grow_map"]

# A larger map's quality is measured on so many of its articles: measuring more would take longer than all the rest.
_FEW, _MEASURED = 5000, 2000


def extend_graph(graph: NeighbourGraph, vectors: NDArray[np.float32], known: NDArray[np.int64]) -> NeighbourGraph:
    """Return the neighbours of all rows of `vectors` float32[n, d], given those of the rows `known` int64[m].

    As exact as `graph` is: new rows are compared with all others, and each list takes in the new rows that are nearer.
    """
    count, new = len(vectors), np.setdiff1d(np.arange(len(vectors)), known)
    k = min(NEIGHBOURS, count - 1)
    indices, similarities = np.empty((count, k), np.int32), np.empty((count, k), np.float32)
    if not len(new):
        return graph
    found, near = nearest(vectors, vectors[new], k + 1)
    indices[new], similarities[new] = without_own(new, found, near)
    found, near = nearest(vectors[new], vectors[known], k)
    both = np.concatenate([known[graph.indices], new[found]], axis=1)
    likeness = np.concatenate([graph.similarities, near], axis=1)
    order = np.argsort(-likeness, axis=1, kind="stable")[:, :k]
    indices[known] = np.take_along_axis(both, order, axis=1)
    similarities[known] = np.take_along_axis(likeness, order, axis=1)
    return NeighbourGraph(indices, similarities)


def grow_map(
    before: KnowledgeMap,
    *,
    vectors: NDArray[np.float32],
    graph: NeighbourGraph,
    question_vectors: NDArray[np.float32] | None,
    ids: tuple[Sequence[str], Sequence[str]],
    padding: float,
    about: Mapping[str, Any],
) -> KnowledgeMap:
    """Return the map `before` with more articles and questions; `ids` are those of all articles and all questions.

    `vectors` float32[n, d], their `graph` and `question_vectors` float32[q, d] are of all, too.  What `before` has,
    all of which must be among `ids`, keeps its places, bit for bit; its regions keep labels, exemplars and places.
    `about` gets `drift`.
    """
    asked = question_vectors if question_vectors is not None else np.empty((0, vectors.shape[1]), np.float32)
    near, similarities = nearest(vectors, asked, DEPTH + 1)
    points = _Points(before, ids)
    points.place_articles(graph)
    points.place_questions(graph, near, similarities)
    coordinates = normalise(points.raw)
    articles, questions = coordinates[: points.count], coordinates[points.count :]
    membership = points.membership(articles)
    quality, recall = measured(
        vectors, graph, coordinates, near[:, :DEPTH], sample=_MEASURED if points.count > _FEW else None
    )
    added = ~np.isnan(points.confidence[: points.count])
    drift = measure_drift(vectors, added, confidence=points.confidence[: points.count], recall=recall[: points.count])
    return KnowledgeMap(
        document_ids=list(ids[0]),
        question_ids=list(ids[1]),
        coordinates=coordinates,
        raw=points.raw,
        membership=np.concatenate([membership, membership[near[:, 0]]]),
        recall_10=recall,
        confidence=points.confidence,
        regions=_measured_again(before.regions, membership, articles, moved=points.moved, graph=graph),
        quality=quality,
        question_region=question_region(questions, padding) if len(questions) else None,
        about={**about, "drift": drift.to_json() if drift is not None else None},
    )


class _Points:
    """The points of a map that grows: `raw` float32[n + q, dims] and `confidence` float32[n + q], articles first.

    `moved` int64[m] are the rows that the articles of the map before have now.
    """

    def __init__(self, before: KnowledgeMap, ids: tuple[Sequence[str], Sequence[str]]) -> None:
        self._before, self.count = before, len(ids[0])
        asked = rows_of(ids[1], before.question_ids)
        asked[asked >= 0] += len(before.document_ids)
        self._rows = np.concatenate([rows_of(ids[0], before.document_ids), asked])
        self.moved = rows_of(before.document_ids, ids[0])
        known = self._rows >= 0
        self.raw = np.zeros((len(known), before.dims), np.float32)
        self.confidence = np.full(len(known), np.nan, np.float32)
        self.raw[known] = before.raw[self._rows[known]]
        self.confidence[known] = before.confidence[self._rows[known]]

    def place_articles(self, graph: NeighbourGraph) -> None:
        """Place the new articles among all, at first amid those that were there."""
        rows = self._rows[: self.count]
        new = np.flatnonzero(rows < 0)
        if len(new):
            start = starting_places(self._before.raw, rows, graph).astype(np.float32)
            places, trust = settle(start, new, graph)
            self._put(new, places)
            self.confidence[new] = trust.confidence

    def place_questions(
        self, graph: NeighbourGraph, indices: NDArray[np.int32], similarities: NDArray[np.float32]
    ) -> None:
        """Place the new questions by their nearest articles int32[q, k] and float32[q, k]."""
        new = np.flatnonzero(self._rows[self.count :] < 0)
        if len(new):
            ground = Ground(self.raw[: self.count], graph)
            spots = ground.place(indices[new], similarities[new])
            self._put(self.count + new, spots.places)
            self.confidence[self.count + new] = ground.judge(spots).confidence

    def membership(self, places: NDArray[np.float32]) -> NDArray[np.int32]:
        """Return the regions int32[n, levels] of the articles at `places`: a new one's are those of the nearest old."""
        from scipy.spatial import cKDTree

        own = np.empty((self.count, self._before.membership.shape[1]), np.int32)
        own[self.moved] = self._before.regions.membership
        new = np.flatnonzero(self._rows[: self.count] < 0)
        own[new] = self._before.regions.membership[cKDTree(places[self.moved]).query(places[new])[1]]
        return own

    def _put(self, rows: NDArray[np.int64], places: NDArray[Any]) -> None:
        """Place rows, within the extent of the map before: rounding could lead out, and would move all the others."""
        low, high = self._before.raw.min(axis=0), self._before.raw.max(axis=0)
        self.raw[rows] = np.clip(places, low, high)


def _measured_again(
    regions: Regions,
    membership: NDArray[np.int32],
    places: NDArray[np.float32],
    *,
    moved: NDArray[np.int64],
    graph: NeighbourGraph,
) -> Regions:
    """Return the regions with these members int32[n, levels] at `places` float32[n, dims], under the same labels.

    `moved` are the rows that the exemplars have now.
    """
    levels = []
    for level, own in zip(regions.levels, membership.T, strict=True):
        exemplars = [moved[list(region.exemplars)] for region in level]
        sizes, pure = np.bincount(own), purity(graph, own)
        around = ground(places, own, places[[rows[0] for rows in exemplars]], np.arange(len(level), dtype=np.int32))
        levels.append(
            tuple(
                replace(
                    region,
                    support=int(sizes[number]),
                    purity=float(pure[number]),
                    exemplars=tuple(map(int, exemplars[number])),
                    place=float(around[number]),
                )
                for number, region in enumerate(level)
            )
        )
    return Regions(tuple(levels), membership)
