"""What the labels of a map claim, held against its points and the true neighbours."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowscape.maps.belonging import ground, purity, sizes_of
from knowscape.maps.knowledge_map import KnowledgeMap
from knowscape.maps.neighbours import NeighbourGraph
from knowscape.maps.regions import Region

__all__ = ["Spot", "spot_check", "untrue_labels"]

# A share is stored and computed in the same precision; only the order of a sum may differ.
_SHARE_OFF, _PLACE_OFF = 1e-6, 1e-6
_NEIGHBOURS = 10


@dataclass(frozen=True, slots=True)
class Spot:
    """One article and, from the coarsest level to the finest, its label and those of its ten true neighbours.

    `neighbours` are rows, the nearest first; `theirs` counts their labels at each level, the most frequent first.
    """

    row: int
    labels: tuple[str, ...]
    neighbours: tuple[int, ...]
    theirs: tuple[tuple[tuple[str, int], ...], ...]


def untrue_labels(made: KnowledgeMap, graph: NeighbourGraph | None = None) -> Iterator[str]:
    """Yield a sentence, going on where the map's path ends, for every label that claims what is not so.

    A label stands once in its level and is not that of a region it lies in; it stands on its first exemplar, counts its
    own articles, lies in its parent, and of the articles nearest to it as many are its own as it claims.  With the
    neighbours, its purity is compared too.  Maps of older versions claim no such place, and their purity was another.
    """
    membership, path = made.regions.membership, list[tuple[Region, ...]]()
    for level, regions in enumerate(made.regions.levels):
        own = membership[:, level]
        if own.min() < 0 or own.max() >= len(regions):
            yield f"holds points of regions that level {level + 1} does not have"
            return
        path.append(regions)
        wrong = _Claims(made, path, graph).wrong()
        yield from (f"holds the label {regions[number].label!r} of level {level + 1}, {why}" for number, why in wrong)


class _Claims:
    """What the labels of the last of some levels claim."""

    def __init__(self, made: KnowledgeMap, levels: list[tuple[Region, ...]], graph: NeighbourGraph | None) -> None:
        self._levels, self._regions, self._membership = levels, levels[-1], made.regions.membership
        self._own = self._membership[:, len(levels) - 1]
        self._documents = made.coordinates[: len(self._own)]
        self._sizes = np.append(sizes_of(self._own), np.zeros(len(self._regions), np.int64))[: len(self._regions)]
        self._graph = graph

    def wrong(self) -> Iterator[tuple[int, str]]:
        """Yield the number of each label that is untrue, and why; one reason a label."""
        named = Counter(region.label for region in self._regions)
        around, pure = self._around(), self._pure()
        for number, region in enumerate(self._regions):
            if not self._counts(number, region):
                yield number, "which does not count its own articles"
            elif not np.allclose(self._documents[region.exemplars[0]], region.point, atol=_PLACE_OFF):
                yield number, "which does not lie where it claims"
            elif not self._nested(number, region):
                yield number, "which does not lie in its parent"
            elif named[region.label] > 1 or region.label in self._above(region):
                yield number, "which stands twice"
            elif region.place is not None and abs(around[number] - region.place) > _SHARE_OFF:
                yield (
                    number,
                    f"around which {around[number]:.0%} are its own articles and not {region.place:.0%}",
                )
            elif region.place is not None and pure is not None and abs(pure[number] - region.purity) > _SHARE_OFF:
                yield number, f"whose purity is {pure[number]:.3f} and not {region.purity:.3f}"

    def _around(self) -> NDArray[np.float64]:
        places = np.array([region.point for region in self._regions], np.float32)
        if not np.isfinite(places).all():
            return np.zeros(len(places))
        return ground(self._documents, self._own, places, np.arange(len(places), dtype=np.int32))

    def _pure(self) -> NDArray[np.float64] | None:
        return None if self._graph is None else purity(self._graph, self._own)

    def _counts(self, number: int, region: Region) -> bool:
        rows = [row for row in region.exemplars if 0 <= row < len(self._own)]
        mine = len(rows) == len(region.exemplars) > 0 and bool((self._own[rows] == number).all())
        return mine and int(self._sizes[number]) == region.support > 0

    def _nested(self, number: int, region: Region) -> bool:
        level = len(self._levels) - 1
        if not level:
            return region.parent is None
        return bool((self._membership[self._own == number, level - 1] == region.parent).all())

    def _above(self, region: Region) -> Iterator[str]:
        for level in reversed(self._levels[:-1]):
            if region.parent is not None:
                region = level[region.parent]
                yield region.label


def spot_check(made: KnowledgeMap, graph: NeighbourGraph, count: int, *, seed: int = 0) -> list[Spot]:
    """Return `count` random articles, all where there are fewer, with their labels and their true neighbours'."""
    membership, levels = made.regions.membership, made.regions.levels
    rows = np.random.default_rng(seed).permutation(len(membership))[:count]

    def labels(level: int, articles: NDArray[np.int32]) -> list[str]:
        return [levels[level][number].label for number in membership[articles, level]]

    spots = []
    for row in rows.tolist():
        near = graph.indices[row, :_NEIGHBOURS]
        theirs = tuple(tuple(Counter(labels(level, near)).most_common()) for level in range(len(levels)))
        own = tuple(labels(level, np.array([row]))[0] for level in range(len(levels)))
        spots.append(Spot(row, own, tuple(near.tolist()), theirs))
    return spots
