"""How good a run is, and whether it is better than another."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.errors import UsageError
from knowscape.evaluate.metrics import DEFAULT_MEASURES, Measure, measure_rankings
from knowscape.evaluate.retrieval import RetrievalSet
from knowscape.evaluate.runs import Run, ranked
from knowscape.significance import Figure, Paired, mean_figures, paired_figures

__all__ = ["Comparison", "Evaluation", "compare", "evaluate_retrieval"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`values` float64[q, m] of q judged queries in each of m measures, and the mean of each with its 95 % interval.

    `missing` judged queries had nothing in the run and count as 0; `unjudged` queries of the run are left out.
    """

    measures: tuple[Measure, ...]
    queries: tuple[str, ...]
    values: NDArray[np.float64]
    figures: tuple[Figure, ...]
    missing: int
    unjudged: int

    def to_json(self) -> dict[str, Any]:
        """Return counts, figures by measure, and values by query and measure."""
        names = [str(measure) for measure in self.measures]
        return {
            "queries": len(self.queries),
            "missing": self.missing,
            "unjudged": self.unjudged,
            "measures": {name: asdict(figure) for name, figure in zip(names, self.figures, strict=True)},
            "by_query": {
                query: dict(zip(names, row, strict=True))
                for query, row in zip(self.queries, self.values.tolist(), strict=True)
            },
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs in one measure: their means, and `paired` how much more the first has."""

    measure: Measure
    one: float
    other: float
    paired: Paired

    def to_json(self) -> dict[str, Any]:
        """Return the means, the difference with its interval, and p."""
        return {"one": self.one, "other": self.other, **asdict(self.paired)}


def evaluate_retrieval(
    data: RetrievalSet, run: Run, measures: Sequence[Measure] = DEFAULT_MEASURES, *, seed: int = 0
) -> Evaluation:
    """Return how good a run is on the judged queries, all of which count.

    Documents are ranked by score and, where scores are equal, by falling id, as trec_eval does.  Raises UsageError for
    a run without any judged query, one that names a document twice, or one that is not in the collection.
    """
    if not measures:
        raise UsageError("There is nothing to measure: name at least one, for example ndcg@10.")
    queries = tuple(data.grades)
    missing = sum(not run.get(query) for query in queries)
    if missing == len(queries):
        raise UsageError(_foreign(queries, run))
    rankings = [[document for document, _ in ranked(run.get(query, ()))] for query in queries]
    for query, ranking in zip(queries, rankings, strict=True):
        _check(query, ranking, data.documents)
    values = measure_rankings(rankings, [data.grades[query] for query in queries], measures)
    figures = tuple(mean_figures(values, seed=seed))
    return Evaluation(tuple(measures), queries, values, figures, missing, sum(q not in data.grades for q in run))


def _foreign(queries: Sequence[str], run: Run) -> str:
    if not any(run.values()):
        return "The run is empty: nothing was found for any query."
    return (
        f"None of the {len(run)} queries of the run is judged. Judged are, for example, {queries[0]!r}; the run has "
        f"{next(iter(run))!r}. Is it a run of this collection?"
    )


def _check(query: str, ranking: Sequence[str], documents: Mapping[str, str]) -> None:
    if len(set(ranking)) < len(ranking):
        twice = Counter(ranking).most_common(1)[0][0]
        raise UsageError(f"The run has document {twice!r} twice for query {query!r}. Each may come once.")
    unknown = next((name for name in ranking if name not in documents), None)
    if unknown is not None:
        raise UsageError(
            f"The run has document {unknown!r} for query {query!r}, which the collection lacks. Is the run of this one?"
        )


def compare(one: Evaluation, other: Evaluation, *, seed: int = 0) -> list[Comparison]:
    """Return for each measure whether `one` is better than `other`, query by query.

    Raises UsageError for evaluations of other queries or measures.
    """
    if one.queries != other.queries or one.measures != other.measures:
        raise UsageError("Only evaluations of the same queries in the same measures can be compared.")
    pairs = paired_figures(one.values, other.values, seed=seed)
    means = zip(one.figures, other.figures, strict=True)
    return [
        Comparison(measure, first.value, second.value, paired)
        for measure, (first, second), paired in zip(one.measures, means, pairs, strict=True)
    ]
