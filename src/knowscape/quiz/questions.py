"""Quiz questions, in the format of the predecessor and in our own."""

import json
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from knowscape.errors import UsageError
from knowscape.files import sha256_text

__all__ = ["Question", "read_questions"]


@dataclass(frozen=True, slots=True)
class Question:
    """A multiple-choice question; `correct_index` counts from 0."""

    id: str
    question: str
    options: tuple[str, ...]
    correct_index: int
    topic: str = ""
    difficulty: int | None = None
    source_article: str = ""
    x: float | None = None
    y: float | None = None

    @property
    def embedding_text(self) -> str:
        """What is embedded: the question and its right answer, since knowing it takes both."""
        return f"{self.question} {self.options[self.correct_index]}"

    def to_json(self) -> dict[str, Any]:
        """Return the canonical form, without what is not set."""
        values = asdict(self)
        values["correctIndex"] = values.pop("correct_index")
        return {name: value for name, value in values.items() if value not in (None, "")}


def read_questions(path: str | Path, *, limit: int | None = None) -> list[Question]:
    """Return the questions in a JSON file: a list, or an object with a list `questions`.

    With `limit`, the topics take turns, so that the choice is even and always the same.  Raises UsageError naming the
    item and what is wrong with it.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UsageError(f"There is no {path}. Name the questions' JSON file with -q.") from None
    except (ValueError, RecursionError, OSError) as error:
        raise UsageError(f"{path} is not a JSON file of questions: {error}") from error
    items = value.get("questions") if isinstance(value, dict) else value
    if not isinstance(items, list) or not items:
        raise UsageError(f"{path} holds no list of questions: [{{question, options, correctIndex}}, ...]")
    questions = [_question(item, f"{path}, question {number}") for number, item in enumerate(items, 1)]
    known: set[str] = set()
    unique = [question for question in questions if not (question.id in known or known.add(question.id))]  # type: ignore[func-returns-value]
    return _evenly(unique, limit) if limit is not None else unique


def _question(item: Any, where: str) -> Question:
    try:
        text, options, correct = str(item["question"]), item["options"], item["correctIndex"]
    except (KeyError, TypeError):
        raise UsageError(f"{where} needs question, options and correctIndex.") from None
    if not isinstance(options, list) or len(options) < 2:
        raise UsageError(f"{where} needs at least two options in a list, not {options!r:.60}.")
    if not isinstance(correct, int) or not 0 <= correct < len(options):
        raise UsageError(f"{where}: correctIndex is {correct!r}; accepted: 0 to {len(options) - 1}.")
    difficulty = item.get("difficulty")
    return Question(
        id=str(item.get("id") or sha256_text(text)[:16]),
        question=text,
        options=tuple(map(str, options)),
        correct_index=correct,
        topic=str(item.get("topic") or item.get("lecture") or ""),
        difficulty=difficulty if isinstance(difficulty, int) else None,
        source_article=str(item.get("source_article") or ""),
        x=item.get("x"),
        y=item.get("y"),
    )


def _evenly(questions: list[Question], limit: int) -> list[Question]:
    by_topic: dict[str, list[Question]] = {}
    for question in questions:
        by_topic.setdefault(question.topic, []).append(question)
    turns = (question for turn in zip_longest(*by_topic.values()) for question in turn if question is not None)
    return [question for question, _ in zip(turns, range(limit), strict=False)]
