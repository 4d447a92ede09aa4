"""The local search after the layout: what a move is said to gain it gains, and the map keeps more neighbours."""

import numpy as np
import pytest
from numpy.typing import NDArray

from knowscape.maps.neighbours import NeighbourGraph, nearest, neighbour_graph
from knowscape.maps.quality import neighbour_recall, question_overlap
from knowscape.maps.refinement import _QUESTION_WEIGHT, _WEIGHTS, _Round, refine


def vectors(count: int, seed: int = 0) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    centres = random.normal(size=(12, 24))
    return (centres[random.integers(12, size=count)] + random.normal(scale=0.6, size=(count, 24))).astype(np.float32)


def rough_map(found: NDArray[np.float32], seed: int = 0) -> NDArray[np.float32]:
    """Return a poor map: two directions of many."""
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(24, 24)))[0]
    return (30 * found @ turn[:, :2]).astype(np.float32)


def worth(points: NDArray[np.float32], graph: NeighbourGraph) -> float:
    recall = neighbour_recall(graph, points, list(_WEIGHTS))
    return float(sum(weight * recall[k].astype(np.float64).sum() for k, weight in _WEIGHTS.items()))


NONE = np.empty((0, 2), np.float32), np.empty((0, 5), np.int32)


@pytest.fixture(scope="module")
def graph() -> NeighbourGraph:
    return neighbour_graph(vectors(600))


def test_more_neighbours_are_kept(graph: NeighbourGraph) -> None:
    before = rough_map(vectors(600))
    after = refine(before, graph, *NONE, rounds=6)
    was, now = (neighbour_recall(graph, points, (5, 10, 50)) for points in (before, after))
    for depth in (5, 10):
        assert now[depth].mean() > was[depth].mean() + 0.1
    assert now[50].mean() > was[50].mean()


def test_what_a_move_is_said_to_gain_is_what_it_gains(graph: NeighbourGraph) -> None:
    points = rough_map(vectors(600)).astype(np.float64)
    state, random, tried = _Round.of(points, graph.indices, *NONE), np.random.default_rng(1), 0
    reach = state.articles.reach[:, -1]
    for row in range(0, 600, 3):
        near = graph.indices[row, :2]
        spot = points[near].mean(axis=0) + random.normal(scale=1e-3, size=2)
        # Whom a departure and an arrival concern both is counted twice, so the spot must be far from the old place.
        if np.linalg.norm(points[row] - spot) < reach[row] + 2 * reach[near].max():
            continue
        said = state.gain(np.array([row]), spot[None, None])[0, 0]
        moved = points.copy()
        moved[row] = spot
        gained = worth(moved.astype(np.float32), graph) - worth(points.astype(np.float32), graph)
        assert said == pytest.approx(gained, abs=0.11)
        tried += 1
    assert tried > 15


@pytest.mark.parametrize("count", [1, 2, 40])
def test_what_questions_gain_and_lose_counts(graph: NeighbourGraph, count: int) -> None:
    points, queries = rough_map(vectors(600)).astype(np.float64), vectors(600)[:count] + np.float32(0.1)
    near, _ = nearest(vectors(600), queries, 5)
    asked = points[near].mean(axis=1)
    with_questions, without = _Round.of(points, graph.indices, asked, near), _Round.of(points, graph.indices, *NONE)
    before = question_overlap(near, asked.astype(np.float32), points.astype(np.float32)).sum()
    for question in range(count):
        row, spot = near[question, -1], asked[question] + 1e-4
        rows, spots = np.array([row]), spot[None, None]
        said = (with_questions.gain(rows, spots) - without.gain(rows, spots))[0, 0] / _QUESTION_WEIGHT
        moved = points.copy()
        moved[row] = spot
        gained = question_overlap(near, asked.astype(np.float32), moved.astype(np.float32)).sum() - before
        assert said == pytest.approx(gained, abs=0.21)


def test_questions_keep_what_they_have(graph: NeighbourGraph) -> None:
    points, queries = rough_map(vectors(600)), vectors(600)[:40] + np.float32(0.1)
    near, _ = nearest(vectors(600), queries, 5)
    asked = points[near].mean(axis=1)
    was, now = (
        question_overlap(near, asked, places).mean()
        for places in (points, refine(points, graph, asked, near, rounds=6))
    )
    assert now > was


def test_an_article_that_lies_elsewhere_comes_back() -> None:
    flat = np.random.default_rng(3).normal(size=(400, 2))
    circle = np.column_stack([flat, np.full(400, 3.0)]).astype(np.float32)  # near cosines are near on this plane
    graph = neighbour_graph(circle)
    points = (20 * circle[:, :2] / 3).astype(np.float32)
    points[7] = points[np.linalg.norm(points - points[7], axis=1).argmax()] + 1
    assert neighbour_recall(graph, points, [5])[5][7] == 0
    assert neighbour_recall(graph, refine(points, graph, *NONE, rounds=6), [5])[5][7] >= 0.6


def test_the_same_seed_gives_the_same_bytes(graph: NeighbourGraph) -> None:
    before = rough_map(vectors(600))
    assert (
        refine(before, graph, *NONE, rounds=6, seed=4).tobytes()
        == refine(before, graph, *NONE, rounds=6, seed=4).tobytes()
    )


def test_a_map_of_few_articles_stays_as_it_is() -> None:
    few = vectors(10)
    points = rough_map(few)
    np.testing.assert_array_equal(refine(points, neighbour_graph(few), *NONE, rounds=6), points)


def test_equal_articles_do_not_disturb_it() -> None:
    same = np.repeat(vectors(30), 4, axis=0)
    points = rough_map(same)
    assert np.isfinite(refine(points, neighbour_graph(same), *NONE, rounds=6)).all()
