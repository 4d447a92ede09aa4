"""Learners' answers in a table: participant, quiz, question, correct."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowscape.errors import UsageError

__all__ = ["ClassAnswers", "read_responses"]

_COLUMNS = ("participant", "quiz", "question", "correct")
_MEANINGS: dict[str, float] = {"1": 1.0, "true": 1.0, "0": 0.0, "false": 0.0, "": -1.0, "?": -1.0}


@dataclass(frozen=True, slots=True)
class ClassAnswers:
    """Answers of many learners, one entry each, in the order of the file.

    `learner`, `sitting` and `question` int64[n] number `learners`, `sittings` and the questions' list; `correct`
    float64[n] is 1 for right, 0 for wrong and -1 for "I don't know".
    """

    learner: NDArray[np.int64]
    sitting: NDArray[np.int64]
    question: NDArray[np.int64]
    correct: NDArray[np.float64]
    learners: tuple[str, ...]
    sittings: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.correct)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each answer was right."""
        result: NDArray[np.bool_] = self.correct == 1
        return result

    def without(self, learner: int) -> "ClassAnswers":
        """Return the answers of all other learners."""
        kept = self.learner != learner
        return replace(
            self,
            learner=self.learner[kept],
            sitting=self.sitting[kept],
            question=self.question[kept],
            correct=self.correct[kept],
        )

    def by_person(self, questions: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return one row for each learner's sitting, float64[rows, questions], NaN where not asked, and the sittings.

        Where a learner answered a question twice in one sitting, the last answer stands.
        """
        pairs, row = np.unique(np.column_stack([self.learner, self.sitting]), axis=0, return_inverse=True)
        table = np.full((len(pairs), questions), np.nan)
        table[row.ravel(), self.question] = self.right
        return table, pairs[:, 1]


def read_responses(path: str | Path, question_ids: Sequence[str]) -> ClassAnswers:
    """Read a CSV file with a header; `correct` is 1 or true, 0 or false, and empty or ? for "I don't know".

    Raises UsageError naming the line and what is wrong with it.
    """
    number = {name: index for index, name in enumerate(question_ids)}
    rows: list[tuple[str, str, int, float]] = []
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file)
            missing = [name for name in _COLUMNS if name not in (table.fieldnames or ())]
            if missing:
                raise UsageError(f"{path} has no column {', '.join(missing)}; needed are {', '.join(_COLUMNS)}.")
            for row in table:
                where, said = f"{path}, line {table.line_num}", (row["correct"] or "").strip().lower()
                if (question := (row["question"] or "").strip()) not in number:
                    raise UsageError(f"{where}: there is no question {question!r} in the questions' file.")
                if said not in _MEANINGS:
                    raise UsageError(f'{where}: correct is {said!r}; accepted: 1, 0, or empty for "I don\'t know".')
                rows.append((str(row["participant"]), str(row["quiz"]), number[question], _MEANINGS[said]))
    except (FileNotFoundError, IsADirectoryError):
        raise UsageError(f"There is no file {path}. Name the CSV file of answers with --responses.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path} is not a CSV file in UTF-8: {error}") from error
    if not rows:
        raise UsageError(f"{path} holds no answers.")
    learners, sittings = sorted({row[0] for row in rows}), sorted({row[1] for row in rows})
    return ClassAnswers(
        learner=np.array([learners.index(row[0]) for row in rows]),
        sitting=np.array([sittings.index(row[1]) for row in rows]),
        question=np.array([row[2] for row in rows]),
        correct=np.array([row[3] for row in rows]),
        learners=tuple(learners),
        sittings=tuple(sittings),
    )
