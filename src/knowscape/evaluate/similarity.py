"""Sentence similarity (STS): do the vectors of two sentences agree as much as people say the sentences do?

The measure is Spearman's correlation of the vectors' similarities with people's scores (Reimers et al. 2016), as in
MTEB (Muennighoff et al. 2023).
"""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.spec import Encoder
from knowscape.errors import KnowscapeError, UsageError
from knowscape.evaluate.vectors import comparable, encode_all
from knowscape.progress import SILENT, Progress

__all__ = ["Pairs", "read_pairs", "similarity_score", "spearman"]

_ROW = "Each row is: sentence,sentence,score"


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of sentences, row by row, with people's scores float64[n]; the unit of the scores does not matter."""

    first: list[str]
    second: list[str]
    scores: NDArray[np.float64]


def read_pairs(path: Path) -> Pairs:
    """Return the pairs in a CSV file without a header.

    Raises UsageError, with file and line, for a missing or empty file, a row that has not three columns, a score that
    is not a number, and scores that are all the same.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {path}. Expected is a CSV file. {_ROW}.")
    try:
        rows = list(_rows(path))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} is not a CSV file in UTF-8: {error}. {_ROW}.") from error
    scores = np.array([score for _, _, score in rows], dtype=np.float64)
    if len(np.unique(scores)) < 2:
        raise UsageError(f"{path} has {len(rows)} pairs; a correlation needs two with different scores. {_ROW}.")
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
            try:
                score = float(row[2])
            except ValueError:
                score = math.nan
            if not math.isfinite(score):
                raise UsageError(f"{where}: the score {row[2]!r} is not a number. {_ROW}.")
            yield row[0], row[1], score


def similarity_score(encoder: Encoder, pairs: Pairs, *, name: str = "Sentences", progress: Progress = SILENT) -> float:
    """Return Spearman's correlation of the model's similarities with the scores, -1 to 1.

    Both sentences get the same prompt: none where documents get none, else the one for queries, which is how the
    makers of E5 want sentences compared.  Raises KnowscapeError where the correlation is not defined.
    """
    encode = encoder.encode_queries if encoder.spec.document_prompt else encoder.encode_documents
    vectors = comparable(
        encode_all(encode, pairs.first + pairs.second, name=name, progress=progress), encoder.spec.similarity
    )
    first, second = np.split(vectors.astype(np.float64), 2)
    return spearman(np.einsum("nd,nd->n", first, second), pairs.scores)


def spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the correlation of the ranks of float64[n] and float64[n], equal values sharing their mean rank.

    Raises KnowscapeError where a value is not finite, or all values on one side are equal.
    """
    from scipy.stats import rankdata

    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise KnowscapeError("A similarity is not a number, so there is no correlation. Look at the model's vectors.")
    ranks = [rankdata(values) - (len(values) + 1) / 2 for values in (one, other)]
    spread = math.sqrt(float(ranks[0] @ ranks[0]) * float(ranks[1] @ ranks[1]))
    if spread == 0:
        raise KnowscapeError("All similarities are the same, so there is no correlation. Look at the model's vectors.")
    return float(ranks[0] @ ranks[1]) / spread
