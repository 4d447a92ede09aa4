"""Which question to ask next: the one whose answer is expected to tell most about what the reader wants to see."""

from collections.abc import Iterator
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from knowscape.quiz.estimate import GRID, Knowledge, Response
from knowscape.quiz.topics import Places, Topics

__all__ = ["ENOUGH", "MODES", "Mode", "expected_gains", "interest", "known_share", "learning_gains", "next_question"]

Mode = Literal["balanced", "easy", "challenge", "weak spots"]
MODES: tuple[Mode, ...] = get_args(Mode)

# Enough is known when this share of what all the questions could tell is known.
ENOUGH = 0.9
# The share of the open questions among which the easy and the challenging ones are looked for.
_END = 1 / 3
_LEAST = 1e-12


def interest(topics: Topics, places: Places) -> NDArray[np.float64]:
    """Return how much each node of the tree counts, float64[nodes], when these articles count the same; sum one."""
    counts = np.bincount(places.nodes.ravel(), places.weights.ravel(), sum(topics.sizes)).astype(np.float64)
    shares: NDArray[np.float64] = counts / max(counts.sum(), _LEAST)
    return shares


def expected_gains(knowledge: Knowledge, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each question float64[q]: by how much its answer is expected to lower the variance on the map.

    The variance is that of the probability of knowing an answer, summed over the nodes by `weights` float64[nodes].
    An answer's chance y and a node's probability are independent given the value where their paths up the tree meet,
    so that the expected fall, Cov(y, node)^2 / Var(y), is a sum of quadratic forms along the question's path: exact,
    in one pass over the tree, where Bayesian experimental design (Chaloner & Verdinelli 1995) has approximations.
    """
    right = np.stack([item.right() for item in knowledge.items])
    levels, reads = _by_level(knowledge, weights)
    chance, away = _leaves(knowledge, right)
    # Second moments of the readings of a node and of those below it, as functions of the value there.
    moments = levels[0][:, None, None] * np.outer(reads[0], reads[0])
    total = levels[0] * (away @ reads[0]) ** 2
    for level, (node, above, away) in enumerate(_upward(knowledge, right)):
        given = knowledge.given_parent(level)
        sent = given @ moments @ given.transpose(0, 2, 1)
        moments = levels[level + 1][:, None, None] * np.outer(reads[level + 1], reads[level + 1])
        np.add.at(moments, knowledge.topics.parents[level], sent)
        # A product of three in one call of einsum takes six times as long.
        total += (((moments[above] - sent[node]) @ away[:, :, None])[:, :, 0] * away).sum(axis=1)
    result: NDArray[np.float64] = np.maximum(total, 0) / np.maximum(chance * (1 - chance), _LEAST)
    return result


def learning_gains(knowledge: Knowledge, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each question float64[q]: by how much the expected map gains when the reader gets to know its answer.

    It is the gain of the mean over the nodes, summed by `weights` float64[nodes]: the less is known, and the more lies
    beside the question, the greater.
    """
    known = np.stack([item.known() for item in knowledge.items])
    levels, reads = _by_level(knowledge, weights)
    chance, away = _leaves(knowledge, known)
    sums = levels[0][:, None] * reads[0]
    total = (away * sums).sum(axis=1)
    for level, (node, above, away) in enumerate(_upward(knowledge, known)):
        sent = np.einsum("nij,nj->ni", knowledge.given_parent(level), sums)
        sums = levels[level + 1][:, None] * reads[level + 1]
        np.add.at(sums, knowledge.topics.parents[level], sent)
        total += (away * (sums[above] - sent[node])).sum(axis=1)
    result: NDArray[np.float64] = np.maximum(total, 0) / np.maximum(chance, _LEAST)
    return result


def _by_level(
    knowledge: Knowledge, weights: NDArray[np.float64]
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    return np.split(weights, np.cumsum(knowledge.topics.sizes)[:-1]), knowledge.readings(expit(GRID))


def _leaves(knowledge: Knowledge, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean float64[q] of a function of the questions' values float64[q, grid], and what `_upward` yields."""
    mean = (knowledge.beliefs[0] * values).sum(axis=1)
    return mean, knowledge.beliefs[0] * (values - mean[:, None])


def _upward(
    knowledge: Knowledge, values: NDArray[np.float64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]]:
    """Yield for each step up the tree the nodes int64[q] on the questions' paths below and above it, and a function.

    That is what is expected of `values` given the value above, float64[q, grid], less its mean, times the belief there:
    its sum with another function is their covariance.
    """
    away = values - _leaves(knowledge, values)[0][:, None]
    above = np.arange(len(values))
    for level, parent in enumerate(knowledge.topics.parents):
        node, above = above, parent[above].astype(np.int64)
        away = np.einsum("qij,qj->qi", knowledge.given_parent(level)[node], away)
        yield node, above, knowledge.beliefs[level + 1][above] * away


def known_share(knowledge: Knowledge, weights: NDArray[np.float64]) -> float:
    """Return which share of what all the questions can tell of the nodes is known, from 0 to 1."""

    def left(responses: tuple[Response, ...]) -> float:
        sd = Knowledge(knowledge.topics, responses, knowledge.items, knowledge.prior).sd
        return float(weights @ sd**2)

    asked = {response.question for response in knowledge.responses}
    open_ones = (question for question in range(knowledge.topics.questions) if question not in asked)
    rest = tuple(Response(question, right=True) for question in open_ones)
    nothing, everything = left(()), left((*knowledge.responses, *rest))
    if nothing - everything < _LEAST:
        return 1.0
    return (nothing - float(weights @ knowledge.sd**2)) / (nothing - everything)


def next_question(
    knowledge: Knowledge,
    weights: NDArray[np.float64],
    *,
    mode: Mode = "balanced",
    among: int = 1,
    random: np.random.Generator | None = None,
    enough: float = ENOUGH,
) -> int | None:
    """Return the question to ask next, or None when all were asked or the share `enough` is known.

    `weights` float64[nodes] say what the reader wants to see, as `interest` returns them.  "easy" and "challenge" look
    among the third of the open questions that the reader is most, or least, likely to answer; "weak spots" looks where
    the reader is expected to know little.  With `among` > 1 chance decides among the best: other readers get other
    questions (the randomesque exposure control of Kingsbury & Zara 1989).
    """
    asked = {response.question for response in knowledge.responses}
    candidates = np.array([q for q in range(knowledge.topics.questions) if q not in asked], dtype=np.int64)
    if not len(candidates) or known_share(knowledge, weights) >= enough:
        return None
    if mode == "weak spots":
        weights = weights * (1 - knowledge.mean)
    if mode in ("easy", "challenge"):
        chances = np.array([knowledge.predict(int(question)) for question in candidates])
        order = np.argsort(chances if mode == "challenge" else -chances, kind="stable")
        candidates = np.sort(candidates[order[: max(1, round(_END * len(order)))]])
    best = candidates[np.argsort(-expected_gains(knowledge, weights)[candidates], kind="stable")[:among]]
    return int(best[0] if random is None else random.choice(best))
