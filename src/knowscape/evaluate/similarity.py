"""Sentence similarity (STS): do the vectors of two sentences agree as much as people say the sentences do?

The measure is Spearman's correlation of the vectors' similarities with people's scores (Reimers et al. 2016), as in
MTEB (Muennighoff et al. 2023); Pearson's stands beside it.
"""

import csv
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.corpus.lines import numbered_lines, read_fields
from knowscape.encoders.spec import Encoder
from knowscape.encoders.vectors import comparable, encode_all
from knowscape.errors import KnowscapeError, UsageError
from knowscape.progress import SILENT, Progress
from knowscape.significance import Figure, counts_drawn, percentiles

__all__ = [
    "Correlations",
    "Pairs",
    "correlations",
    "pair_similarities",
    "pearson",
    "read_pairs",
    "similarity_score",
    "spearman",
]

_ROW = "Each row is: sentence,sentence,score"
_JSON_LINE = 'Each line is: {"sentence1": "...", "sentence2": "...", "score": 4.2}'
_RESAMPLES = 2_000


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of sentences, row by row, with people's scores float64[n]; the unit of the scores does not matter."""

    first: list[str]
    second: list[str]
    scores: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Correlations:
    """Both correlations, -1 to 1, of so many pairs, with the bootstrap's 95 % intervals over the pairs."""

    pairs: int
    spearman: Figure
    pearson: Figure

    def to_json(self) -> dict[str, Any]:
        """Return the fields."""
        return asdict(self)


def read_pairs(path: Path) -> Pairs:
    """Return the pairs in a CSV file without a header, or in a file .jsonl with sentence1, sentence2 and score.

    Raises UsageError, with file and line, for a missing or empty file, a row that has not three columns, a score that
    is not a number, and scores that are all the same.
    """
    is_json = path.suffix.lower() == ".jsonl"
    accepted = _JSON_LINE if is_json else _ROW
    if not path.is_file():
        raise UsageError(f"There is no file {path}. Expected is a {'JSONL' if is_json else 'CSV'} file. {accepted}.")
    try:
        rows = list(_json_rows(path) if is_json else _rows(path))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} is not a CSV file in UTF-8: {error}. {accepted}.") from error
    scores = np.array([score for _, _, score in rows], dtype=np.float64)
    if len(np.unique(scores)) < 2:
        raise UsageError(f"{path} has {len(rows)} pairs; a correlation needs two with different scores. {accepted}.")
    return Pairs([first for first, _, _ in rows], [second for _, second, _ in rows], scores)


def _rows(path: Path) -> Iterator[tuple[str, str, float]]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        for row in reader:
            if not row:
                continue
            where = f"{path}, line {reader.line_num}"
            if len(row) != 3:
                raise UsageError(f"{where} has {len(row)} columns, not three. {_ROW}.")
            yield row[0], row[1], _score(where, row[2], _ROW)


def _json_rows(path: Path) -> Iterator[tuple[str, str, float]]:
    for where, line in numbered_lines(path, _JSON_LINE):
        fields = read_fields(where, line, _JSON_LINE)
        first, second, score = (fields.get(name) for name in ("sentence1", "sentence2", "score"))
        if not (isinstance(first, str) and isinstance(second, str)):
            raise UsageError(f"{where} lacks sentence1 or sentence2, or one is not a string. {_JSON_LINE}.")
        if isinstance(score, bool) or not isinstance(score, int | float):
            raise UsageError(f"{where}: the score {score!r} is not a number. {_JSON_LINE}.")
        yield first, second, _score(where, score, _JSON_LINE)


def _score(where: str, said: str | float, accepted: str) -> float:
    try:
        score = float(said)
    except (ValueError, OverflowError):
        score = math.nan
    if not math.isfinite(score):
        raise UsageError(f"{where}: the score {said!r} is not a number. {accepted}.")
    return score


