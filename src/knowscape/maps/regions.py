"""Named parts of the map at three levels of detail."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.maps.neighbours import NeighbourGraph

__all__ = ["Region", "Regions", "find_regions"]

_ARTICLES_PER_REGION = 60
_LEAST, _MOST = 12, 240
# The coarser levels have a quarter and a sixteenth of the finest level's regions, on small maps at least these.
_COARSER = ((4, 6), (16, 3))
_EXEMPLARS = 3
_NEIGHBOURS = 10
_TERMS_TRIED = 36
# Words are counted in an even sample: at 250,000 articles the two-word terms of all would take gigabytes.
_NAMING_ROWS = 40_000
_NAMING_CHARACTERS = 1_000
_LONGEST_LABEL = 40


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
    graph: NeighbourGraph,
    *,
    titles: Sequence[str],
    texts: Sequence[str],
    seed: int,
) -> Regions:
    """Cluster the map float32[n, 2] by k-means, join the clusters by Ward's method, and name each by its words.

    A term's score is p_in * log(p_in / p_all), its part in the Kullback-Leibler divergence between the documents of
    the region and all documents.
    """
    membership = _clusters(coordinates.astype(np.float64), seed)
    words = _Words(titles, texts)
    levels: list[tuple[Region, ...]] = []
    for level, own in enumerate(membership.T):
        used: set[str] = set()
        regions = []
        for members in _groups(own):
            parent = int(membership[members[0], level - 1]) if level else None
            label = words.name(members, used if parent is None else used | {levels[-1][parent].label})
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


class _Words:
    """Which terms of one or two words stand in which documents."""

    def __init__(self, titles: Sequence[str], texts: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import CountVectorizer

        self._titles = titles
        step = -(-len(titles) // _NAMING_ROWS)
        rows = range(0, len(titles), step)
        self._row_of = np.full(len(titles), -1)
        self._row_of[rows] = np.arange(len(rows))
        counter = CountVectorizer(
            binary=True,
            stop_words="english",
            ngram_range=(1, 2),
            min_df=2 if len(rows) > 50 else 1,
            token_pattern=r"(?u)\b[^\W\d_]{3,}\b",
        )
        joined = [f"{titles[row]}. {texts[row][:_NAMING_CHARACTERS]}" for row in rows]
        try:
            self._table = counter.fit_transform(joined).tocsr()
        except ValueError:  # scikit-learn's answer to texts without a single word
            self._table = None
            return
        self._names = counter.get_feature_names_out()
        self._everywhere = np.asarray(self._table.mean(axis=0)).ravel()

    def name(self, members: NDArray[np.int64], taken: set[str]) -> str:
        """Return two distinctive terms, or a title, that are not in `taken`."""
        return next(label for label in self._candidates(members) if label not in taken)

    def _candidates(self, members: NDArray[np.int64]) -> Iterator[str]:
        terms = self._distinct(members)
        # By the sum of the two ranks: the best pair first, then those that give up little.
        for first, second in sorted(combinations(range(len(terms)), 2), key=lambda pair: (sum(pair), pair)):
            yield f"{_capitals(terms[first])} & {_capitals(terms[second])}"
        titles = (re.sub(r"\s+", " ", self._titles[row]).strip()[:_LONGEST_LABEL] for row in members)
        stem = "Region"
        for place, title in enumerate(filter(None, titles)):
            stem = title if place == 0 else stem
            yield title
        number = 1
        while True:
            yield f"{stem} {number}"
            number += 1

    def _distinct(self, members: NDArray[np.int64]) -> list[str]:
        """Return the best terms, none sharing the beginning of a word with a better one."""
        chosen: list[str] = []
        seen: set[str] = set()
        for term in self._ranked(members):
            stems = {word[:4] for word in term.split()}
            if not stems & seen:
                chosen.append(term)
                seen |= stems
        return chosen

    def _ranked(self, members: NDArray[np.int64]) -> list[str]:
        rows = self._row_of[members]
        rows = rows[rows >= 0]
        if self._table is None or not len(rows):
            return []
        here = np.asarray(self._table[rows].mean(axis=0)).ravel()
        score = np.where(here > 0, here * np.log(np.maximum(here, 1e-12) / self._everywhere), 0)
        best = np.argsort(-score, kind="stable")[:_TERMS_TRIED]
        return [str(self._names[i]) for i in best if score[i] > 0]


def _capitals(term: str) -> str:
    return " ".join(word.capitalize() for word in term.split())
