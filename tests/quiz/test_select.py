"""The next question is the one that is expected to tell most, and that by brute force too."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from unit_vectors import unit_vectors

from knowscape.quiz.estimate import Item, Knowledge, Prior, Response
from knowscape.quiz.select import MODES, Mode, expected_gains, interest, known_share, learning_gains, next_question
from knowscape.quiz.topics import Places, Topics

TOPICS = {seed: Topics.of(unit_vectors(9, seed)) for seed in range(4)}
topics = st.sampled_from(sorted(TOPICS)).map(TOPICS.__getitem__)
answers = st.lists(st.builds(Response, st.integers(0, 8), st.sampled_from([True, False, None])), max_size=8)
items = st.lists(
    st.builds(Item, st.floats(-2, 2), st.floats(0.4, 2), st.sampled_from([0.0, 0.25, 0.5])), min_size=9, max_size=9
)


def _even(tree: Topics) -> NDArray[np.float64]:
    return np.full(sum(tree.sizes), 1 / sum(tree.sizes))


@given(topics, answers, items, st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_the_expected_gain_is_what_both_answers_do_to_the_means(
    tree: Topics, told: list[Response], made: list[Item], seed: int
) -> None:
    weights = np.random.default_rng(seed).dirichlet(np.ones(sum(tree.sizes)))
    before = Knowledge(tree, told, made)
    found = expected_gains(before, weights)
    for question in range(tree.questions):
        chance = before.predict(question)
        # A wrong answer's evidence is that of not knowing: the same as of a right one that did not come.
        right = Knowledge(tree, [*told, Response(question, True)], made).mean
        wrong = Knowledge(tree, [*told, Response(question, False)], made).mean
        spread = chance * (right - before.mean) ** 2 + (1 - chance) * (wrong - before.mean) ** 2
        assert found[question] == pytest.approx(weights @ spread, rel=1e-6, abs=1e-12)


@given(topics, answers, items, st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_what_learning_gains_is_what_a_right_answer_without_a_guess_does_to_the_mean(
    tree: Topics, told: list[Response], made: list[Item], seed: int
) -> None:
    weights = np.random.default_rng(seed).dirichlet(np.ones(sum(tree.sizes)))
    made = [replace(item, guess=0.0) for item in made]
    before = Knowledge(tree, told, made)
    found = learning_gains(before, weights)
    for question in range(tree.questions):
        after = Knowledge(tree, [*told, Response(question, True)], made)
        assert found[question] == pytest.approx(weights @ (after.mean - before.mean), rel=1e-6, abs=1e-12)


@given(topics, answers, items, st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_a_region_has_the_mean_of_its_nodes_and_the_variance_that_answers_leave(
    tree: Topics, told: list[Response], made: list[Item], seed: int
) -> None:
    """By the law of total variance: what is open now is what is open after one more answer, and what it moves."""
    weights = np.random.default_rng(seed).dirichlet(np.ones(sum(tree.sizes)))
    before = Knowledge(tree, told, made)
    mean, sd = before.average(weights)
    assert mean == pytest.approx(weights @ before.mean, rel=1e-9)
    chance = before.predict(3)
    right, wrong = (Knowledge(tree, [*told, Response(3, which)], made).average(weights) for which in (True, False))
    left = chance * right[1] ** 2 + (1 - chance) * wrong[1] ** 2
    moved = chance * (right[0] - mean) ** 2 + (1 - chance) * (wrong[0] - mean) ** 2
    assert sd**2 == pytest.approx(left + moved, rel=1e-6)
    # A node alone: no more open than its own probability can be.
    alone = np.eye(len(weights))[seed % len(weights)]
    assert before.average(alone)[1] <= 0.5


def test_the_first_questions_spread_over_the_topics() -> None:
    far = np.eye(5, dtype=np.float32).repeat(4, axis=0)
    near = far + 0.05 * np.random.default_rng(0).normal(size=far.shape).astype(np.float32)
    tree = Topics.of(near / np.linalg.norm(near, axis=1, keepdims=True))
    at_questions = np.zeros(sum(tree.sizes))
    at_questions[:20] = 1 / 20
    told: list[Response] = []
    for _ in range(5):
        chosen = next_question(Knowledge(tree, told), at_questions)
        assert chosen is not None
        told.append(Response(chosen, right=len(told) % 2 == 0))
    assert sorted(response.question // 4 for response in told) == [0, 1, 2, 3, 4]


def test_only_what_the_reader_wants_to_see_counts() -> None:
    vectors = unit_vectors(30, 3, 12)
    tree = Topics.of(vectors)
    wanted = Places(np.array([[7], [7]], np.int32), np.ones((2, 1)))
    assert interest(tree, wanted)[7] == pytest.approx(1)
    assert next_question(Knowledge(tree, []), interest(tree, wanted)) == 7


def test_an_easy_question_is_easier_than_a_challenge() -> None:
    tree = TOPICS[1]
    made = [Item(difficulty=float(b)) for b in np.linspace(-3, 3, tree.questions)]
    known = Knowledge(tree, [Response(4, True)], made)
    chosen = {mode: next_question(known, _even(tree), mode=mode) for mode in MODES}
    assert chosen["easy"] is not None
    assert chosen["challenge"] is not None
    assert known.predict(chosen["easy"]) > 0.75
    assert known.predict(chosen["challenge"]) < 0.6


def test_weak_spots_are_asked_where_little_is_known() -> None:
    blocks = np.eye(2, dtype=np.float32).repeat(6, axis=0)
    near = blocks + 0.3 * np.random.default_rng(1).normal(size=(12, 2)).astype(np.float32)
    tree = Topics.of(near / np.linalg.norm(near, axis=1, keepdims=True))
    for strong in (0, 6):
        # Without a guess a right answer tells as much as a wrong one.
        told = [Response(question, right=question // 6 * 6 == strong) for question in (0, 1, 6, 7)]
        known = Knowledge(tree, told, [Item(guess=0)] * 12)
        weak = next_question(known, _even(tree), mode="weak spots")
        assert weak is not None
        assert weak // 6 * 6 != strong


@given(topics, answers, st.sampled_from(MODES))
@settings(max_examples=40, deadline=None)
def test_no_question_is_asked_twice_and_the_end_comes(tree: Topics, told: list[Response], mode: Mode) -> None:
    asked = {response.question for response in told}
    while (question := next_question(Knowledge(tree, told), _even(tree), mode=mode, enough=1.1)) is not None:
        assert question not in asked
        asked.add(question)
        told = [*told, Response(question, True)]
    assert asked == set(range(tree.questions))


def test_it_ends_when_enough_is_known_and_says_how_much_that_is() -> None:
    tree = Topics.of(unit_vectors(40, 5))
    told: list[Response] = []
    shares = [known_share(Knowledge(tree, told), _even(tree))]
    while (question := next_question(Knowledge(tree, told), _even(tree), enough=0.8)) is not None:
        told.append(Response(question, right=question % 3 > 0))
        shares.append(known_share(Knowledge(tree, told), _even(tree)))
    assert shares[0] == pytest.approx(0)
    assert shares == sorted(shares)
    assert shares[-2] < 0.8 <= shares[-1]
    assert len(told) < 40
    everything = Knowledge(tree, [Response(question, True) for question in range(40)])
    assert known_share(everything, _even(tree)) == pytest.approx(1)


def test_chance_decides_among_the_best_so_that_readers_get_different_questions() -> None:
    tree = Topics.of(unit_vectors(30, 6, 12))
    random, known = np.random.default_rng(0), Knowledge(tree, [])
    first = Counter(next_question(known, _even(tree), among=5, random=random) for _ in range(200))
    best = set(np.argsort(-expected_gains(known, _even(tree)), kind="stable")[:5].tolist())
    assert set(first) == best
    assert max(first.values()) < 100


def test_one_question_and_none() -> None:
    alone = Topics.of(unit_vectors(1, 0))
    assert next_question(Knowledge(alone, []), _even(alone)) == 0
    assert next_question(Knowledge(alone, [Response(0, True)]), _even(alone)) is None
    assert known_share(Knowledge(alone, []), np.zeros(sum(alone.sizes))) == 1
    # A prior that leaves nothing open: no question tells anything.
    sure = Knowledge(alone, [], prior=Prior(0.0, 1e-9, 1e-9, 1.0))
    assert known_share(sure, _even(alone)) >= 0