def pair_similarities(
    encoder: Encoder, pairs: Pairs, *, name: str = "Sentences", progress: Progress = SILENT
) -> NDArray[np.float64]:
    """Return the model's similarity float64[n] of each pair.

    Both sentences get the same prompt: none where documents get none, else the one for queries, which is how the
    makers of E5 want sentences compared.
    """
    encode = encoder.encode_queries if encoder.spec.document_prompt else encoder.encode_documents
    vectors = comparable(
        encode_all(encode, pairs.first + pairs.second, name=name, progress=progress), encoder.spec.similarity
    )
    first, second = np.split(vectors.astype(np.float64), 2)
    similarities: NDArray[np.float64] = np.einsum("nd,nd->n", first, second)
    return similarities


def similarity_score(encoder: Encoder, pairs: Pairs, *, name: str = "Sentences", progress: Progress = SILENT) -> float:
    """Return Spearman's correlation of the model's similarities with the scores, -1 to 1.

    Raises KnowscapeError where the correlation is not defined.
    """
    return spearman(pair_similarities(encoder, pairs, name=name, progress=progress), pairs.scores)


def correlations(
    one: NDArray[np.float64], other: NDArray[np.float64], *, resamples: int = _RESAMPLES, seed: int = 0
) -> Correlations:
    """Return both correlations of float64[n] and float64[n] with intervals from the bootstrap's percentiles.

    Raises KnowscapeError where a correlation is not defined.
    """
    values = spearman(one, other), pearson(one, other)
    by_rank, by_value = [], []
    for counts in counts_drawn(len(one), resamples, seed):
        by_rank.append(_weighted(_ranks(one, counts), _ranks(other, counts), counts))
        by_value.append(_weighted(one[None], other[None], counts))
    figures = [
        percentiles(value, np.concatenate(drawn)) for value, drawn in zip(values, (by_rank, by_value), strict=True)
    ]
    return Correlations(len(one), *figures)


def spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the correlation of the ranks of float64[n] and float64[n], equal values sharing their mean rank.

    Raises KnowscapeError where a value is not finite, or all values on one side are equal.
    """
    _check(one, other)
    once = np.ones((1, len(one)))
    return float(_weighted(_ranks(one, once), _ranks(other, once), once)[0])


def pearson(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the linear correlation of float64[n] and float64[n], with the errors of `spearman`."""
    _check(one, other)
    return float(_weighted(one[None], other[None], np.ones((1, len(one))))[0])


def _check(*sides: NDArray[np.float64]) -> None:
    if not all(np.isfinite(values).all() for values in sides):
        raise KnowscapeError("A similarity is not a number, so there is no correlation. Look at the model's vectors.")
    if any(values.min() == values.max() for values in sides):
        raise KnowscapeError("All similarities are the same, so there is no correlation. Look at the model's vectors.")


def _ranks(values: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return float64[r, n]: the mean rank of each value where value i is there counts[r, i] times.

    Sorted once for all r, and not once for each: r resamples take time in proportion to their size.
    """
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order], prepend=-np.inf))
    group = np.empty(len(values), np.int64)
    group[order] = np.searchsorted(starts, np.arange(len(values)), "right") - 1
    equal = np.add.reduceat(counts[:, order], starts, axis=1)
    mean_rank: NDArray[np.float64] = np.cumsum(equal, axis=1) - (equal - 1) / 2
    return mean_rank[:, group]


def _weighted(one: NDArray[np.float64], other: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Pearson's correlation float64[r] for r weightings float64[r, n]; NaN where one side is all the same."""
    total = counts.sum(axis=1, keepdims=True)
    u, v = (side - (counts * side).sum(axis=1, keepdims=True) / total for side in (one, other))
    together, *alone = ((counts * a * b).sum(axis=1) for a, b in ((u, v), (u, u), (v, v)))
    spread = np.sqrt(alone[0] * alone[1])
    # Rounding leaves a little of what is all the same.
    defined = spread > 1e-12 * total[:, 0] * np.ptp(one) * np.ptp(other)
    correlation: NDArray[np.float64] = np.divide(together, spread, out=np.full(len(counts), np.nan), where=defined)
    return correlation
