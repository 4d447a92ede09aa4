"""A model's scores on a folder of data sets, beside the published ones."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from knowscape.encoders.spec import Encoder
from knowscape.errors import UsageError
from knowscape.evaluate.expected import known_spec
from knowscape.evaluate.published import published_for
from knowscape.evaluate.retrieval import read_retrieval, retrieval_scores
from knowscape.evaluate.similarity import read_pairs, similarity_score
from knowscape.progress import SILENT, Progress

__all__ = ["PAIRS", "RETRIEVAL", "Score", "scores", "tasks_in"]

PAIRS = {"STS-B en": "sts/stsb-en-test.csv", "STS-B de": "sts/stsb-de-test.csv"}
RETRIEVAL = {"SciFact": "retrieval/scifact", "XQuAD-R en": "retrieval/xquad-en", "XQuAD-R de": "retrieval/xquad-de"}


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


def tasks_in(folder: Path) -> dict[str, Path]:
    """Return the tasks whose data is in `folder`, with its place; UsageError where there is none."""
    places = {task: folder / place for task, place in (PAIRS | RETRIEVAL).items()}
    found = {task: place for task, place in places.items() if place.exists()}
    if not found:
        accepted = ", ".join((PAIRS | RETRIEVAL).values())
        raise UsageError(f"{folder} holds none of the data sets. Looked for, each may be left out: {accepted}.")
    return found


def scores(encoder: Encoder, folder: Path, progress: Progress = SILENT) -> Iterator[Score]:
    """Yield the scores on each data set that is in `folder`, as they are computed.

    What is published is looked up by the name that the catalogue has for the weights.  Raises UsageError for data that
    cannot be read.
    """
    known = known_spec(encoder.spec) or encoder.spec
    published = published_for(known.name)
    for task, place in tasks_in(folder).items():
        if task in PAIRS:
            found = {"spearman": similarity_score(encoder, read_pairs(place), name=task, progress=progress)}
        else:
            found = retrieval_scores(encoder, read_retrieval(place), name=task, progress=progress)
        for metric, value in found.items():
            other = published.get((task, metric))
            yield Score(task, metric, value, *((other.value, other.tolerance) if other else ()))
