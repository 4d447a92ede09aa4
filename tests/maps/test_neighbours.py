"""What the neighbour graph promises."""

import numpy as np
import pytest

from knowscape.maps import neighbours
from knowscape.maps.neighbours import NeighbourGraph, nearest, neighbour_graph


def _random_vectors(count: int, width: int = 16) -> np.ndarray:
    return np.random.default_rng(3).normal(size=(count, width)).astype(np.float32)


def test_neighbours_are_those_of_the_largest_cosine_nearest_first() -> None:
    vectors = _random_vectors(200)
    graph = neighbour_graph(vectors, k=7)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -2)
    np.testing.assert_array_equal(graph.indices, np.argsort(-cosines, axis=1)[:, :7])
    np.testing.assert_allclose(graph.similarities, -np.sort(-cosines, axis=1)[:, :7], atol=1e-5)
    assert (graph.indices.dtype, graph.similarities.dtype) == (np.int32, np.float32)


@pytest.mark.parametrize(("rows", "k"), [(1, 0), (2, 1), (3, 2), (10, 9), (80, 50)])
def test_a_small_corpus_has_as_many_neighbours_as_other_rows(rows: int, k: int) -> None:
    assert neighbour_graph(_random_vectors(rows)).indices.shape == (rows, k)


def test_no_row_is_its_own_neighbour_even_among_many_equal_vectors() -> None:
    vectors = np.repeat(_random_vectors(2), 40, axis=0)
    graph = neighbour_graph(vectors, k=10)
    assert not (graph.indices == np.arange(80)[:, None]).any()
    np.testing.assert_allclose(graph.similarities, 1, atol=1e-5)
    assert all(len(set(row)) == 10 for row in graph.indices.tolist())


@pytest.mark.parametrize("equal", [False, True], ids=["distinct", "equal"])
def test_beyond_the_exact_limit_the_graph_is_nearly_the_exact_one(equal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.repeat(_random_vectors(1), 3000, axis=0) if equal else _random_vectors(3000)
    exact = neighbour_graph(vectors, k=10)
    monkeypatch.setattr(neighbours, "_EXACT_ROWS", 100)
    approximate = neighbour_graph(vectors, k=10)
    assert approximate.indices.min() >= 0
    assert not (approximate.indices == np.arange(3000)[:, None]).any()
    if not equal:
        same = [len(set(a) & set(b)) / 10 for a, b in zip(exact.indices, approximate.indices, strict=True)]
        assert 0.9 < np.mean(same) < 1


def test_nearest_finds_each_row_from_a_query_that_is_close_to_it() -> None:
    vectors = _random_vectors(50)
    indices, similarities = nearest(vectors, 3 * vectors[[4, 40]], 5)
    assert indices[:, 0].tolist() == [4, 40]
    np.testing.assert_allclose(similarities[:, 0], 1, atol=1e-5)
    assert nearest(vectors[:3], vectors, 5)[0].shape == (50, 3)


@pytest.mark.parametrize("rows", [1, 2, 30])
def test_a_graph_comes_back_from_its_table_as_it_was(rows: int) -> None:
    graph = neighbour_graph(_random_vectors(rows), k=6)
    back = NeighbourGraph.from_table(graph.to_table())
    assert graph.to_table().num_rows == rows
    for name in ("indices", "similarities"):
        before, after = getattr(graph, name), getattr(back, name)
        np.testing.assert_array_equal(before, after)
        assert before.dtype == after.dtype
