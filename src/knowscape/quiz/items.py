"""What is known of the questions themselves: guessed from their texts, or learnt from other learners' answers."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from knowscape.errors import UsageError
from knowscape.quiz.estimate import GRID, Item, Prior, normal
from knowscape.quiz.questions import Question

__all__ = ["LOGISTIC_MODELS", "FittedItems", "LogisticModel", "fit_items", "text_items"]

LogisticModel = Literal["1PL", "2PL", "3PL"]
LOGISTIC_MODELS: tuple[LogisticModel, ...] = get_args(LogisticModel)

# In logits: what a step of the difficulty that its author stated makes a question harder, or, where not all authors
# did, one standard deviation of each thing that its texts tell.
_STATED_WEIGHT, _TEXT_WEIGHT = 0.7, 0.45
_WORD = re.compile(r"[^\W\d_]+")
# Standard deviations of the priors: of difficulties, of what a sitting adds to all of them and to each, of the
# logarithms of discriminations, and of the guesses' logits.
_DIFFICULTY, _SITTING, _SHIFT, _DISCRIMINATION, _GUESS = 2.0, 2.0, 1.5, 0.3, 0.5


def text_items(questions: Sequence[Question], parts: NDArray[np.float32] | None = None) -> list[Item]:
    """Return items for questions that nobody has answered yet.

    They are as hard as their authors said; where not all did, one is taken to be harder than the others that is longer,
    has words that few of them have, and whose right option lies less near to it than the wrong ones do.  That takes
    `parts`, float32[n, d], the vectors of `part_texts`; without them it is left out.  A question of more options is
    guessed less often.
    """
    stated = [question.difficulty for question in questions if question.difficulty is not None]
    if questions and len(stated) == len(questions):
        harder = _STATED_WEIGHT * (np.array(stated, np.float64) - np.mean(stated))
    else:
        signs = [np.log([1 + len(question.question) for question in questions]), _rarity(questions)]
        if parts is not None:
            signs.append(-_standing_out(questions, parts))
        harder = _TEXT_WEIGHT * np.sum([_standard(sign) for sign in signs], axis=0)
    return [
        Item(difficulty=float(more), guess=question.guess) for question, more in zip(questions, harder, strict=True)
    ]


def _standard(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the values less their mean, in standard deviations; zeros where all are the same."""
    spread = float(values.std()) if len(values) else 0.0
    # Rounding leaves a spread of about 1e-16 where the values are the same.
    return (values - values.mean()) / spread if spread > 1e-9 else np.zeros(len(values))


