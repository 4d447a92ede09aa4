"""Intervals hold what they say, and a test of two systems that are the same finds a difference as often as it says."""

import numpy as np
import pytest
from numpy.typing import NDArray

from knowscape.errors import UsageError
from knowscape.evaluate.similarity import correlations
from knowscape.significance import counts_drawn, mean_figures, paired_figures

WORLDS = 400


def queries(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Return values as nDCG has them: a third 0, a third 1, the rest between; the mean of endlessly many is 0.5."""
    kind = random.integers(0, 3, count)
    return np.where(kind == 0, 0.0, np.where(kind == 1, 1.0, random.random(count)))


def test_the_interval_holds_the_mean_of_all_queries_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    values = np.stack([queries(random, 60) for _ in range(WORLDS)], axis=1)
    found = mean_figures(values, resamples=1000)
    share = np.mean([figure.low <= 0.5 <= figure.high for figure in found])
    assert 0.92 <= share <= 0.98


def test_the_interval_of_a_skewed_measure_misses_on_either_side_alike() -> None:
    """Nine of ten queries at 1: without the correction 3.2 % of the intervals lie above the mean and 1.0 % below."""
    random = np.random.default_rng(2)
    values = (random.random((80, 2000)) < 0.9).astype(np.float64)
    found = mean_figures(values, resamples=1000)
    assert 0.008 <= np.mean([figure.low > 0.9 for figure in found]) <= 0.026
    assert 0.008 <= np.mean([figure.high < 0.9 for figure in found]) <= 0.026


def test_the_interval_is_as_wide_as_theory_says() -> None:
    values = np.random.default_rng(3).random((2000, 1))
    (figure,) = mean_figures(values)
    half = 1.96 * values.std() / 2000**0.5
    assert figure.value == pytest.approx(values.mean())
    assert (figure.high - figure.low) / 2 == pytest.approx(half, rel=0.05)


def test_the_interval_of_a_correlation_holds_that_of_all_pairs() -> None:
    random, held = np.random.default_rng(4), 0
    for _ in range(200):
        one = random.standard_normal(100)
        found = correlations(one, 0.6 * one + 0.8 * random.standard_normal(100), resamples=500)
        held += found.pearson.low <= 0.6 <= found.pearson.high
        assert found.spearman.low < found.spearman.value < found.spearman.high
    assert 0.88 <= held / 200 <= 0.98


def test_two_systems_that_are_the_same_differ_as_often_as_the_test_says() -> None:
    random = np.random.default_rng(5)
    one, other = (np.stack([queries(random, 50) for _ in range(WORLDS)], axis=1) for _ in range(2))
    found = paired_figures(one, other, flips=2000)
    chances = np.array([pair.p for pair in found])
    assert 0.02 <= np.mean(chances <= 0.05) <= 0.085
    assert np.mean(chances) == pytest.approx(0.5, abs=0.05)
    held = np.mean([pair.difference.low <= 0 <= pair.difference.high for pair in found])
    assert 0.91 <= held <= 0.98


def test_a_small_gain_on_every_query_is_found_where_the_queries_differ_more_than_the_systems() -> None:
    """That is what pairing is for: the two means' own intervals overlap almost wholly."""
    random = np.random.default_rng(6)
    other = queries(random, 200)[:, None] * 0.9
    one = other + random.normal(0.01, 0.02, (200, 1))
    (pair,) = paired_figures(one, other)
    assert pair.p < 0.001
    assert 0 < pair.difference.low < 0.01 < pair.difference.high < 0.02
    (first,), (second,) = mean_figures(one), mean_figures(other)
    assert second.low < first.value < second.high


def test_the_p_value_of_few_queries_is_the_exact_one() -> None:
    """Five gains of one size: of 32 ways to choose the signs two have a sum as large, all plus and all minus."""
    (pair,) = paired_figures(np.full((5, 1), 0.3), np.full((5, 1), 0.1))
    assert pair.p == pytest.approx(2 / 32, abs=0.01)


def test_a_system_is_no_better_than_itself() -> None:
    values = queries(np.random.default_rng(7), 30)[:, None]
    (pair,) = paired_figures(values, values)
    assert (pair.p, pair.difference.low, pair.difference.value, pair.difference.high) == (1, 0, 0, 0)


def test_turning_the_systems_round_turns_the_difference() -> None:
    random = np.random.default_rng(8)
    one, other = (queries(random, 40)[:, None] for _ in range(2))
    (there,), (back,) = paired_figures(one, other), paired_figures(other, one)
    assert there.p == back.p
    assert there.difference.value == -back.difference.value
    assert there.difference.low == pytest.approx(-back.difference.high, abs=0.01)


def test_the_same_seed_gives_the_same_figures_and_another_one_others() -> None:
    values = queries(np.random.default_rng(9), 40)[:, None]
    assert mean_figures(values) == mean_figures(values)
    assert mean_figures(values) != mean_figures(values, seed=1)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_values_that_are_all_the_same_leave_the_bootstrap_no_doubt(value: float) -> None:
    (figure,) = mean_figures(np.full((7, 1), value))
    assert (figure.low, figure.value, figure.high) == pytest.approx((value, value, value))


def test_values_of_other_queries_cannot_be_compared() -> None:
    with pytest.raises(UsageError, match="same queries"):
        paired_figures(np.zeros((3, 1)), np.zeros((4, 1)))


def test_resamples_are_as_large_as_the_sample_and_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(counts_drawn(10, 50, 0)))
    monkeypatch.setattr("knowscape.significance._BLOCK", 70)
    parts = list(counts_drawn(10, 50, 0))
    assert [len(part) for part in parts] == [7] * 7 + [1]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert set(whole.sum(axis=1)) == {10}
