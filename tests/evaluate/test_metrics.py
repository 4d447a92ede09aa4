"""The measures are those of trec_eval: worked by hand, and by properties; exact search is a full sort."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from knowscape.encoders.vectors import comparable
from knowscape.errors import KnowscapeError, MissingExtraError, UsageError
from knowscape.evaluate.dense import rank_exactly
from knowscape.evaluate.metrics import NAMES, Measure, measure_rankings, parse_measures, require_library
from knowscape.evaluate.similarity import correlations, pearson, spearman

GRADES = st.dictionaries(st.sampled_from("abcdefghijkl"), st.integers(0, 3), min_size=1)
RANKINGS = st.permutations("abcdefghijkl")
NUMBERS = st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=3, max_size=30)


def measured(ranking: list[str], grades: dict[str, int], k: int, *names: str) -> list[float]:
    """Return the measures by these names, all of them where none is named, of one ranking at `k`."""
    measures = [Measure(name, k) for name in names or NAMES]
    found: list[float] = measure_rankings([ranking], [grades], measures)[0].tolist()
    return found


def test_one_relevant_document_at_the_third_rank() -> None:
    found = measured(["x", "y", "a"], {"a": 1}, 10, "ndcg", "mrr", "map", "recall", "precision")
    assert found == pytest.approx([1 / math.log2(4), 1 / 3, 1 / 3, 1, 1 / 10])


def test_grades_are_gains_as_they_are() -> None:
    """Not 2^grade - 1, which other libraries take."""
    found = 1 / math.log2(2) + 3 / math.log2(3) + 2 / math.log2(5)
    best = 3 / math.log2(2) + 2 / math.log2(3) + 1 / math.log2(4)
    ranking, grades = ["c", "a", "x", "b"], {"a": 3, "b": 2, "c": 1}
    assert measured(ranking, grades, 10, "ndcg") == pytest.approx([found / best])


def test_the_best_ranking_is_cut_where_the_ranking_is() -> None:
    assert measured(["a", "b"], {"a": 1, "b": 1, "c": 1}, 2, "ndcg") == [1]


def test_the_average_precision_is_over_all_relevant_documents() -> None:
    """Relevant at ranks 1, 3 and 4, a fourth one not found: (1/1 + 2/3 + 3/4) / 4; cut at 3 the last is gone."""
    ranking, grades = ["a", "x", "b", "c"], {"a": 1, "b": 2, "c": 1, "d": 1}
    assert measured(ranking, grades, 10, "map") == pytest.approx([(1 + 2 / 3 + 3 / 4) / 4])
    assert measured(ranking, grades, 3, "map") == pytest.approx([(1 + 2 / 3) / 4])


def test_recall_counts_what_is_relevant_and_not_what_was_judged() -> None:
    ranking, grades = ["a", "x", "b"], {"a": 1, "b": 2, "c": 1, "x": 0, "y": -1}
    assert measured(ranking, grades, 3, "recall", "precision") == pytest.approx([2 / 3, 2 / 3])


def test_several_depths_are_measured_at_once_and_again() -> None:
    ranking, grades = ["x", "a", "y", "b"], {"a": 1, "b": 1}
    measures = parse_measures("precision@1, precision@5,recall@1,recall@5,mrr@1,mrr@100,ndcg@1,ndcg@100,map@1,map@5")
    expected = [0, 2 / 5, 0, 1, 0, 1 / 2, 0, (1 / math.log2(3) + 1 / math.log2(5)) / (1 + 1 / math.log2(3)), 0, 1 / 2]
    for _ in range(2):
        found = measure_rankings([ranking] * 3, [grades] * 3, measures)
        np.testing.assert_allclose(found, [expected] * 3)


def test_what_lies_beyond_the_cut_counts_for_nothing() -> None:
    assert measured([*"0123456789", "a"], {"a": 1}, 10) == [0] * 5
    assert measured([*"012345678", "a"], {"a": 1}, 10, "mrr", "recall", "precision") == pytest.approx([0.1, 1, 0.1])


def test_what_cannot_be_measured_is_nothing() -> None:
    """No relevant document, no document found, and an ordinary query between."""
    found = measure_rankings([["a"], ["a"], []], [{"a": 0}, {"a": 1}, {"a": 1}], [Measure(name, 1) for name in NAMES])
    assert found.tolist() == [[0] * 5, [1] * 5, [0] * 5]


def test_a_grade_under_zero_is_no_relevance() -> None:
    """BEIR's TREC-COVID has some of -1.  Lower ones, passed on as they are, end the process."""
    random = np.random.default_rng(0)
    rankings = [[str(name) for name in random.permutation(15)] for _ in range(2000)]
    grades = [{str(name): int(random.integers(-5, 4)) for name in range(random.integers(1, 15))} for _ in rankings]
    none = [{name: max(0, grade) for name, grade in graded.items()} for graded in grades]
    measures = [Measure(name, 5) for name in NAMES]
    np.testing.assert_array_equal(
        measure_rankings(rankings, grades, measures), measure_rankings(rankings, none, measures)
    )


