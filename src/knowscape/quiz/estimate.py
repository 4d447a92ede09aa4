"""What a reader knows, from answers to questions: a Gaussian process on the tree of topics, computed exactly.

A reader's latent knowledge is a person-wide level, and along each branch of the tree a random walk: two questions share
the level and the branch up to where they part, so that their covariance falls with their distance in the embedding.
Because the process is Markov on a tree, and its values lie on a fine grid, the posterior is exact sums (Pearl 1988)
instead of an approximation.  A walk on a grid is totally positive (Karlin & McGregor 1957), so that what is true of
real evidence holds here too: a right answer lowers no estimate, and a wrong one raises none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from knowscape.quiz.topics import HEIGHTS, Places, Topics

__all__ = ["GRID", "Item", "Knowledge", "Prior", "Response", "answered", "estimate", "normal"]

# Knowledge in logits; at the ends a reader knows one answer of 22,000, or all but one.
_SPACING, _REACH = 0.5, 20
GRID = np.arange(-_REACH, _REACH + 1) * _SPACING
_LEAST = 1e-300
_TABLE = 64


@dataclass(frozen=True, slots=True)
class Prior:
    """What is believed before any answer, in logits.

    `mean` of all knowledge; `level`, the variance between persons; `local`, the variance between topics within a
    person; `length`, the cosine distance at which two questions share 1/e of that.
    """

    mean: float = 0.0
    level: float = 1.5
    local: float = 4.0
    length: float = 0.8

    def shares(self) -> NDArray[np.float64]:
        """Return the variance of each step down the tree, from the person's level to the questions' last branch."""
        left = np.exp(-np.array([0.0, *HEIGHTS, np.inf]) / self.length)
        return self.local * -np.diff(left)


@dataclass(frozen=True, slots=True)
class Item:
    """A question's parameters, of which the 1PL, 2PL and 3PL (Birnbaum 1968) are special cases.

    Knowledge f is turned into a right answer with `guess` + (1 - guess) / (1 + exp(-discrimination (f - difficulty))).
    """

    difficulty: float = 0.0
    discrimination: float = 1.0
    guess: float = 0.25

    def right(self) -> NDArray[np.float64]:
        """Return the probability of a right answer at each value of the grid."""
        return self.guess + (1 - self.guess) * self.known()

    def known(self) -> NDArray[np.float64]:
        """Return the probability at each value of the grid of knowing the answer, without a guess."""
        result: NDArray[np.float64] = expit(self.discrimination * (GRID - self.difficulty))
        return result


@dataclass(frozen=True, slots=True)
class Response:
    """An answer to the question of that number; `right` is None for "I don't know"."""

    question: int
    right: bool | None


def answered(questions: NDArray[np.int64], correct: NDArray[np.float64]) -> list[Response]:
    """Return the answers to `questions` int64[n]; `correct` float64[n] is 1, 0, or -1 for "I don't know"."""
    pairs = zip(questions.tolist(), correct.tolist(), strict=True)
    return [Response(question, None if value < 0 else bool(value)) for question, value in pairs]


class Knowledge:
    """What is known of a reader after some answers: beliefs float64[n_l, grid] for the nodes of each level."""

    def __init__(
        self, topics: Topics, responses: Sequence[Response], items: Sequence[Item] | None = None, prior: Prior = Prior()
    ) -> None:
        self.topics, self.responses, self.prior = topics, tuple(responses), prior
        self.items = tuple(items) if items is not None else (Item(),) * topics.questions
        if len(self.items) != topics.questions:
            raise ValueError(f"{len(self.items)} items for {topics.questions} questions")
        self._steps = [walk(float(share)) for share in prior.shares()]
        self._upward()
        self._downward()

    def _upward(self) -> None:
        """Collect what the answers say of each node: `below` of those under it, `told` what it tells its parent."""
        logs = np.zeros((self.topics.questions, len(GRID)))
        for response in self.responses:
            item = self.items[response.question]
            # A wrong answer and "I don't know" are both evidence of not knowing; the shapes differ by a factor only.
            chance = item.right() if response.right else 1 - item.known()
            logs[response.question] += np.log(chance)
        self.below: list[NDArray[np.float64]] = []
        self.told: list[NDArray[np.float64]] = []
        self.log_evidence = 0.0
        for step, parent, size in zip(self._steps, self.topics.parents, self.topics.sizes[1:], strict=True):
            self.below.append(self._scaled(logs))
            self.told.append(np.maximum(self.below[-1] @ step, _LEAST))
            logs = np.zeros((size, len(GRID)))
            np.add.at(logs, parent, np.log(self.told[-1]))
        self.below.append(self._scaled(logs))

    def _scaled(self, logs: NDArray[np.float64]) -> NDArray[np.float64]:
        most = logs.max(axis=1, keepdims=True)
        self.log_evidence += float(most.sum())
        scaled: NDArray[np.float64] = np.exp(logs - most)
        return scaled

    def _downward(self) -> None:
        """Spread the belief about the person over the tree."""
        belief = self.below[-1] * normal(self.prior.mean, self.prior.level)
        self.log_evidence += float(np.log(belief.sum()))
        self.beliefs = [belief / belief.sum()]
        for step, parent, below, told in zip(
            self._steps[::-1], self.topics.parents[::-1], self.below[-2::-1], self.told[::-1], strict=True
        ):
            belief = below * ((self.beliefs[0][parent] / told) @ step)
            self.beliefs.insert(0, belief / belief.sum(axis=1, keepdims=True))

    @cached_property
    def mean(self) -> NDArray[np.float64]:
        """For each node, numbered through, the probability of knowing the answer to a question that hangs there."""
        return np.concatenate(
            [belief @ read for belief, read in zip(self.beliefs, self.readings(expit(GRID)), strict=True)]
        )

    @cached_property
    def sd(self) -> NDArray[np.float64]:
        """For each node the standard deviation of that probability.

        It is what so many answers at these places leave open on average over what they may be, and not what these
        answers happen to leave, so that no answer ever raises it.
        """
        shares = self.prior.shares()
        fresh = np.concatenate([[0], np.cumsum(shares)])
        variances = [variance + more for variance, more in zip(self._variances(shares), fresh, strict=True)]
        left, table = _spread(self.prior)
        result: NDArray[np.float64] = np.interp(np.concatenate(variances), left, table)
        return result

    def interval(self, share: float = 0.8) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return for each node the bounds between which the probability lies with that chance, after these answers."""
        bounds: list[list[NDArray[np.float64]]] = [[], []]
        spread = np.eye(len(GRID))
        for belief, step in zip(self.beliefs, [*self._steps, None], strict=True):
            sums = np.cumsum(belief @ spread, axis=1)
            for bound, level in zip(bounds, ((1 - share) / 2, (1 + share) / 2), strict=True):
                bound.append(np.array([np.interp(level, row, GRID + _SPACING / 2) for row in sums]))
            if step is not None:
                spread = step @ spread
        low, high = (expit(np.concatenate(bound)) for bound in bounds)
        return low, high

    def average(self, weights: NDArray[np.float64]) -> tuple[float, float]:
        """Return a region's mean and standard deviation: of the nodes' probabilities, by `weights` float64[nodes].

        Exact after these answers: one pass up the tree collects what is expected below each value, and its variance.
        """
        levels, reads = np.split(weights, np.cumsum(self.topics.sizes)[:-1]), self.readings(expit(GRID))
        expected = levels[0][:, None] * reads[0]
        variance = np.zeros_like(expected)
        for level, parent in enumerate(self.topics.parents):
            given = self.given_parent(level)
            sent = np.einsum("nij,nj->ni", given, expected)
            left = np.einsum("nij,nj->ni", given, variance + expected**2) - sent**2
            expected = levels[level + 1][:, None] * reads[level + 1]
            variance = np.zeros_like(expected)
            np.add.at(expected, parent, sent)
            np.add.at(variance, parent, left)
        belief, mean = self.beliefs[-1][0], float(self.beliefs[-1][0] @ expected[0])
        total = float(belief @ (variance[0] + expected[0] ** 2)) - mean**2
        return mean, float(np.sqrt(max(total, 0.0)))

    def predict(self, question: int) -> float:
        """Return the probability of a right answer to a question, guessing included."""
        return float(self.beliefs[0][question] @ self.items[question].right())

    def given_parent(self, level: int) -> NDArray[np.float64]:
        """Return for the nodes of a level float64[n_l, grid, grid]: the chance of each value, given the parent's."""
        below, told = self.below[level], self.told[level]
        result: NDArray[np.float64] = self._steps[level] * below[:, None, :] / told[:, :, None]
        return result

    def readings(self, at_leaf: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Return by level what is expected of a function on the grid at a question below a node, by the node's value.

        No answer counts: it is a question that was not asked.
        """
        readings = [at_leaf]
        for step in self._steps:
            readings.append(step @ readings[-1])
        return readings

    def _variances(self, shares: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """Return by level the nodes' variances in logits if each answer were a measurement of its average precision."""
        precision: NDArray[np.float64] = np.zeros(self.topics.questions)
        for response in self.responses:
            precision[response.question] += _information(self.items[response.question], self.prior)
        below, told = [], []
        for share, parent, size in zip(shares, self.topics.parents, self.topics.sizes[1:], strict=True):
            below.append(precision)
            told.append(precision / (1 + precision * share))
            precision = np.bincount(parent, told[-1], size).astype(np.float64)
        variances: list[NDArray[np.float64]] = [1 / (1 / self.prior.level + precision)]
        for share, parent, known, sent in zip(
            shares[::-1], self.topics.parents[::-1], below[::-1], told[::-1], strict=True
        ):
            around = 1 / (1 / variances[0][parent] - sent) + share
            variances.insert(0, 1 / (1 / around + known))
        return variances


def estimate(knowledge: Knowledge, places: Places) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and standard deviation float64[n] of the articles at `places`, as probabilities without guessing."""
    mean = (knowledge.mean[places.nodes] * places.weights).sum(axis=1)
    sd = (knowledge.sd[places.nodes] * places.weights).sum(axis=1)
    return mean, sd


@lru_cache(maxsize=256)
def walk(variance: float) -> NDArray[np.float64]:
    """Return the symmetric float64[grid, grid]: where a random walk on the grid is after it has gained `variance`.

    It steps to either side at the same rate and stays where it would leave the grid; its eigenvectors are cosines.
    """
    count = len(GRID)
    place, wave = np.arange(count), np.arange(count)
    vectors = np.cos(np.pi * wave[None, :] * (2 * place[:, None] + 1) / (2 * count)) * np.sqrt(2 / count)
    vectors[:, 0] = np.sqrt(1 / count)
    rates = (1 - np.cos(np.pi * wave / count)) / _SPACING**2
    result: NDArray[np.float64] = np.maximum((vectors * np.exp(-rates * variance)) @ vectors.T, 0)
    return result


def normal(mean: float, variance: float) -> NDArray[np.float64]:
    """Return the probabilities float64[grid] of a walk that starts at `mean`, or at the two places beside it."""
    start = np.maximum(0, 1 - np.abs(GRID - np.clip(mean, GRID[0], GRID[-1])) / _SPACING)
    result: NDArray[np.float64] = start @ walk(variance)
    return result


@lru_cache(maxsize=4096)
def _information(item: Item, prior: Prior) -> float:
    """Return the Fisher information of an answer about the knowledge in logits, on average over the prior."""
    slope = (1 - item.guess) * item.discrimination * item.known() * (1 - item.known())
    right = item.right()
    return float(normal(prior.mean, prior.level + prior.local) @ (slope**2 / (right * (1 - right))))


@lru_cache(maxsize=64)
def _spread(prior: Prior) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return variances in logits and the standard deviations of a probability that they leave, on average."""
    total = prior.level + prior.local
    variances = np.linspace(0, total, _TABLE + 1)
    known, sds = expit(GRID), []
    for variance in variances:
        means = normal(prior.mean, max(total - variance, 0.0))
        here = walk(float(variance))
        sds.append(np.sqrt(max(0.0, float(means @ (here @ known**2 - (here @ known) ** 2)))))
    return variances, np.maximum.accumulate(sds)
