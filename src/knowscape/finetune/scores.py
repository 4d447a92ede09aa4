"""Is the trained model better than its base on examples that neither has seen?

Pairs and triplets: each held-out anchor looks for its positive among all held-out positives.  Scored pairs: Spearman's
correlation of the similarities with people's scores.  Intervals of 95 % are percentiles of 2,000 resamples (Efron 1979)
of whole groups of examples that share a text, since those rise and fall together; before and after are taken from the
same resamples, so the difference has an interval of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.spec import Encoder
from knowscape.encoders.vectors import Encode, comparable, encode_all
from knowscape.finetune.examples import Example, Examples, groups_of
from knowscape.progress import SILENT, Progress
from knowscape.significance import Figure, percentiles

__all__ = ["Comparison", "compare", "positive_ranks"]

_RESAMPLES, _DEPTH = 2000, 10
# Similarities held at a time: 64 MB of float32.
_BLOCK = 1 << 24

Values = NDArray[np.float64]
# Of each row's value and some rows.
Statistic = Callable[[Values, NDArray[np.int64]], float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measure of the model before and after, and the difference, above 0 where it is better after."""

    measure: str
    before: Figure
    after: Figure
    difference: Figure

    @property
    def improved(self) -> bool:
        """Whether the whole interval of the difference lies above zero."""
        return self.difference.low > 0

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "improved": self.improved}


def compare(
    before: Encoder,
    after: Encoder,
    held: Examples,
    *,
    dimensions: Sequence[int] = (),
    seed: int = 0,
    progress: Progress = SILENT,
) -> list[Comparison]:
    """Return the comparison of two models on held-out examples, the chief measure first.

    That is mrr@10 for pairs and triplets, the mean over anchors of one over the rank of the best positive, 0 from rank
    11 on; spearman for scored pairs.  Of `dimensions`, those below the full one follow with the vectors cut to them.
    """
    vectors = [_vectors(encoder, held, name, progress) for encoder, name in ((before, "before"), (after, "after"))]
    groups, comparisons = _groups(held), []
    for dimension in sorted({before.spec.dimension, *dimensions}, reverse=True):
        cut = [[comparable(part[:, :dimension], before.spec.similarity) for part in parts] for parts in vectors]
        suffix = "" if dimension == before.spec.dimension else f", {dimension} dimensions"
        for name, statistic, values in _measures(cut, held):
            comparisons.append(_bootstrap(name + suffix, statistic, values, groups=groups, seed=seed))
    return comparisons


def _vectors(encoder: Encoder, held: Examples, name: str, progress: Progress) -> list[NDArray[np.float32]]:
    """Return the vectors of the held-out anchors and of the distinct positives, or of the two sentences."""
    if held.kind == "scored":
        encode = for_sentences(encoder)
        both = [item.anchor for item in held.items] + [item.positive for item in held.items]
        return list(np.split(encode_all(encode, both, name=f"Held out, {name}", progress=progress), 2))
    anchors, positives = _distinct(held.items)
    return [
        encode_all(encoder.encode_queries, anchors, name=f"Held-out anchors, {name}", progress=progress),
        encode_all(encoder.encode_documents, positives, name=f"Held-out positives, {name}", progress=progress),
    ]


def _distinct(items: Sequence[Example]) -> tuple[list[str], list[str]]:
    return list(dict.fromkeys(i.anchor for i in items)), list(dict.fromkeys(i.positive for i in items))


def _measures(
    cut: Sequence[Sequence[NDArray[np.float32]]], held: Examples
) -> list[tuple[str, Statistic, list[Values]]]:
    """Return for each measure its name, how it is made of rows, and each model's values row by row."""
    if held.kind == "scored":
        scores = np.array([item.score for item in held.items])
        values = [np.einsum("nd,nd->n", *(part.astype(np.float64) for part in parts)) for parts in cut]
        return [("spearman", lambda of, rows: _spearman(of[rows], scores[rows]), values)]
    anchors, positives = _distinct(held.items)
    row_of = {text: row for row, text in enumerate(positives)}
    answers: dict[str, list[int]] = {anchor: [] for anchor in anchors}
    for item in held.items:
        answers[item.anchor].append(row_of[item.positive])
    ranks = [positive_ranks(queries, documents, list(answers.values())) for queries, documents in cut]
    return [
        (f"mrr@{_DEPTH}", _mean, [np.where(rank <= _DEPTH, 1 / rank, 0.0) for rank in ranks]),
        ("accuracy@1", _mean, [(rank == 1).astype(np.float64) for rank in ranks]),
    ]


def positive_ranks(
    anchors: NDArray[np.float32], candidates: NDArray[np.float32], answers: Sequence[Sequence[int]]
) -> NDArray[np.int64]:
    """Return int64[anchors], the rank from 1 of the best of each anchor's answers, which are rows of the candidates.

    Candidates that are no answers and are as similar come first, so a model that takes all texts for one gets nothing.
    """
    ranks = []
    step = max(1, _BLOCK // len(candidates))
    for start in range(0, len(anchors), step):
        for similar, rows in zip(
            anchors[start : start + step] @ candidates.T, answers[start : start + step], strict=True
        ):
            best = similar[list(rows)].max()
            similar[list(rows)] = -np.inf
            ranks.append(1 + int(np.count_nonzero(similar >= best)))
    return np.array(ranks, dtype=np.int64)


def _mean(values: Values, rows: NDArray[np.int64]) -> float:
    return float(values[rows].mean())


def _spearman(one: Values, other: Values) -> float:
    """Return the correlation of the ranks, equal values sharing their mean rank; 0 where one side is all the same."""
    from scipy.stats import rankdata

    ranks = [rankdata(values) - (len(values) + 1) / 2 for values in (one, other)]
    spread = float(np.sqrt((ranks[0] @ ranks[0]) * (ranks[1] @ ranks[1])))
    return float(ranks[0] @ ranks[1]) / spread if spread else 0.0


def _groups(held: Examples) -> NDArray[np.int64]:
    """Return the group of each row of the measures: of each scored pair, or of each distinct anchor."""
    groups = groups_of(held.items)
    if held.kind == "scored":
        return groups
    of_anchor: dict[str, int] = {}
    for item, group in zip(held.items, groups.tolist(), strict=True):
        of_anchor.setdefault(item.anchor, group)
    return np.array(list(of_anchor.values()), dtype=np.int64)


def _resamples(groups: NDArray[np.int64], seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of as many groups as there are, drawn with repetition, again and again."""
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    random = np.random.default_rng(seed)
    for _ in range(_RESAMPLES):
        yield np.concatenate([members[group] for group in random.integers(len(members), size=len(members))])


def _bootstrap(
    measure: str, statistic: Statistic, values: Sequence[Values], *, groups: NDArray[np.int64], seed: int
) -> Comparison:
    whole = np.arange(len(groups))
    drawn = np.array([[statistic(one, rows) for one in values] for rows in _resamples(groups, seed)])
    before, after = (statistic(one, whole) for one in values)
    return Comparison(
        measure,
        percentiles(before, drawn[:, 0]),
        percentiles(after, drawn[:, 1]),
        percentiles(after - before, drawn[:, 1] - drawn[:, 0]),
    )


def for_sentences(encoder: Encoder) -> Encode:
    """Return how both sentences of a scored pair are encoded: with one prompt, as E5's makers want it."""
    return encoder.encode_queries if encoder.spec.document_prompt else encoder.encode_documents