def test_the_largest_grade_and_depth_are_measured() -> None:
    found = measured(["a", "b"], {"a": 1, "b": 9999}, 999_999, "ndcg", "recall", "precision")
    best = 9999 + 1 / math.log2(3)
    assert found == pytest.approx([(1 + 9999 / math.log2(3)) / best, 1, 2 / 999_999])


@pytest.mark.parametrize("odd", ["", " ", "\0", "\ud800", "a b", "unseen 0", "1", "é"])
def test_an_id_may_be_any_string(odd: str) -> None:
    assert measured(["x", odd], {odd: 1, "z": 1}, 10, "mrr", "recall") == [0.5, 0.5]


@pytest.mark.parametrize("words", ["ndcg", "ndcg@", "ndcg@0", "ndcg@-1", "ndcg@1.5", "ndcg@1000000", "err@10", "", "@"])
def test_a_measure_that_there_is_not_is_refused_with_those_that_there_are(words: str) -> None:
    with pytest.raises(UsageError, match=r"no measure .*ndcg@K, mrr@K, map@K, recall@K, precision@K"):
        parse_measures(words)


def test_measures_are_read_from_a_list_each_once() -> None:
    assert [str(one) for one in parse_measures("nDCG@10, recall@5,ndcg@10")] == ["ndcg@10", "recall@5"]


@given(RANKINGS, GRADES, st.integers(1, 12))
def test_every_measure_lies_between_zero_and_one(ranking: list[str], grades: dict[str, int], k: int) -> None:
    assert all(0 <= value <= 1 for value in measured(ranking, grades, k))


@given(RANKINGS, GRADES, st.integers(1, 12))
def test_the_best_order_scores_one(ranking: list[str], grades: dict[str, int], k: int) -> None:
    best = sorted(ranking, key=lambda name: -grades.get(name, 0))
    assert measured(best, grades, k, "ndcg", "mrr") == [1 if any(grades.values()) else 0] * 2


@given(RANKINGS, GRADES, st.integers(1, 12), st.randoms(use_true_random=False))
def test_documents_of_one_grade_may_change_places(
    ranking: list[str], grades: dict[str, int], k: int, random: object
) -> None:
    same = [name for name in ranking if grades.get(name, 0) == 1]
    others = iter(random.sample(same, len(same)))  # type: ignore[attr-defined]
    swapped = [next(others) if name in same else name for name in ranking]
    assert measured(swapped, grades, k) == pytest.approx(measured(ranking, grades, k))


@given(RANKINGS, GRADES, st.integers(1, 12))
def test_the_measures_are_their_definitions(ranking: list[str], grades: dict[str, int], k: int) -> None:
    relevant = [grades.get(name, 0) > 0 for name in ranking]
    every = sum(grade > 0 for grade in grades.values())
    hits = sum(relevant[:k])
    precisions = [sum(relevant[:rank]) / rank for rank in range(1, k + 1) if relevant[rank - 1]]
    first = next((1 / rank for rank in range(1, k + 1) if relevant[rank - 1]), 0.0)
    expected = [first, sum(precisions) / every, hits / every, hits / k] if every else [0] * 4
    assert measured(ranking, grades, k, "mrr", "map", "recall", "precision") == pytest.approx(expected)


