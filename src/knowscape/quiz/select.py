"""Which question to ask next: the one whose answer is expected to tell most about what the reader wants to see."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from knowscape.quiz.estimate import GRID, Knowledge, Response
from knowscape.quiz.topics import Places, Topics

__all__ = ["ENOUGH", "MODES", "Mode", "expected_gains", "interest", "known_share", "next_question"]

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
    return counts / max(counts.sum(), _LEAST)


def expected_gains(knowledge: Knowledge, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each question float64[q]: by how much its answer is expected to lower the variance on the map.

    The variance is that of the probability of knowing an answer, summed over the nodes by `weights` float64[nodes].
    An answer's chance y and a node's probability are independent given the value where their paths up the tree meet,
    so that the expected fall, Cov(y, node)^2 / Var(y), is a sum of quadratic forms along the question's path: exact,
    in one pass over the tree, and not only to second order as in Bayesian experimental design (Chaloner & Verdinelli
    1995) by a Gaussian approximation.
    """
    levels = np.split(weights, np.cumsum(knowledge.topics.sizes)[:-1])
    reads = knowledge.readings(expit(GRID))
    right = np.stack([item.right() for item in knowledge.items])
    chance = (knowledge.beliefs[0] * right).sum(axis=1)
    # Second moments of the nodes' readings, as functions of the value at the node where they are collected.
    moments = levels[0][:, None, None] * np.outer(reads[0], reads[0])
    away = right - chance[:, None]
    total = _quadratic(knowledge.beliefs[0] * away, moments)
    node = np.arange(len(right))
    for level, parent in enumerate(knowledge.topics.parents):
        given = knowledge.given_parent(level)
        sent = given @ moments @ given.transpose(0, 2, 1)
        moments = levels[level + 1][:, None, None] * np.outer(reads[level + 1], reads[level + 1])
        np.add.at(moments, parent, sent)
        away = np.einsum("qij,qj->qi", given[node], away)
        above = parent[node]
        total += _quadratic(knowledge.beliefs[level + 1][above] * away, moments[above] - sent[node])
        node = above
    result: NDArray[np.float64] = np.maximum(total, 0) / np.maximum(chance * (1 - chance), _LEAST)
    return result


def _quadratic(vectors: NDArray[np.float64], matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = np.einsum("qi,qij,qj->q", vectors, matrices, vectors)
    return result


def known_share(knowledge: Knowledge, weights: NDArray[np.float64]) -> float:
    """Return which share of what all the questions can tell of the nodes is known, from 0 to 1."""

    def left(responses: tuple[Response, ...]) -> float:
        sd = Knowledge(knowledge.topics, responses, knowledge.items, knowledge.prior).sd
        return float(weights @ sd**2)

    asked = {response.question for response in knowledge.responses}
    rest = tuple(Response(question, right=True) for question in range(knowledge.topics.questions) if question not in asked)
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
