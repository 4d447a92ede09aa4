"""Measures of one ranking, as trec_eval and MTEB define them.

A ranking is the ids of documents, best first; grades are what people said of documents, above zero where relevant.
"""

import math
from collections.abc import Mapping, Sequence

__all__ = ["ndcg", "recall", "reciprocal_rank"]


def ndcg(ranking: Sequence[str], grades: Mapping[str, int], k: int) -> float:
    """Return the normalised discounted cumulative gain at `k`, 0 to 1 (Järvelin & Kekäläinen 2002).

    The gain is the grade itself; 0 where nothing is relevant.
    """
    best = _gain(sorted((grade for grade in grades.values() if grade > 0), reverse=True)[:k])
    return _gain([max(0, grades.get(document, 0)) for document in ranking[:k]]) / best if best else 0.0


def _gain(grades: Sequence[int]) -> float:
    return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades, start=1))


def reciprocal_rank(ranking: Sequence[str], grades: Mapping[str, int], k: int) -> float:
    """Return one over the rank of the first relevant document, 0 where the first `k` hold none."""
    return next((1 / rank for rank, name in enumerate(ranking[:k], start=1) if grades.get(name, 0) > 0), 0.0)


def recall(ranking: Sequence[str], grades: Mapping[str, int], k: int) -> float:
    """Return the share of the relevant documents that are among the first `k`; 0 where nothing is relevant."""
    relevant = {name for name, grade in grades.items() if grade > 0}
    return len(relevant & set(ranking[:k])) / len(relevant) if relevant else 0.0
