"""How well estimates of knowledge predict answers that they have not seen."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.errors import UsageError
from knowscape.quiz.estimate import Item, Knowledge, Prior, answered
from knowscape.quiz.items import fit_items, text_items
from knowscape.quiz.questions import Question
from knowscape.quiz.responses import ClassAnswers
from knowscape.quiz.topics import Topics

__all__ = ["COLD", "WARM", "Evaluation", "Figure", "evaluate_knowledge", "scores_of"]

COLD = ("cold", "share correct", "paper", "2-D Gaussian process")
WARM = ("warm", "Rasch")
_BINS = 10
# Of the Gaussian process on a plane: length as a share of the plane's side, noise as a variance.
_PLANE_LENGTH, _PLANE_NOISE = 0.3, 0.25
_LEAST = 1e-6
# No topic tells anything of a person's own in a Rasch model.
_NO_TOPICS = Prior(local=1e-9)

# Predicts the chance of a right answer to questions int64[m] from seen answers to other questions.
Predictor = Callable[[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure over all held-out answers with its 95 % interval, from a bootstrap over the learners."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`predictions` float64[n] by predictor; `scores` by predictor, part (a sitting, or "pooled") and measure.

    A sitting in which all answers are right, or none is, has no scores of its own.
    `gains` by predictor: how much more than the share of right answers it has of pooled AUC.
    """

    answers: ClassAnswers
    predictions: Mapping[str, NDArray[np.float64]]
    scores: Mapping[str, Mapping[str, Mapping[str, Figure]]]
    gains: Mapping[str, Figure]

    def to_json(self) -> dict[str, Any]:
        """Return all figures, and each predictor's calibration curve."""
        return {
            "answers": len(self.answers),
            "learners": len(self.answers.learners),
            "scores": {
                name: {part: {measure: asdict(figure) for measure, figure in of.items()} for part, of in parts.items()}
                for name, parts in self.scores.items()
            },
            "auc_over_share_correct": {name: asdict(figure) for name, figure in self.gains.items()},
            "calibration": {
                name: calibration_curve(self.answers.right, predicted) for name, predicted in self.predictions.items()
            },
        }


