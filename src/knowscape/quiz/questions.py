"""Quiz questions, in the format of the predecessor and in our own."""

import json
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from knowscape.characters import one_line
from knowscape.errors import StorageError, UsageError
from knowscape.files import sha256_text
from knowscape.store.signed import read_signed, write_signed

__all__ = ["Question", "digest_of", "part_texts", "read_questions", "store_questions", "stored_questions"]

_LARGEST = 64 << 20
_FARTHEST = 1e6


@dataclass(frozen=True, slots=True)
class Question:
    """A multiple-choice question; `correct_index` counts from 0, `explanation` says why that is right."""

    id: str
    question: str
    options: tuple[str, ...]
    correct_index: int
    topic: str = ""
    difficulty: int | None = None
    source_article: str = ""
    explanation: str = ""
    x: float | None = None
    y: float | None = None

    @property
    def guess(self) -> float:
        """The chance of a right answer without knowing it."""
        return 1 / len(self.options)

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
        value = json.loads(_content(Path(path)).decode("utf-8-sig"))
    except FileNotFoundError:
        raise UsageError(f"There is no {path}. Name the questions' JSON file with -q.") from None
    except (ValueError, RecursionError, OSError) as error:
        if isinstance(error, OSError) and StorageError.explains(error):
            raise StorageError.of(error, Path(path)) from error
        raise UsageError(f"{path} is not a JSON file of questions: {error}") from error
    questions = _parse(value, path)
    return _evenly(questions, limit) if limit is not None else questions


def digest_of(questions: Sequence[Question]) -> str:
    """Return what tells a map's questions: the hexadecimal SHA-256 of the texts that are embedded, one a line."""
    return sha256_text("\n".join(question.embedding_text for question in questions))


def part_texts(questions: Sequence[Question]) -> list[str]:
    """Return what else is embedded, to tell how hard questions are: each one's words alone, and its options.

    Nothing where all authors said how hard theirs are.
    """
    if all(question.difficulty is not None for question in questions):
        return []
    return [text for question in questions for text in (question.question, *question.options)]


def store_questions(path: Path, questions: Sequence[Question]) -> None:
    """Put questions into an atlas's file in their canonical form."""
    write_signed(path, {"questions": [question.to_json() for question in questions]})


def stored_questions(path: Path) -> list[Question]:
    """Return what `store_questions` put into `path`, nothing where it is not there; DamageError where it is damaged."""
    if not path.exists():
        return []
    return _parse(read_signed(path, lambda value: {"questions": value} if isinstance(value, list) else None), path)


def _parse(value: Any, path: str | Path) -> list[Question]:
    items = value.get("questions") if isinstance(value, dict) else value
    if not isinstance(items, list) or not items:
        raise UsageError(f"{path} holds no list of questions: [{{question, options, correctIndex}}, ...]")
    questions = [_question(item, f"{path}, question {number}") for number, item in enumerate(items, 1)]
    return _without_repeats(questions, path)


def _content(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is no file. Name the questions' JSON file with -q.")
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise UsageError(f"{path} is over {_LARGEST >> 20} MB; accepted for questions: up to that.")
    return content


def _question(item: Any, where: str) -> Question:
    text = _words(item.get("question"), where) if isinstance(item, dict) else ""
    if not text.strip():
        raise UsageError(f"{where} needs question, options and correctIndex.")
    difficulty = item.get("difficulty")
    options, correct = _options(item, where)
    return Question(
        id=_words(item.get("id"), where) or sha256_text(text)[:16],
        question=text,
        options=options,
        correct_index=correct,
        topic=_words(item.get("topic") or item.get("lecture"), where),
        difficulty=difficulty if isinstance(difficulty, int) else None,
        source_article=_words(item.get("source_article"), where),
        explanation=_words(item.get("explanation"), where),
        x=_coordinate(item.get("x"), where),
        y=_coordinate(item.get("y"), where),
    )


def _words(value: Any, where: str) -> str:
    """Return a string or number as the words it stands for, an empty string for nothing."""
    if not isinstance(value, str | int | float | None):
        raise UsageError(f"{where} has {reprlib.repr(value)} where words are expected.")
    # Half of a surrogate pair is JSON and no UTF-8.
    words = str(value or "").encode("utf-8", "replace").decode()
    return words if words.isprintable() else "\n".join(map(one_line, words.splitlines()))


def _options(item: Mapping[str, Any], where: str) -> tuple[tuple[str, ...], int]:
    """Return the options and the index of the right one, which may be named by index, by key or by its words."""
    given = item.get("options")
    keys, values = list(given) if isinstance(given, dict) else [], given
    if isinstance(given, dict):
        values = list(given.values())
    if not isinstance(values, list) or len(values) < 2:
        raise UsageError(f"{where} needs at least two options, not {reprlib.repr(given)}.")
    # An option may be 0 or false.
    options = tuple(_words(value, where) or str(value) for value in values)
    if len(set(options)) < len(options):
        raise UsageError(f"{where} has the same option twice: {reprlib.repr(given)}.")
    correct = item.get("correctIndex")
    if correct is None:
        answer = item.get("correct_answer", item.get("answer"))
        names = keys or list("ABCDEFGHIJ"[: len(options)])
        correct = names.index(answer) if answer in names else options.index(answer) if answer in options else answer
    if not isinstance(correct, int) or isinstance(correct, bool) or not 0 <= correct < len(options):
        raise UsageError(
            f"{where}: the right option is {reprlib.repr(correct)}; accepted: correctIndex 0 to {len(options) - 1}, "
            "or correct_answer with an option's letter or words."
        )
    return options, correct


def _coordinate(value: Any, where: str) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or not abs(value) <= _FARTHEST:
        raise UsageError(f"{where}: a coordinate is {reprlib.repr(value)}; accepted: a number up to a million.")
    return float(value)


def _without_repeats(questions: list[Question], path: str | Path) -> list[Question]:
    """Return each question once; UsageError where one id stands for two different questions."""
    known: dict[str, Question] = {}
    for question in questions:
        if known.setdefault(question.id, question).embedding_text != question.embedding_text:
            raise UsageError(f"{path}: the id {question.id!r} stands for two different questions.")
    return list(known.values())


def _evenly(questions: list[Question], limit: int) -> list[Question]:
    by_topic: dict[str, list[Question]] = {}
    for question in questions:
        by_topic.setdefault(question.topic, []).append(question)
    turns = (question for turn in zip_longest(*by_topic.values()) for question in turn if question is not None)
    return [question for question, _ in zip(turns, range(limit), strict=False)]
