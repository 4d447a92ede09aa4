"""What must hold of an estimate of knowledge, whatever the answers are."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit
from unit_vectors import unit_vectors

from knowscape.quiz.estimate import GRID, Item, Knowledge, Prior, Response, estimate, walk
from knowscape.quiz.topics import HEIGHTS, Topics

TINY = 1e-9


TOPICS = {seed: Topics.of(unit_vectors(12, seed)) for seed in range(6)}
topics = st.sampled_from(sorted(TOPICS)).map(TOPICS.__getitem__)
priors = st.builds(Prior, st.floats(-2, 2), st.floats(0.1, 6), st.floats(0.1, 9), st.floats(0.1, 2))
answers = st.builds(Response, st.integers(0, 11), st.sampled_from([True, False, None]))
many = st.lists(answers, max_size=30)
items = st.lists(
    st.builds(Item, st.floats(-3, 3), st.floats(0.3, 2.5), st.sampled_from([0.0, 0.2, 0.25, 0.5])),
    min_size=12, max_size=12,
)  # fmt: skip


@given(topics, many, st.integers(0, 11), items, priors)
@settings(max_examples=60)
def test_a_right_answer_lowers_nothing_and_a_wrong_one_raises_nothing(
    tree: Topics, told: list[Response], question: int, made: list[Item], prior: Prior
) -> None:
    before = Knowledge(tree, told, made, prior)
    right = Knowledge(tree, [*told, Response(question, True)], made, prior)
    wrong = Knowledge(tree, [*told, Response(question, False)], made, prior)
    unknown = Knowledge(tree, [*told, Response(question, None)], made, prior)
    assert (right.mean >= before.mean - TINY).all()
    assert (wrong.mean <= before.mean + TINY).all()
    assert (unknown.mean <= wrong.mean + TINY).all()


@given(topics, many, answers, items, priors)
@settings(max_examples=60)
def test_no_answer_raises_the_standard_deviation(
    tree: Topics, told: list[Response], one: Response, made: list[Item], prior: Prior
) -> None:
    before, after = Knowledge(tree, told, made, prior), Knowledge(tree, [*told, one], made, prior)
    assert (after.sd <= before.sd + TINY).all()
    assert after.sd.min() >= 0
    assert after.sd[one.question] < before.sd[one.question]


@given(topics, many, st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_the_order_of_the_answers_does_not_matter(tree: Topics, told: list[Response], random: object) -> None:
    shuffled = list(told)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = Knowledge(tree, told), Knowledge(tree, shuffled)
    np.testing.assert_allclose(one.mean, other.mean, atol=TINY)
    np.testing.assert_allclose(one.sd, other.sd, atol=TINY)


@given(topics, st.lists(answers, min_size=500, max_size=500), items, priors)
@settings(max_examples=10)
def test_five_hundred_answers_give_numbers(tree: Topics, told: list[Response], made: list[Item], prior: Prior) -> None:
    after = Knowledge(tree, told, made, prior)
    low, high = after.interval()
    for values in (after.mean, after.sd, low, high):
        assert np.isfinite(values).all()
        assert (values >= 0).all()
        assert (values <= 1).all()
    assert (low <= high).all()
    assert np.isfinite(after.log_evidence)


@given(topics, st.sampled_from([2, 3, 4, 5]), st.integers(1, 4))
@settings(max_examples=30)
def test_who_guesses_is_not_taken_to_know_more_than_before(tree: Topics, options: int, rounds: int) -> None:
    made = [Item(guess=1 / options)] * 12
    told = [Response(question, turn == 0) for question in range(12) for turn in range(options) for _ in range(rounds)]
    before, after = Knowledge(tree, [], made), Knowledge(tree, told, made)
    assert (after.mean < before.mean).all()
    assert after.mean.max() < 0.35


def _covariance(tree: Topics, prior: Prior) -> NDArray[np.float64]:
    """Return what the model says two questions have in common: the level, and the branch to where they part."""
    shared = prior.local * np.exp(-np.array([0.0, *HEIGHTS, np.inf]) / prior.length)
    paths = [tree.path(question) for question in range(tree.questions)]
    parts = [
        [next(i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a == b) for other in paths] for one in paths
    ]
    return prior.level + shared[np.array(parts)]


@pytest.mark.parametrize("right", list(product([True, False], repeat=3)))
def test_the_sums_agree_with_dense_quadrature(right: tuple[bool, ...]) -> None:
    vectors = np.array([[1, 0, 0], [0.8, 0.6, 0], [0.3, 0.3, 0.9]], np.float32)
    tree = Topics.of(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    assert tree.sizes[0] == 3
    prior, made = Prior(0.3, 1.2, 2.0, 0.6), [Item(0.5, 1.2, 0.25), Item(-0.5, 0.8, 0.2), Item(0, 1, 0.5)]
    nodes, weights = np.polynomial.hermite_e.hermegauss(48)
    root = np.linalg.cholesky(_covariance(tree, prior))
    at = np.array(list(product(nodes, repeat=3))) @ root.T + prior.mean
    mass = np.prod(np.array(list(product(weights, repeat=3))), axis=1)
    for number, (item, good) in enumerate(zip(made, right, strict=True)):
        known = expit(item.discrimination * (at[:, number] - item.difficulty))
        chance = item.guess + (1 - item.guess) * known
        mass = mass * (chance if good else 1 - chance)
    exact = (mass @ expit(at)) / mass.sum()
    told = [Response(number, good) for number, good in enumerate(right)]
    np.testing.assert_allclose(Knowledge(tree, told, made, prior).mean[:3], exact, atol=0.003)


def test_the_mean_and_the_sd_are_those_of_simulated_readers() -> None:
    tree, prior, random = TOPICS[0], Prior(), np.random.default_rng(0)
    root = np.linalg.cholesky(_covariance(tree, prior) + 1e-9 * np.eye(12))
    asked, wrong, said = [0, 1, 2, 5, 7, 8], np.zeros(12), np.zeros(12)
    for _ in range(400):
        known = expit(prior.mean + root @ random.normal(size=12))
        told = [Response(question, bool(random.random() < 0.25 + 0.75 * known[question])) for question in asked]
        after = Knowledge(tree, told)
        wrong += (after.mean[:12] - known) ** 2 / 400
        said += after.sd[:12] ** 2 / 400
    # 400 readers give the root of a mean square to about 4 %.
    np.testing.assert_allclose(np.sqrt(wrong), np.sqrt(said), rtol=0.12)


def test_a_walk_keeps_all_mass_and_gains_the_variance() -> None:
    for variance in (0.01, 0.3, 2.0):
        step = walk(variance)
        np.testing.assert_allclose(step.sum(axis=1), 1, atol=1e-12)
        middle = step[len(GRID) // 2]
        assert middle @ GRID**2 == pytest.approx(variance, rel=1e-6)
    np.testing.assert_allclose(walk(0.3) @ walk(0.5), walk(0.8), atol=1e-12)


def test_articles_know_what_the_questions_beside_them_tell() -> None:
    vectors = unit_vectors(12, 3)
    tree = TOPICS[3]
    places = tree.attach(vectors, np.concatenate([vectors[:1], -vectors[:1]]))
    np.testing.assert_allclose(places.weights.sum(axis=1), 1)
    before, after = (estimate(Knowledge(tree, told), places) for told in ([], [Response(0, True)] * 3))
    gained = after[0] - before[0]
    assert gained[0] > gained[1] > 0
    assert after[1][0] < after[1][1]


def test_without_questions_and_with_one_there_is_an_estimate() -> None:
    assert Knowledge(Topics.of(unit_vectors(1, 0)), [Response(0, True)]).mean[0] > 0.5
    none = Topics.of(np.empty((0, 6), np.float32))
    places = none.attach(np.empty((0, 6), np.float32), unit_vectors(3, 0))
    mean, sd = estimate(Knowledge(none, []), places)
    np.testing.assert_allclose(mean, 0.5)
    assert (sd > 0.2).all()


def test_items_of_another_number_are_refused() -> None:
    with pytest.raises(ValueError, match="3 items for 12 questions"):
        Knowledge(TOPICS[0], [], [Item()] * 3)