def evaluate_knowledge(
    questions: Sequence[Question],
    vectors: NDArray[np.float32],
    answers: ClassAnswers,
    *,
    parts: NDArray[np.float32] | None = None,
    folds: int | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Evaluation:
    """Predict every answer from others of the same learner and sitting, and score the predictions.

    `vectors` float32[q, d] are the questions', of length one, and `parts` float32[n, d] those of `part_texts`.
    Without `folds` each answer is predicted from all others of its sitting, else each of so many parts of a sitting
    from the other parts.  Cold predictors see the questions' texts and the learner's answers; for warm ones the
    questions' parameters are learnt from the other learners.  Intervals come from so many `resamples` of the learners.
    UsageError for answers that cannot be scored.
    """
    if folds is not None and folds < 2:
        raise UsageError(f"Answers are held out in 2 folds or more, not {folds}.")
    if len(set(answers.right.tolist())) < 2:
        raise UsageError("All answers are right, or none is: there is nothing to tell apart.")
    topics, cold = Topics.of(vectors), text_items(questions, parts)
    guess = np.array([question.guess for question in questions])
    by_texts: dict[str, Predictor] = {
        "cold": _by_knowledge(topics, cold, Prior()),
        "share correct": _by_share,
        "paper": _by_likeness(np.atleast_2d(np.corrcoef(vectors))),
        "2-D Gaussian process": _by_plane(_plane(vectors)),
    }
    predictions = {name: np.full(len(answers), np.nan) for name in (*COLD, *WARM)}
    random = np.random.default_rng(seed)
    for learner in range(len(answers.learners)):
        table, sittings = answers.without(learner).by_person(len(questions))
        if len(table):
            warm = fit_items(table, sittings, guess)
            rasch = fit_items(table, sittings, guess, model="1PL", prior=_NO_TOPICS)
        for sitting in range(len(answers.sittings)):
            rows = np.flatnonzero((answers.learner == learner) & (answers.sitting == sitting))
            predictors = dict(by_texts)
            # Where nobody else sat it, nothing is known of it.
            if sitting in sittings:
                predictors["warm"] = _by_knowledge(topics, warm.of(sitting), Prior())
                predictors["Rasch"] = _by_knowledge(topics, rasch.of(sitting), _NO_TOPICS)
            for held in _held_out(len(rows), folds, random):
                seen = np.setdiff1d(np.arange(len(rows)), held)
                for name, predict in predictors.items():
                    told = answers.question[rows[seen]], answers.correct[rows[seen]]
                    predictions[name][rows[held]] = predict(*told, answers.question[rows[held]])
    done = {name: predicted for name, predicted in predictions.items() if not np.isnan(predicted).any()}
    drawn = _resamples(answers, resamples, random)
    return Evaluation(answers, done, _scored(answers, done, drawn), _gains(answers, done, drawn))


def _held_out(count: int, folds: int | None, random: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    if folds is None:
        yield from np.arange(count)[:, None]
    else:
        yield from (part for part in np.array_split(random.permutation(count), folds) if len(part))


def _by_knowledge(topics: Topics, items: Sequence[Item], prior: Prior) -> Predictor:
    def predict(seen: NDArray[np.int64], correct: NDArray[np.float64], asked: NDArray[np.int64]) -> NDArray[np.float64]:
        known = Knowledge(topics, answered(seen, correct), items, prior)
        return np.array([known.predict(int(question)) for question in asked])

    return predict


def _by_share(_seen: NDArray[np.int64], correct: NDArray[np.float64], asked: NDArray[np.int64]) -> NDArray[np.float64]:
    """Predict the share of right answers, by Laplace's rule of succession."""
    return np.full(len(asked), ((correct == 1).sum() + 1) / (len(correct) + 2))


def _by_likeness(likeness: NDArray[np.float64]) -> Predictor:
    """Predict the share of right answers weighted by the correlation of vectors, scaled to [0, 1].

    As Fitzpatrick, Heusser & Manning (2025) do with topic vectors of lectures, which there are none of here.
    """
    low, high = likeness.min(), likeness.max()
    weights = (likeness - low) / max(high - low, _LEAST)

    def predict(seen: NDArray[np.int64], correct: NDArray[np.float64], asked: NDArray[np.int64]) -> NDArray[np.float64]:
        near = weights[np.ix_(asked, seen)]
        share: NDArray[np.float64] = (near @ (correct == 1) + _LEAST / 2) / (near.sum(axis=1) + _LEAST)
        return share

    return predict


def _by_plane(places: NDArray[np.float64]) -> Predictor:
    """Predict by Gaussian process regression of 0 and 1 on the plane, with a Matern kernel of order 3/2."""
    distance = np.linalg.norm(places[:, None] - places[None], axis=-1) * np.sqrt(3) / _PLANE_LENGTH
    kernel = (1 + distance) * np.exp(-distance)

    def predict(seen: NDArray[np.int64], correct: NDArray[np.float64], asked: NDArray[np.int64]) -> NDArray[np.float64]:
        among = kernel[np.ix_(seen, seen)] + _PLANE_NOISE * np.eye(len(seen))
        mean: NDArray[np.float64] = 0.5 + kernel[np.ix_(asked, seen)] @ np.linalg.solve(among, (correct == 1) - 0.5)
        return mean.clip(0.01, 0.99)

    return predict


def _plane(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the first two principal components float64[q, 2], in [0, 1]."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0)
    places = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    result: NDArray[np.float64] = (places - places.min(axis=0)) / max(float(np.ptp(places, axis=0).max()), _LEAST)
    return result


def scores_of(right: NDArray[np.bool_], predicted: NDArray[np.float64]) -> dict[str, float]:
    """Return the area under the ROC curve, log-loss, Brier score and the mean error of the calibration curve.

    The area is NaN where all answers are right, or none is.
    """
    return {name: float(values[0]) for name, values in _scores(right, predicted, np.ones((1, len(right)))).items()}


def calibration_curve(right: NDArray[np.bool_], predicted: NDArray[np.float64]) -> list[dict[str, float]]:
    """Return up to ten bins with as many answers each: what was predicted there, and the share that was right."""
    return [
        {"predicted": float(predicted[part].mean()), "observed": float(right[part].mean()), "answers": len(part)}
        for part in _bins(predicted)
    ]


def _bins(predicted: NDArray[np.float64]) -> list[NDArray[np.int64]]:
    order = np.argsort(predicted, kind="stable")
    return [part for part in np.array_split(order, _BINS) if len(part)]


def _scores(
    right: NDArray[np.bool_], predicted: NDArray[np.float64], weights: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Return each measure float64[r] for r weightings float64[r, n] of the answers."""
    chance, total = np.clip(predicted, _LEAST, 1 - _LEAST), np.maximum(weights.sum(axis=1), _LEAST)
    off = sum(np.abs(weights[:, part] @ (predicted[part] - right[part])) for part in _bins(predicted))
    return {
        "auc": _auc(right, predicted, weights),
        "log_loss": weights @ -np.log(np.where(right, chance, 1 - chance)) / total,
        "brier": weights @ (predicted - right) ** 2 / total,
        "calibration_error": off / total,
    }


def _auc(right: NDArray[np.bool_], predicted: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the chance that a right answer was predicted higher than a wrong one, ties counting half."""
    order = np.argsort(predicted, kind="stable")
    starts = np.flatnonzero(np.diff(predicted[order], prepend=-np.inf))
    good = np.add.reduceat(weights[:, order] * right[order], starts, axis=1)
    bad = np.add.reduceat(weights[:, order] * ~right[order], starts, axis=1)
    below = np.cumsum(bad, axis=1) - bad / 2
    pairs = good.sum(axis=1) * bad.sum(axis=1)
    area: NDArray[np.float64] = np.where(pairs > 0, (good * below).sum(axis=1) / np.maximum(pairs, _LEAST), np.nan)
    return area


def _resamples(answers: ClassAnswers, count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Return how often each answer counts where as many learners are drawn, with repeats: float64[count, n]."""
    learners = len(answers.learners)
    drawn = random.multinomial(learners, np.full(learners, 1 / learners), size=count)
    return drawn[:, answers.learner].astype(np.float64)


def _scored(
    answers: ClassAnswers, predictions: Mapping[str, NDArray[np.float64]], drawn: NDArray[np.float64]
) -> dict[str, dict[str, dict[str, Figure]]]:
    parts = {name: answers.sitting == number for number, name in enumerate(answers.sittings)}
    parts["pooled"] = np.ones(len(answers), np.bool_)
    parts = {name: inside for name, inside in parts.items() if 0 < answers.right[inside].sum() < inside.sum()}
    return {
        name: {
            part: _figures(answers.right[inside], predicted[inside], drawn[:, inside]) for part, inside in parts.items()
        }
        for name, predicted in predictions.items()
    }


def _figures(right: NDArray[np.bool_], predicted: NDArray[np.float64], drawn: NDArray[np.float64]) -> dict[str, Figure]:
    again = _scores(right, predicted, drawn)
    return {name: _figure(value, again[name]) for name, value in scores_of(right, predicted).items()}


def _figure(value: float, again: NDArray[np.float64]) -> Figure:
    """Return a value with the middle 95 % of what it was on resamples that had both right and wrong answers."""
    low, high = (
        np.percentile(again[~np.isnan(again)], [2.5, 97.5]).tolist() if not np.isnan(again).all() else (value,) * 2
    )
    return Figure(value, low, high)


def _gains(
    answers: ClassAnswers, predictions: Mapping[str, NDArray[np.float64]], drawn: NDArray[np.float64]
) -> dict[str, Figure]:
    """Return how much more area under the curve each predictor has than the share of right answers."""
    both = np.concatenate([np.ones((1, len(answers))), drawn])
    areas = {name: _auc(answers.right, predicted, both) for name, predicted in predictions.items()}
    gains = {name: area - areas["share correct"] for name, area in areas.items()}
    return {name: _figure(float(gain[0]), gain[1:]) for name, gain in gains.items()}
