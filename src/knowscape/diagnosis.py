"""Each question's nearest articles in the embedding and on the map, side by side, and the region they lie in."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.atlas import Atlas
from knowscape.corpus.document import Corpus
from knowscape.errors import UsageError
from knowscape.files import write_json
from knowscape.maps.knowledge_map import KnowledgeMap
from knowscape.maps.neighbours import nearest
from knowscape.maps.quality import nearest_on_map
from knowscape.quiz.questions import Question

__all__ = ["Diagnosis", "QuestionNeighbours", "diagnose_questions"]

_DEPTH = 5
_TITLE = 60


@dataclass(frozen=True, slots=True)
class QuestionNeighbours:
    """One question: its nearest articles by cosine and on the map, nearest first, and how many are in both.

    An article is id, title and `similarity`, the cosine, or `distance`, in units of the map's side.
    """

    id: str
    question: str
    top5_embedding: list[dict[str, Any]]
    top5_map: list[dict[str, Any]]
    overlap: int

    def lines(self) -> Iterator[str]:
        """Yield the question, and its articles in a line for each space."""
        yield f"{self.question} ({self.id}): {self.overlap} of {len(self.top5_embedding)} are near in both"
        yield "  embedding  " + "; ".join(f"{near['title']} {near['similarity']:.2f}" for near in self.top5_embedding)
        yield "  map        " + "; ".join(f"{near['title']} {near['distance']:.4f}" for near in self.top5_map)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All questions of a map.

    `mean_overlap` is the mean share of the nearest five that are in both, `share_without_overlap` that of the questions
    with none.  Boxes are the least of each axis, then the greatest: of the questions in the layout's units (`raw`), the
    same in [0, 1] (`normalised`), and with `padding` on each side, a share of its size (`padded`), in which lie
    `articles_inside` and `questions_inside`.
    """

    questions: list[QuestionNeighbours]
    mean_overlap: float
    share_without_overlap: float
    bounding_box: dict[str, list[float]]
    padding: float
    articles_inside: int
    questions_inside: int

    def to_json(self) -> dict[str, Any]:
        """Return `questions`, and all else as `summary`."""
        value = asdict(self)
        return {"questions": value.pop("questions"), "summary": value}

    def write(self, path: Path) -> None:
        """Replace `path` by all this as JSON."""
        write_json(path, self.to_json())

    def lines(self) -> Iterator[str]:
        """Yield the questions, then the summary, for a person."""
        for question in self.questions:
            yield from question.lines()
        yield (
            f"{len(self.questions):,} questions: the map keeps {self.mean_overlap:.3f} of their 5 nearest articles, "
            f"and none of them for {self.share_without_overlap:.3f} of the questions"
        )
        for name, box in self.bounding_box.items():
            low, high = (", ".join(f"{value:.3f}" for value in half) for half in np.split(np.array(box), 2))
            yield f"bounding box, {name:<10}  ({low}) to ({high})"
        yield (
            f"with a padding of {self.padding:g} it holds {self.articles_inside:,} articles "
            f"and {self.questions_inside:,} questions"
        )


def diagnose_questions(atlas: Atlas, model: str | None = None) -> Diagnosis:
    """Return each question's five nearest articles in the embedding and on the map; UsageError without questions."""
    name, _ = atlas.model(model)
    made, corpus, questions = atlas.map(name), atlas.documents(name), atlas.questions
    _refuse_without(made, corpus, questions, atlas.path)
    documents, asked = np.split(made.coordinates, [len(corpus)])
    near, similarities = nearest(atlas.vectors(name), atlas.question_vectors(name), _DEPTH)
    found = nearest_on_map(documents, asked, near.shape[1])
    distances = np.linalg.norm(documents[found] - asked[:, None], axis=2)
    each = [
        QuestionNeighbours(
            question.id,
            question.question,
            _articles(corpus, near[row], similarity=similarities[row]),
            _articles(corpus, found[row], distance=distances[row]),
            len(np.intersect1d(near[row], found[row])),
        )
        for row, question in enumerate(questions)
    ]
    return _summary(made, each, near.shape[1])


def _refuse_without(made: KnowledgeMap, corpus: Corpus, questions: Sequence[Question], path: Path) -> None:
    """Raise UsageError where there are no questions, or the map is not of these."""
    if not questions:
        raise UsageError(f"{path} has no questions. Put some in with: knowscape map {path} -q questions.json")
    if made.document_ids != corpus.ids or made.question_ids != [question.id for question in questions]:
        raise UsageError(f"The map is older than its articles or questions. Make it anew with: knowscape map {path}")


def _articles(corpus: Corpus, rows: NDArray[np.int32], **figures: NDArray[np.float32]) -> list[dict[str, Any]]:
    ((figure, values),) = figures.items()
    found = [corpus[int(row)] for row in rows]
    return [
        {"id": article.id, "title": article.title or article.text[:_TITLE], figure: round(float(value), 6)}
        for article, value in zip(found, values, strict=True)
    ]


def _summary(made: KnowledgeMap, questions: list[QuestionNeighbours], depth: int) -> Diagnosis:
    overlaps, count = np.array([question.overlap for question in questions]), len(made.document_ids)
    region = np.array(made.question_region)
    low, high = np.split(region, 2)
    inside: NDArray[np.bool_] = np.all((made.coordinates >= low) & (made.coordinates <= high), axis=1)
    return Diagnosis(
        questions=questions,
        mean_overlap=float(overlaps.mean() / depth),
        share_without_overlap=float((overlaps == 0).mean()),
        bounding_box={
            "raw": _box(made.raw[count:]),
            "normalised": _box(made.coordinates[count:]),
            "padded": region.tolist(),
        },
        padding=float(made.about["options"]["padding"]),
        articles_inside=int(inside[:count].sum()),
        questions_inside=int(inside[count:].sum()),
    )


def _box(points: NDArray[np.float32]) -> list[float]:
    return [float(value) for value in (*points.min(axis=0), *points.max(axis=0))]
