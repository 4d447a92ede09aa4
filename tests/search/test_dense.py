"""The nearest vectors are found exactly where rows are few, and nearly so through the graph."""

import numpy as np
import pytest
from numpy.typing import NDArray

from knowscape.search import dense
from knowscape.search.dense import DenseIndex, build_graph, extend_graph


def rows(count: int, seed: int = 0, dimension: int = 32) -> NDArray[np.float32]:
    """Return unit vectors around a few centres, as texts' are."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(20, dimension))
    found = centres[random.integers(0, 20, count)] + 0.7 * random.normal(size=(count, dimension))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def nearest(vectors: NDArray[np.float32], query: NDArray[np.float32], k: int, allowed: NDArray[np.bool_]) -> list[int]:
    scores = np.where(allowed, vectors @ query, -9)
    return np.argsort(-scores, kind="stable")[: min(k, int(allowed.sum()))].tolist()


@pytest.mark.parametrize("k", [1, 10, 500])
@pytest.mark.parametrize("kept", [1.0, 0.3, 0.0])
def test_few_rows_are_compared_one_by_one(k: int, kept: float) -> None:
    vectors, queries = rows(300), rows(5, seed=1)
    allowed = np.random.default_rng(2).random(300) < kept
    index = DenseIndex([vectors[:100], vectors[100:100], vectors[100:]])
    for query in queries:
        found, scores = index.search(query, k, None if kept == 1 else allowed)
        assert found.tolist() == nearest(vectors, query, k, allowed | (kept == 1))
        np.testing.assert_allclose(scores, vectors[found] @ query, rtol=1e-5)


def test_equal_rows_rank_by_row() -> None:
    vectors = np.repeat(rows(1), 20, axis=0)
    assert DenseIndex([vectors]).search(vectors[0], 5)[0].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("kept", [1.0, 0.5, 0.02])
def test_the_graph_finds_nearly_all_of_the_nearest_that_are_allowed(kept: float) -> None:
    vectors, queries = rows(6000), rows(40, seed=1)
    graph = build_graph([vectors[:4000]])
    extend_graph(graph, [vectors[4000:]])
    allowed = np.random.default_rng(2).random(6000) < kept
    index = DenseIndex([vectors[:4000], vectors[4000:]], graph)
    hits = 0
    for query in queries:
        found, scores = index.search(query, 10, None if kept == 1 else allowed)
        assert (allowed | (kept == 1))[found].all()
        np.testing.assert_allclose(scores, vectors[found] @ query, rtol=1e-5)
        hits += len(set(found.tolist()) & set(nearest(vectors, query, 10, allowed | (kept == 1))))
    assert hits >= 0.97 * 400


def test_the_graph_is_not_walked_where_a_filter_leaves_little(monkeypatch: pytest.MonkeyPatch) -> None:
    def stray(*_: object) -> None:
        raise AssertionError("the graph was walked")

    monkeypatch.setattr(dense.DenseIndex, "_candidates", stray)
    vectors = rows(2000)
    allowed = np.arange(2000) < 50
    found, _ = DenseIndex([vectors], build_graph([vectors])).search(vectors[7], 10, allowed)
    assert found[0] == 7
