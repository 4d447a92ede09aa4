"""A model's scores on a folder of data sets, beside the published ones."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from knowscape.encoders.spec import Encoder
from knowscape.errors import UsageError
from knowscape.evaluate.dense import dense_run
from knowscape.evaluate.expected import known_spec
from knowscape.evaluate.metrics import Measure, require_library
from knowscape.evaluate.outcome import evaluate_retrieval
from knowscape.evaluate.published import published_for
from knowscape.evaluate.retrieval import RetrievalSet, read_retrieval
from knowscape.evaluate.similarity import Pairs, read_pairs, similarity_score
from knowscape.progress import SILENT, Progress

__all__ = ["PAIRS", "RETRIEVAL", "Score", "read_tasks", "retrieval_scores", "scores"]

PAIRS = {"STS-B en": "sts/stsb-en-test.csv", "STS-B de": "sts/stsb-de-test.csv"}
RETRIEVAL = {"SciFact": "retrieval/scifact", "XQuAD-R en": "retrieval/xquad-en", "XQuAD-R de": "retrieval/xquad-de"}
_MEASURES = (Measure("ndcg", 10), Measure("mrr", 10), Measure("recall", 100))


@dataclass(frozen=True, slots=True)
class Score:
    """A score as it came out; `published` and `tolerance` are None where nothing is published."""

    task: str
    metric: str
    value: float
    published: float | None = None
    tolerance: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the score is within the tolerance, or nothing is published."""
        if self.published is None or self.tolerance is None:
            return True
        return abs(self.value - self.published) <= self.tolerance

    def to_json(self) -> dict[str, Any]:
        """Return the fields, and `ok`, which is None where nothing is published."""
        return {**asdict(self), "ok": None if self.published is None else self.ok}


def read_tasks(folder: Path) -> dict[str, Pairs | RetrievalSet]:
    """Return the data sets in `folder` by task.

    UsageError where there is none, one cannot be read, or what measures retrieval is not installed.
    """
    pairs = {task: folder / place for task, place in PAIRS.items()}
    retrieval = {task: folder / place for task, place in RETRIEVAL.items()}
    found: dict[str, Pairs | RetrievalSet] = {task: read_pairs(path) for task, path in pairs.items() if path.exists()}
    there = {task: path for task, path in retrieval.items() if path.exists()}
    if there:
        require_library()
    found |= {task: read_retrieval(path) for task, path in there.items()}
    if not found:
        accepted = ", ".join((PAIRS | RETRIEVAL).values())
        raise UsageError(f"{folder} holds none of the data sets. Looked for, each may be left out: {accepted}.")
    return found


def scores(encoder: Encoder, tasks: Mapping[str, Pairs | RetrievalSet], progress: Progress = SILENT) -> Iterator[Score]:
    """Yield the scores on each data set, as they are computed.

    What is published is looked up by the name that the catalogue has for the weights.
    """
    known = known_spec(encoder.spec) or encoder.spec
    published = published_for(known.name)
    for task, data in tasks.items():
        if isinstance(data, Pairs):
            found = {"spearman": similarity_score(encoder, data, name=task, progress=progress)}
        else:
            found = retrieval_scores(encoder, data, name=task, progress=progress)
        for metric, value in found.items():
            other = published.get((task, metric))
            yield Score(task, metric, value, *((other.value, other.tolerance) if other else ()))


def retrieval_scores(
    encoder: Encoder, data: RetrievalSet, *, name: str = "Retrieval", progress: Progress = SILENT
) -> dict[str, float]:
    """Return ndcg@10, mrr@10 and recall@100 of exact search, each 0 to 1, the mean over the judged queries."""
    run = dense_run(encoder, data, name=name, progress=progress)
    found = evaluate_retrieval(data, run, _MEASURES)
    return {str(measure): figure.value for measure, figure in zip(found.measures, found.figures, strict=True)}