@given(st.integers(1, 40), st.integers(1, 12), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_the_search_is_a_full_sort(documents: int, k: int, slices: int, seed: int) -> None:
    """Small whole numbers make many equal similarities: then the lower row comes first."""
    random = np.random.default_rng(seed)
    queries, texts = (random.integers(-2, 3, (n, 3)).astype(np.float32) for n in (5, documents))
    similarities = queries @ texts.T
    expected = np.argsort(-similarities, axis=1, kind="stable")[:, :k]
    found = rank_exactly(queries, np.array_split(texts, slices), k)
    np.testing.assert_array_equal(np.stack([rows for rows, _ in found]), expected)
    np.testing.assert_array_equal(
        np.stack([scores for _, scores in found]), np.take_along_axis(similarities, expected, 1)
    )


def test_the_search_is_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    queries, texts = (random.integers(-2, 3, (n, 4)).astype(np.float32) for n in (31, 50))
    whole = [rows for rows, _ in rank_exactly(queries, [texts], 10)]
    monkeypatch.setattr("knowscape.evaluate.dense._BLOCK", 150)
    np.testing.assert_array_equal(whole, [rows for rows, _ in rank_exactly(queries, [texts], 10)])


def test_a_search_among_what_is_no_number_is_an_error() -> None:
    vectors = np.array([[1, 0], [np.nan, 0]], np.float32)
    with pytest.raises(KnowscapeError, match=r"not a number.*knowscape doctor"):
        rank_exactly(vectors[:1], [vectors], 1)


@given(NUMBERS)
def test_the_correlations_are_scipys(pairs: list[tuple[int, int]]) -> None:
    one, other = np.array(pairs, dtype=np.float64).T
    if len(set(one)) == 1 or len(set(other)) == 1:
        with pytest.raises(KnowscapeError, match="are the same"):
            spearman(one, other)
    else:
        assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic)
        assert pearson(one, other) == pytest.approx(pearsonr(one, other).statistic)


def test_a_correlation_with_what_is_no_number_is_an_error() -> None:
    with pytest.raises(KnowscapeError, match="not a number"):
        spearman(np.array([1, np.nan, 2]), np.array([1.0, 2, 3]))


def test_a_resampled_correlation_is_that_of_the_pairs_that_were_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts stand for repeated pairs: with one resample the interval is its correlation."""
    random = np.random.default_rng(3)
    one, other = (random.integers(0, 9, 40).astype(np.float64) for _ in range(2))
    drawn = random.integers(0, 40, 40)
    counts = np.bincount(drawn, minlength=40).astype(np.float64)[None]
    monkeypatch.setattr("knowscape.evaluate.similarity.counts_drawn", lambda *_: iter([counts]))
    monkeypatch.setattr("knowscape.evaluate.similarity.percentiles", lambda _, again: again.tolist())
    found = correlations(one, other)
    assert found.spearman == pytest.approx([spearmanr(one[drawn], other[drawn]).statistic])
    assert found.pearson == pytest.approx([pearsonr(one[drawn], other[drawn]).statistic])


def test_cosine_has_no_length_and_dot_has() -> None:
    vectors = np.array([[3, 4], [0, 0]], np.float32)
    np.testing.assert_allclose(comparable(vectors, "cosine"), [[0.6, 0.8], [0, 0]])
    np.testing.assert_array_equal(comparable(vectors, "dot"), vectors)
    with pytest.raises(UsageError, match=r"'euclidean'.*cosine, dot"):
        comparable(vectors, "euclidean")


def test_where_trec_eval_is_not_installed_the_error_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no wheel of it for Linux on ARM."""
    monkeypatch.setitem(sys.modules, "pytrec_eval", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'knowscape\[evaluate\]'"):
        require_library()
