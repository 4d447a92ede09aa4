"""Names of regions: the subjects that their own articles share, and their neighbours do not."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.maps.neighbours import NeighbourGraph, unit_rows
from knowscape.maps.phrases import Phrases, find_phrases

__all__ = ["name_regions"]

_Ints = NDArray[np.int64]

# Phrases are counted in an even sample, and at the beginning, where an article says what it is about.
_ROWS = 40_000
_CHARACTERS = 500
_LONGEST = 40
_MOST_WORDS = 3
_TRIED, _PAIRED = 40, 6
# An article that is among so many nearest of another counts as half a mention of its title there, and for less
# where the title is hardly ever said: below a hundredth of the articles.
_HUB_DEPTH, _HUB, _HUB_SAID = 20, 0.5, 0.01
# A name is of at least so many of a region's articles and such a share of them; said by fewer than the second two
# figures it counts for less.
_LEAST, _ENOUGH = (2, 0.03), (4, 0.05)
# What is said everywhere in the parent still counts a little.
_FLOOR = 0.05
# A second phrase joins the first where it covers so much, compared with it, of what it leaves, and is nearly as good;
# the finest regions are about one thing more often.
_SECOND_COVERAGE, _SECOND_COVERAGE_FINEST, _SECOND_SCORE = 0.25, 0.4, 0.25
# Words that begin alike mean much the same.
_STEM = 4


def name_regions(
    membership: NDArray[np.int32],
    vectors: NDArray[np.float32],
    graph: NeighbourGraph,
    *,
    titles: Sequence[str],
    texts: Sequence[str],
) -> list[list[str]]:
    """Return the names of every level's regions; `membership` int32[n, levels], coarse to fine and nested.

    A name is one phrase, or two with an "&", of three words at most, or a title where no phrase will do. It stands
    once in its level and is not the name of a region that it lies in.
    """
    namer = _Namer(membership, vectors, graph, titles=titles, texts=texts)
    levels: list[list[str]] = []
    for level in range(membership.shape[1]):
        levels.append(namer.names(level, levels))
    return levels


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A region's best phrases, best first, their scores, and how much its sampled articles have to do with them."""

    phrases: list[int]
    scores: list[float]
    evidence: NDArray[np.float32]

    @property
    def best(self) -> float:
        return self.scores[0] if self.scores else 0.0


