"""The measures are those of trec_eval: worked by hand, and by properties."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from knowscape.errors import KnowscapeError, UsageError
from knowscape.evaluate.metrics import ndcg, recall, reciprocal_rank
from knowscape.evaluate.retrieval import rank_exactly
from knowscape.evaluate.similarity import spearman
from knowscape.evaluate.vectors import comparable

GRADES = st.dictionaries(st.sampled_from("abcdefghijkl"), st.integers(0, 3), min_size=1)
RANKINGS = st.permutations("abcdefghijkl")
NUMBERS = st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=3, max_size=30)


def test_one_relevant_document_at_the_third_rank() -> None:
    assert ndcg(["x", "y", "a"], {"a": 1}, 10) == pytest.approx(1 / math.log2(4))
    assert reciprocal_rank(["x", "y", "a"], {"a": 1}, 10) == pytest.approx(1 / 3)


def test_grades_are_gains_as_they_are() -> None:
    """Not 2^grade - 1, which other libraries take."""
    found = 1 / math.log2(2) + 3 / math.log2(3) + 2 / math.log2(5)
    best = 3 / math.log2(2) + 2 / math.log2(3) + 1 / math.log2(4)
    assert ndcg(["c", "a", "x", "b"], {"a": 3, "b": 2, "c": 1}, 10) == pytest.approx(found / best)


def test_the_best_ranking_is_cut_where_the_ranking_is() -> None:
    assert ndcg(["a", "b"], {"a": 1, "b": 1, "c": 1}, 2) == 1


def test_recall_counts_what_is_relevant_and_not_what_was_judged() -> None:
    assert recall(["a", "x", "b"], {"a": 1, "b": 2, "c": 1, "x": 0}, 3) == pytest.approx(2 / 3)


def test_what_lies_beyond_the_cut_counts_for_nothing() -> None:
    ranking = [*"0123456789", "a"]
    assert [measure(ranking, {"a": 1}, 10) for measure in (ndcg, reciprocal_rank, recall)] == [0, 0, 0]


def test_a_query_without_a_relevant_document_scores_nothing() -> None:
    assert [measure(["a"], {"a": 0}, 10) for measure in (ndcg, reciprocal_rank, recall)] == [0, 0, 0]


@given(RANKINGS, GRADES, st.integers(1, 12))
def test_every_measure_lies_between_zero_and_one(ranking: list[str], grades: dict[str, int], k: int) -> None:
    assert all(0 <= measure(ranking, grades, k) <= 1 for measure in (ndcg, reciprocal_rank, recall))


@given(RANKINGS, GRADES, st.integers(1, 12))
def test_the_best_order_scores_one(ranking: list[str], grades: dict[str, int], k: int) -> None:
    best = sorted(ranking, key=lambda name: -grades.get(name, 0))
    assert ndcg(best, grades, k) == (1 if any(grades.values()) else 0)


@given(RANKINGS, GRADES, st.integers(1, 12), st.randoms(use_true_random=False))
def test_documents_of_one_grade_may_change_places(
    ranking: list[str], grades: dict[str, int], k: int, random: object
) -> None:
    same = [name for name in ranking if grades.get(name, 0) == 1]
    others = iter(random.sample(same, len(same)))  # type: ignore[attr-defined]
    swapped = [next(others) if name in same else name for name in ranking]
    assert ndcg(swapped, grades, k) == pytest.approx(ndcg(ranking, grades, k))
    assert reciprocal_rank(swapped, grades, k) == reciprocal_rank(ranking, grades, k)


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_the_search_is_a_full_sort(documents: int, k: int, seed: int) -> None:
    """Small whole numbers make many equal similarities: then the lower row comes first."""
    random = np.random.default_rng(seed)
    queries, texts = (random.integers(-2, 3, (n, 3)).astype(np.float32) for n in (5, documents))
    expected = np.argsort(-(queries @ texts.T), axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(np.stack(rank_exactly(queries, texts, k)), expected)


def test_the_search_is_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    queries, texts = (random.integers(-2, 3, (n, 4)).astype(np.float32) for n in (31, 50))
    whole = rank_exactly(queries, texts, 10)
    monkeypatch.setattr("knowscape.evaluate.retrieval._BLOCK", 150)
    np.testing.assert_array_equal(whole, rank_exactly(queries, texts, 10))


@given(NUMBERS)
def test_the_correlation_is_scipys(pairs: list[tuple[int, int]]) -> None:
    one, other = np.array(pairs, dtype=np.float64).T
    if len(set(one)) == 1 or len(set(other)) == 1:
        with pytest.raises(KnowscapeError, match="are the same"):
            spearman(one, other)
    else:
        assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic)


def test_a_correlation_with_what_is_no_number_is_an_error() -> None:
    with pytest.raises(KnowscapeError, match="not a number"):
        spearman(np.array([1, np.nan, 2]), np.array([1.0, 2, 3]))


def test_cosine_has_no_length_and_dot_has() -> None:
    vectors = np.array([[3, 4], [0, 0]], np.float32)
    np.testing.assert_allclose(comparable(vectors, "cosine"), [[0.6, 0.8], [0, 0]])
    np.testing.assert_array_equal(comparable(vectors, "dot"), vectors)
    with pytest.raises(UsageError, match=r"'euclidean'.*cosine, dot"):
        comparable(vectors, "euclidean")
