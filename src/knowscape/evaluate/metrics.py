"""Measures of rankings, computed by trec_eval itself (Buckley; through pytrec-eval-terrier).

A ranking is the ids of documents, best first; grades are what people said of documents, above zero where relevant.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.errors import MissingExtraError, UsageError

__all__ = ["DEFAULT_MEASURES", "NAMES", "Measure", "measure_rankings", "parse_measures", "require_library"]

# By the names that are usual: those of trec_eval.  It cuts all but the reciprocal rank.
_TREC = {"ndcg": "ndcg_cut", "mrr": "recip_rank", "map": "map_cut", "recall": "recall", "precision": "P"}
NAMES = tuple(_TREC)
_FORM = re.compile(r"(?P<name>[a-z]+)@(?P<k>[1-9]\d{0,5})")
_ACCEPTED = f"Accepted: {', '.join(f'{name}@K' for name in NAMES)}, K a whole number from 1 to 999999"


@dataclass(frozen=True, slots=True, order=True)
class Measure:
    """What is measured on the first `k` documents of a ranking; `name` is one of NAMES.

    ndcg: the normalised discounted cumulative gain, the gain being the grade itself (Järvelin & Kekäläinen 2002).
    mrr: one over the rank of the first relevant document.  map: the precisions at the ranks of relevant documents,
    summed and divided by all relevant ones.  recall: the share of the relevant ones that were found.  precision: the
    share of `k` that is relevant, also where fewer were found.
    """

    name: str
    k: int

    @classmethod
    def parse(cls, words: str) -> "Measure":
        """Return the measure that is written as ndcg@10; UsageError where there is no such."""
        found = _FORM.fullmatch(words)
        if found is None or found["name"] not in NAMES:
            raise UsageError(f"There is no measure {words!r}. {_ACCEPTED}.")
        return cls(found["name"], int(found["k"]))

    def __str__(self) -> str:
        return f"{self.name}@{self.k}"


DEFAULT_MEASURES = tuple(
    Measure.parse(words) for words in ("ndcg@10", "mrr@10", "map@100", "recall@10", "recall@100", "precision@10")
)


def parse_measures(words: str) -> tuple[Measure, ...]:
    """Return the measures in a list with commas, each once; UsageError for one that there is not."""
    return tuple(dict.fromkeys(Measure.parse(part.strip().lower()) for part in words.split(",")))


def require_library() -> Any:
    """Return trec_eval's module; MissingExtraError where it is not installed, so that nobody computes in vain."""
    try:
        import pytrec_eval
    except ImportError as error:
        raise MissingExtraError("Measuring retrieval", "evaluate") from error
    return pytrec_eval


def measure_rankings(
    rankings: Sequence[Sequence[str]], grades: Sequence[Mapping[str, int]], measures: Sequence[Measure]
) -> NDArray[np.float64]:
    """Return float64[n, m]: each of m measures, 0 to 1, of each of n rankings under the grades of its query.

    A ranking names each document once, as each query has at least one grade.  What cannot be measured, an empty ranking
    or a query without a relevant document, is 0.
    """
    depth = max(measure.k for measure in measures)
    wanted = {_trec_name(measure) for measure in measures}
    judged, found = {}, {}
    for number, (ranking, graded) in enumerate(zip(rankings, grades, strict=True)):
        judged[str(number)], found[str(number)] = _by_rank(ranking[:depth], graded)
    # A file of TREC's form cannot hold an empty ranking, so trec_eval gets none.
    answers = require_library().RelevanceEvaluator(judged, wanted).evaluate({q: of for q, of in found.items() if of})
    return np.array([list(_values(answers.get(query, {}), measures)) for query in found]).reshape(-1, len(measures))


def _by_rank(ranking: Sequence[str], grades: Mapping[str, int]) -> tuple[dict[str, int], dict[str, float]]:
    """Return grades and scores by names that are ranks.

    trec_eval keeps scores in single precision and breaks ties by the name; ranks are exact and have no ties.  A grade
    under -1, or an id that is no UTF-8, such as a lone surrogate, would end the process.
    """
    names = {document: str(rank) for rank, document in enumerate(ranking, start=1)}
    judged = {names.get(name, f"unseen {n}"): max(0, grade) for n, (name, grade) in enumerate(grades.items())}
    return judged, {name: -float(name) for name in names.values()}


def _trec_name(measure: Measure) -> str:
    name = _TREC[measure.name]
    return name if measure.name == "mrr" else f"{name}_{measure.k}"


def _values(answer: Mapping[str, float], measures: Sequence[Measure]) -> Iterator[float]:
    for measure in measures:
        value = answer.get(_trec_name(measure), 0.0)
        beyond = measure.name == "mrr" and value < 1 / measure.k
        yield 0.0 if beyond else value