def _rarity(questions: Sequence[Question]) -> NDArray[np.float64]:
    """Return float64[q]: the mean of -log(share of questions with it) over the words of it and its right option."""
    used = Counter(
        word for question in questions for word in set(_words(" ".join([question.question, *question.options])))
    )
    rare = {word: float(np.log(len(questions) / count)) for word, count in used.items()}
    return np.array(
        [np.mean([rare[word] for word in _words(question.embedding_text)] or [0.0]) for question in questions]
    )


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _standing_out(questions: Sequence[Question], parts: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return float64[q]: by how much more its right option is like a question than its wrong ones are on average."""
    found, start = np.zeros(len(questions)), 0
    for number, question in enumerate(questions):
        stem, *options = parts[start : start + 1 + len(question.options)]
        start += 1 + len(options)
        likeness = np.array(options) @ stem
        found[number] = likeness[question.correct_index] - np.delete(likeness, question.correct_index).mean()
    return found


@dataclass(frozen=True, slots=True)
class FittedItems:
    """Parameters by question and sitting, float64[q, sittings] for difficulty and float64[q] for the others."""

    difficulty: NDArray[np.float64]
    discrimination: NDArray[np.float64]
    guess: NDArray[np.float64]

    def of(self, sitting: int) -> list[Item]:
        """Return the items as they are in one sitting."""
        return [
            Item(float(b), float(a), float(c))
            for b, a, c in zip(self.difficulty[:, sitting], self.discrimination, self.guess, strict=True)
        ]


def fit_items(
    right: NDArray[np.float64],
    sittings: NDArray[np.int64],
    guess: NDArray[np.float64],
    *,
    model: LogisticModel = "3PL",
    prior: Prior = Prior(),
) -> FittedItems:
    """Fit a logistic item response model to learners' answers by penalised marginal likelihood (Bock & Aitkin 1981).

    `right` float64[n, q] is 1 for right, 0 for wrong or "I don't know", NaN where nothing was asked; `sittings`
    int64[n] says in which sitting each row was answered; `guess` float64[q] is one over the number of options.
    Knowledge that does not come from the person's level is averaged over.  A question's difficulty may differ by
    sitting, since there may have been a lesson in between.  UsageError for another model.
    """
    from scipy.optimize import minimize

    if model not in LOGISTIC_MODELS:
        raise UsageError(f"{model!r} is no item response model. Choose one of: {', '.join(LOGISTIC_MODELS)}")
    fit = _Fit(right, sittings, guess, model=model, prior=prior)
    found = minimize(fit.loss, np.zeros(fit.size), jac=True, method="L-BFGS-B", options={"maxiter": 200})
    difficulty, discrimination, guessed = fit.parameters(found.x)
    return FittedItems(difficulty, discrimination, guessed)


class _Fit:
    """The penalised marginal likelihood of all parameters in one vector."""

    def __init__(
        self,
        right: NDArray[np.float64],
        sittings: NDArray[np.int64],
        guess: NDArray[np.float64],
        *,
        model: LogisticModel,
        prior: Prior,
    ) -> None:
        self._rows, self._asked = sittings, ~np.isnan(right)
        self._right = np.where(self._asked, right, 0.0)
        self._guess, self._model = logit(guess), model
        self._count, self._sittings = right.shape[1], int(sittings.max(initial=0)) + 1
        self._level = normal(0.0, prior.level)
        # A logistic curve averaged over a normal variance is nearly a flatter one (MacKay 1992).
        self._slope = 1 / np.sqrt(1 + np.pi * prior.local / 8)
        self.size = self._count * (self._sittings + 3) + self._sittings

    def parameters(
        self, vector: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return difficulties float64[q, sittings], discriminations and guesses float64[q]."""
        own, together, shifts, steep, guess = self._split(vector)
        return own[:, None] + together + shifts, np.exp(steep), expit(self._guess + guess)

    def _split(self, vector: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        q, s = self._count, self._sittings
        own, together, shifts, steep, guess = np.split(vector, np.cumsum([q, s, q * s, q]))
        steep = steep if self._model != "1PL" else np.zeros(q)
        guess = guess if self._model == "3PL" else np.zeros(q)
        return [own, together, shifts.reshape(q, s), steep, guess]

    def loss(self, vector: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return minus the penalised logarithm of the marginal likelihood, and its gradient."""
        difficulty, discrimination, guess = self.parameters(vector)
        away = GRID - difficulty[:, :, None]
        slope = self._slope * discrimination[:, None, None]
        known = expit(slope * away)
        floor = guess[:, None, None]
        right = floor + (1 - floor) * known
        logs = np.log(right), np.log1p(-np.minimum(right, 1 - 1e-12))
        rows = np.zeros((len(self._rows), len(GRID)))
        for row, sitting in enumerate(self._rows):
            asked, good = self._asked[row], self._right[row]
            rows[row] = good[asked] @ logs[0][asked, sitting] + (1 - good[asked]) @ logs[1][asked, sitting]
        most = rows.max(axis=1, keepdims=True)
        joint = np.exp(rows - most) * self._level
        total = joint.sum(axis=1, keepdims=True)
        evidence = float((np.log(total) + most).sum())
        belief = joint / total
        counts = np.zeros((2, *known.shape))
        for sitting in range(self._sittings):
            here = self._rows == sitting
            counts[0, :, sitting] = self._right[here].T @ belief[here]
            counts[1, :, sitting] = (self._asked[here] * (1 - self._right[here])).T @ belief[here]
        turn = counts[0] * (1 - floor) * known * (1 - known) / right - counts[1] * known
        by_difficulty = -(turn * slope).sum(axis=2)
        by_steep = (turn * slope * away).sum(axis=(1, 2))
        by_guess = ((counts[0] * (1 - known) / right - counts[1] / (1 - floor)) * floor * (1 - floor)).sum(axis=(1, 2))
        gradient = np.concatenate(
            [
                by_difficulty.sum(axis=1),
                by_difficulty.sum(axis=0),
                by_difficulty.ravel(),
                by_steep * (self._model != "1PL"),
                by_guess * (self._model == "3PL"),
            ]
        )
        q, s = self._count, self._sittings
        widths = np.repeat([_DIFFICULTY, _SITTING, _SHIFT, _DISCRIMINATION, _GUESS], [q, s, q * s, q, q])
        penalty = float(((vector / widths) ** 2).sum()) / 2
        return penalty - evidence, vector / widths**2 - gradient
