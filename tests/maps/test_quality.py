"""What the measures of trust promise."""

import numpy as np
import pytest

from knowscape.maps.neighbours import NeighbourGraph, neighbour_graph
from knowscape.maps.quality import DEPTHS, MapQuality, measure, neighbour_recall, question_overlap


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


def test_the_interval_is_that_of_the_mean_and_narrows_with_more_articles() -> None:
    random = np.random.default_rng(0)
    widths = []
    for count in (100, 1600):
        vectors = random.normal(size=(count, 12)).astype(np.float32)
        graph = neighbour_graph(vectors)
        recall = neighbour_recall(graph, vectors[:, :2], DEPTHS)
        found = measure(recall, None)
        assert found.question_overlap is None
        assert sorted(found.recall) == [5, 10, 50]
        values = recall[10]
        ten = found.recall[10]
        assert ten.mean == pytest.approx(values.mean())
        assert ten.high - ten.mean == pytest.approx(1.96 * values.std(ddof=1) / count**0.5, rel=1e-4)
        widths.append(ten.high - ten.low)
    assert widths[1] < widths[0] / 2


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_quality_of_a_tiny_map_is_defined_and_survives_json(rows: int) -> None:
    points = np.arange(2 * rows, dtype=np.float32).reshape(rows, 2) + 1
    near = np.zeros((1, 1), np.int32)
    recall = neighbour_recall(neighbour_graph(points), points, DEPTHS)
    found = measure(recall, question_overlap(near, points[:1], points))
    assert found.question_overlap == 1
    assert all(0 <= i.low <= i.mean <= i.high <= 1 for i in found.recall.values())
    assert MapQuality.from_json(found.to_json()) == found
