"""What the measures of trust promise."""

import json

import numpy as np
import pytest

from knowscape.maps.intervals import Interval
from knowscape.maps.neighbours import NeighbourGraph, neighbour_graph
from knowscape.maps.quality import (
    MapQuality,
    clearly_worse,
    measure,
    neighbour_recall,
    question_overlap,
    region_recall,
)
from knowscape.maps.regions import Region, Regions


def _graph(indices: list[list[int]]) -> NeighbourGraph:
    return NeighbourGraph(np.array(indices, np.int32), np.ones((len(indices), len(indices[0])), np.float32))


def test_recall_is_the_share_of_true_neighbours_among_the_nearest_on_the_map() -> None:
    line = np.array([[0, 0], [1, 0], [2.1, 0], [3.3, 0]], np.float32)
    graph = _graph([[1, 3], [0, 3], [1, 0], [0, 1]])
    assert neighbour_recall(graph, line, [1])[1].tolist() == [1, 1, 1, 0]
    assert neighbour_recall(graph, line, [2])[2].tolist() == [0.5, 0.5, 0.5, 0.5]


def test_a_row_never_counts_as_its_own_neighbour_even_where_all_points_are_one() -> None:
    same = np.zeros((4, 2), np.float32)
    graph = _graph([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
    assert neighbour_recall(graph, same, [3])[3].tolist() == [1, 1, 1, 1]


def test_a_perfect_map_has_recall_one_and_a_shuffled_one_hardly_any() -> None:
    random = np.random.default_rng(0)
    angle = np.sort(random.uniform(0, 2 * np.pi, 300))
    circle = np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)
    graph = neighbour_graph(circle)
    assert neighbour_recall(graph, circle, [10])[10].mean() > 0.98
    assert neighbour_recall(graph, circle[random.permutation(300)], [10])[10].mean() < 0.1


def test_question_overlap_counts_the_nearest_articles_found_again_around_the_question() -> None:
    documents = np.array([[0, 0], [1, 0], [0, 1], [9, 9], [8, 9]], np.float32)
    near = np.array([[0, 1], [3, 0]], np.int32)
    asked = np.array([[0.4, 0.1], [8.8, 9]], np.float32)
    assert question_overlap(near, asked, documents, k=2).tolist() == [1, 0.5]


def _sphere(count: int) -> np.ndarray:
    vectors = np.random.default_rng(0).normal(size=(count, 3)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_a_map_that_shows_everything_has_the_best_figures_and_a_shuffled_one_those_of_chance() -> None:
    vectors = _sphere(600)
    best = measure(vectors, vectors)
    chance = measure(vectors, vectors[np.random.default_rng(1).permutation(600)])
    for name, worst in (
        ("trustworthiness", 0.5),
        ("continuity", 0.5),
        ("random_triplets", 0.5),
        ("distance_rank_correlation", 0.0),
    ):
        assert getattr(best, name).mean == pytest.approx(1, abs=1e-3), name
        assert getattr(chance, name).mean == pytest.approx(worst, abs=0.03), name
    assert [interval.mean for interval in best.recall.values()] == [1, 1, 1]
    assert chance.recall[10].mean < 0.05


def test_a_sample_is_the_same_for_the_same_seed_and_knows_its_size() -> None:
    vectors = _sphere(500)
    first, again, other = (measure(vectors, vectors[:, :2], sample=100, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert (first.measured, measure(vectors, vectors[:, :2]).measured) == (100, 500)
    ten = first.recall[10]
    assert 0 < ten.high - ten.low < 0.2


def test_large_corpora_are_measured_by_a_sample_of_two_thousand() -> None:
    vectors = _sphere(60_000)
    found = measure(vectors, vectors[:, :2])
    assert found.measured == 2000
    assert found.recall[10].high - found.recall[10].low < 0.03


@pytest.mark.parametrize("rows", [1, 2, 3, 4])
def test_quality_of_a_tiny_map_is_defined_and_survives_json(rows: int) -> None:
    points = np.arange(2 * rows, dtype=np.float32).reshape(rows, 2) + 1
    near = np.zeros((1, 1), np.int32)
    found = measure(points, points, question_overlap(near, points[:1], points))
    assert found.question_overlap == 1
    assert all(0 <= i.low == i.mean == i.high <= 1 for i in found.recall.values())
    assert MapQuality.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_the_quality_of_an_earlier_version_has_recall_alone() -> None:
    stored = {"recall": {"10": {"mean": 0.4, "low": 0.3, "high": 0.5}}, "question_overlap": None}
    found = MapQuality.from_json(stored)
    assert found.recall == {10: Interval(0.4, 0.3, 0.5)}
    assert (found.trustworthiness, found.random_triplets, found.measured) == (None, None, None)
    assert found.words() == {"of the 10 nearest kept": "0.400 (0.300 to 0.500)"}


@pytest.mark.parametrize(
    ("new", "old", "worse"),
    [
        ((0.30, 0.29, 0.31), (0.40, 0.39, 0.41), True),
        ((0.40, 0.39, 0.41), (0.30, 0.29, 0.31), False),
        ((0.36, 0.33, 0.39), (0.40, 0.38, 0.42), False),
        ((0.485, 0.485, 0.485), (0.490, 0.490, 0.490), False),
        ((0.46, 0.46, 0.46), (0.49, 0.49, 0.49), True),
    ],
    ids=["worse", "better", "intervals meet", "no more than seeds differ", "worse, all measured"],
)
def test_a_map_is_clearly_worse_beyond_its_interval_and_what_seeds_differ_by(
    new: tuple[float, float, float], old: tuple[float, float, float], worse: bool
) -> None:
    one, other = (MapQuality({10: Interval(*figures)}, None) for figures in (new, old))
    assert clearly_worse(one, other) == worse


def test_a_regions_recall_is_the_mean_of_its_articles() -> None:
    membership = np.array([[0, 1], [0, 0], [1, 2], [1, 2]], np.int32)
    levels = tuple(
        tuple(Region(name, 0, 0, int((own == n).sum()), 1, (), None) for n, name in enumerate(names))
        for own, names in zip(membership.T, ("AB", "CDE"), strict=True)
    )
    coarse, fine = region_recall(Regions(levels, membership), np.array([0.2, 0.4, 1, 0.5, 0.9], np.float32))
    assert [(each.label, each.support) for each in coarse] == [("A", 2), ("B", 2)]
    assert [each.recall for each in coarse] == pytest.approx([0.3, 0.75])
    assert [each.recall for each in fine] == pytest.approx([0.4, 0.2, 0.75])
