"""What a class's answers say of the questions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowscape.errors import UsageError
from knowscape.quiz.estimate import Knowledge, answered
from knowscape.quiz.items import LogisticModel, fit_items
from knowscape.quiz.questions import Question
from knowscape.quiz.responses import ClassAnswers
from knowscape.quiz.topics import Topics

__all__ = ["ItemReport", "report_items"]

# A key is suspected where those who know more answer worse, by more than chance does in one of twenty questions.
_FEWEST, _ONE_IN_TWENTY = 8, 1.645


@dataclass(frozen=True, slots=True)
class ItemReport:
    """What the answers say of a question.

    `answers` were given, `share` of them right; `difficulty` in logits, its mean over the sittings, `discrimination`
    and `guess` as in `Item`.  `infit` is the mean square of the residuals against what the model expects (Wright &
    Masters 1982): 1 is as expected, above 1.3 noisy.  `correlation` is between right answers and what the same
    learners' other answers promised, None where there is none.  `broken_key` says that it is so far below zero that
    the key, or the question, is suspect.
    """

    question: str
    text: str
    answers: int
    share: float
    difficulty: float
    discrimination: float
    guess: float
    infit: float
    correlation: float | None
    broken_key: bool


def report_items(
    questions: Sequence[Question],
    vectors: NDArray[np.float32],
    answers: ClassAnswers,
    *,
    model: LogisticModel = "3PL",
) -> list[ItemReport]:
    """Fit the questions' parameters and hold each against the answers; questions that nobody was asked are left out.

    `vectors` float32[q, d] are the questions', of length one.  UsageError for the answers of one learner only.
    """
    if len(answers.learners) < 2:
        raise UsageError("What a question is like is learnt from two learners or more; there is one.")
    guess = np.array([question.guess for question in questions])
    fitted = fit_items(*answers.by_person(len(questions)), guess, model=model)
    expected = _from_others(Topics.of(vectors), answers, guess, model)
    reports = []
    for number, question in enumerate(questions):
        mine = answers.question == number
        if not mine.any():
            continue
        right, chance = answers.right[mine], expected[mine]
        correlation = _correlation(right, chance)
        reports.append(
            ItemReport(
                question=question.id,
                text=question.question,
                answers=int(mine.sum()),
                share=float(right.mean()),
                difficulty=float(fitted.difficulty[number, np.unique(answers.sitting[mine])].mean()),
                discrimination=float(fitted.discrimination[number]),
                guess=float(fitted.guess[number]),
                infit=float(((right - chance) ** 2).sum() / (chance * (1 - chance)).sum()),
                correlation=correlation,
                broken_key=correlation is not None
                and len(right) >= _FEWEST
                and correlation * np.sqrt(len(right) - 1) < -_ONE_IN_TWENTY,
            )
        )
    return reports


def _from_others(
    topics: Topics, answers: ClassAnswers, guess: NDArray[np.float64], model: LogisticModel
) -> NDArray[np.float64]:
    """Return for each answer the chance of a right one: from the other learners, and this one's answers beside it."""
    expected = np.empty(len(answers))
    for learner in range(len(answers.learners)):
        fitted = fit_items(*answers.without(learner).by_person(topics.questions), guess, model=model)
        for row in np.flatnonzero(answers.learner == learner):
            sitting = answers.sitting[row]
            beside = (answers.learner == learner) & (answers.sitting == sitting)
            beside[row] = False
            told = answers.question[beside], answers.correct[beside]
            # Of a sitting that nobody else has taken nothing is known; the first one stands for it.
            items = fitted.of(sitting) if sitting < fitted.difficulty.shape[1] else fitted.of(0)
            expected[row] = Knowledge(topics, answered(*told), items).predict(int(answers.question[row]))
    return expected


def _correlation(right: NDArray[np.bool_], chance: NDArray[np.float64]) -> float | None:
    if len(right) < 2 or right.std() == 0 or chance.std() == 0:
        return None
    return float(np.corrcoef(right, chance)[0, 1])