class _Namer:
    """Which phrases stand for which sampled articles, and in which direction of the embedding these lie."""

    def __init__(
        self,
        membership: NDArray[np.int32],
        vectors: NDArray[np.float32],
        graph: NeighbourGraph,
        *,
        titles: Sequence[str],
        texts: Sequence[str],
    ) -> None:
        self._titles, self._membership = titles, membership
        sample = np.arange(0, len(titles), -(-len(titles) // _ROWS))
        rows = sample.tolist()
        self._sampled = membership[sample]
        self._phrases: Phrases = find_phrases(
            [titles[row] for row in rows], [texts[row][:_CHARACTERS] for row in rows], self._sampled[:, 0]
        )
        self._evidence = self._with_hubs(graph, sample)
        self._everywhere = _mean(self._evidence)
        self._vectors, self._sample = vectors - vectors.mean(axis=0), sample
        self._directions = unit_rows(np.asarray(self._phrases.table.T @ self._vectors[sample]))

    def _with_hubs(self, graph: NeighbourGraph, sample: _Ints) -> Any:
        """Return the table of phrases plus those that are the titles of articles near by."""
        from scipy import sparse

        table = self._phrases.table
        titled = np.full(len(self._titles), -1)
        titled[sample] = self._phrases.titled
        near = titled[graph.indices[sample, :_HUB_DEPTH]]
        rows, columns = np.nonzero(near >= 0)
        phrases = near[rows, columns]
        weight = _HUB * np.sqrt(np.minimum(1, table.getnnz(axis=0) / (_HUB_SAID * len(sample))))
        hubs = sparse.csr_matrix((weight[phrases].astype(np.float32), (rows, phrases)), shape=table.shape)
        return (table + hubs).tocsr()

    def names(self, level: int, coarser: list[list[str]]) -> list[str]:
        """Return the names of a level's regions; where two want the same, the one it fits better has it."""
        ranked, own = self._ranked(level), self._membership[:, level]
        groups = np.split(np.argsort(own, kind="stable"), np.cumsum(np.bincount(own))[:-1])
        names = [""] * len(ranked)
        used: set[frozenset[str]] = set()
        told: dict[int, set[str]] = {}
        for region in sorted(range(len(ranked)), key=lambda region: (-ranked[region].best, region)):
            members = groups[region]
            above = [coarser[one][self._membership[members[0], one]] for one in range(level)]
            taken = used | set(map(_parts, above))
            # Where there is one level only, as in a grid, its regions are no siblings.
            parent = int(self._membership[members[0], level - 1]) if level else 0
            siblings = told.setdefault(parent, set()) if self._membership.shape[1] > 1 else set()
            least = _SECOND_COVERAGE if level < self._membership.shape[1] - 1 else _SECOND_COVERAGE_FINEST
            candidates = self._candidates(ranked[region], members, (above, siblings), least=least)
            names[region] = next(name for name in candidates if _parts(name) not in taken)
            used.add(_parts(names[region]))
            siblings |= _parts(names[region])
        return names

    def _ranked(self, level: int) -> list[_Ranked]:
        """Rank phrases by how much they are of a region, of its parts alike, and not of what lies beside it."""
        members = self._members(level)
        here, spread, sizes = _over(members @ self._evidence, members), self._spread(level), members.getnnz(axis=1)
        touched, said = members @ _signs(self._evidence), members @ _signs(self._phrases.table)
        wider = self._members(level - 1) if level else None
        beside = _over(wider @ self._evidence, wider) if wider is not None else None
        ranked = []
        for region, size in enumerate(sizes):
            rows = members[region].indices
            phrases = np.flatnonzero(_row(touched, region) >= max(_LEAST[0], _LEAST[1] * size))
            share = _row(here, region)[phrases]
            lift = _log_ratio(share, self._everywhere[phrases])
            if len(phrases) and wider is not None and beside is not None:
                parent = self._sampled[rows[0], level - 1]
                if wider[parent].nnz > size:
                    narrower = _log_ratio(share, _row(beside, parent)[phrases])
                    lift = np.maximum(lift / 2 + narrower, _FLOOR * lift)
            middle = self._vectors[self._sample[rows]].sum(axis=0, keepdims=True)
            near = self._directions[phrases] @ unit_rows(middle)[0]
            score = _row(spread, region)[phrases] * np.maximum(lift, 0) * np.maximum(near, 0) ** 2
            score *= self._phrases.subject[phrases]
            score *= np.minimum(1, _row(said, region)[phrases] / max(_ENOUGH[0], _ENOUGH[1] * size))
            order = np.argsort(-score, kind="stable")[:_TRIED]
            order = order[score[order] > 0]
            best = phrases[order]
            ranked.append(_Ranked(best.tolist(), score[order].tolist(), self._evidence[rows][:, best].toarray().T))
        return ranked

    def _members(self, level: int) -> Any:
        """Return sparse float32[regions, sample]: 1 where an article of the sample is in a region of the level."""
        from scipy import sparse

        own = self._sampled[:, level]
        shape = (int(self._membership[:, level].max()) + 1, len(own))
        return sparse.csr_matrix((np.ones(len(own), np.float32), (own, np.arange(len(own)))), shape=shape)

    def _spread(self, level: int) -> Any:
        """Return sparse float[regions, phrases]: each phrase's share of the articles, evened out.

        It is the square of the mean of the roots of the shares in the finest regions, and so less than the share where
        few of those have the phrase to themselves.
        """
        finest, own = self._members(-1), self._members(level)
        return _over((own @ finest.T) @ _over(finest @ self._evidence, finest).sqrt(), own).power(2)

    def _candidates(
        self, ranked: _Ranked, members: _Ints, known: tuple[list[str], set[str]], *, least: float
    ) -> Iterator[str]:
        """Yield names, the best one first, without an end; `known` are names above and parts of those beside."""
        above, beside = known
        labels = [self._phrases.labels[phrase] for phrase in ranked.phrases]
        fresh = [
            place for place, label in enumerate(labels) if label not in beside and not _says_nothing_new(label, above)
        ]
        # Of two phrases above, one may name a part or come first in its name.
        halves = {part for name in above for part in _parts(name)}
        new = [place for place in fresh if place == fresh[0] or labels[place] not in halves]
        if new:
            second = self._second(ranked, labels, new, least=least)
            if second is not None:
                yield f"{labels[new[0]]} & {labels[second]}"
        for some in ([labels[place] for place in new], [labels[place] for place in fresh], labels):
            yield from some
            yield from (
                f"{one} & {other}" for one, other in combinations(some[:_PAIRED], 2) if _go_together(one, other)
            )
        yield from self._from_titles(members)

    def _second(self, ranked: _Ranked, labels: list[str], fresh: list[int], *, least: float) -> int | None:
        """Return the place of the phrase that joins the best one in the name."""
        first = fresh[0]
        for place in fresh[1:]:
            gain = np.maximum(ranked.evidence[place] - ranked.evidence[first], 0).sum()
            if (
                ranked.scores[place] >= _SECOND_SCORE * ranked.scores[first]
                and gain >= least * ranked.evidence[first].sum()
                and _go_together(labels[first], labels[place])
            ):
                return place
        return None

    def _from_titles(self, members: _Ints) -> Iterator[str]:
        """Yield titles, short ones first, then those nearest to the middle; with numbers when they are used up."""
        own = self._vectors[members]
        near = members[np.argsort(-(unit_rows(own) @ own.mean(axis=0)), kind="stable")].tolist()
        titles = [re.sub(r"\s+", " ", self._titles[row]).strip()[:_LONGEST] for row in near]
        titles = sorted(filter(None, titles), key=lambda title: len(title.split()) > _MOST_WORDS)
        yield from titles
        yield from (f"{titles[0] if titles else 'Region'} {number}" for number in count(1))


def _parts(name: str) -> frozenset[str]:
    """Return what a name says: "Stars & Moons" says the same as "Moons & Stars"."""
    return frozenset(name.split(" & "))


def _go_together(one: str, other: str) -> bool:
    """Return whether two labels make a name: few words, of which no two begin alike."""
    words = one.lower().split() + other.lower().split()
    return len(words) <= _MOST_WORDS and len({word[:_STEM] for word in words}) == len(words)


def _says_nothing_new(label: str, above: list[str]) -> bool:
    """Return whether a label is one of those above it, or one word that begins like one of theirs.

    Of two phrases above it may be one.
    """
    words = label.lower().split()
    stems = {word[:_STEM] for name in above if " & " not in name for word in name.lower().split()}
    return label in above or (len(words) == 1 and words[0][:_STEM] in stems)


def _log_ratio(here: NDArray[Any], everywhere: NDArray[Any]) -> NDArray[Any]:
    tiny = 1e-12
    result: NDArray[Any] = np.log(np.maximum(here, tiny) / np.maximum(everywhere, tiny))
    return result


def _mean(table: Any) -> NDArray[np.float64]:
    return np.asarray(table.mean(axis=0), dtype=np.float64).ravel()


def _over(sums: Any, members: Any) -> Any:
    """Return the sums [regions, columns] divided by how many members each region has."""
    from scipy import sparse

    return sparse.diags(1 / np.maximum(1, members.getnnz(axis=1))) @ sums


def _signs(table: Any) -> Any:
    """Return a table with 1 wherever there was more than 0."""
    return (table > 0).astype(np.float32)


def _row(table: Any, row: int) -> NDArray[Any]:
    dense: NDArray[Any] = table[row].toarray()[0]
    return dense
