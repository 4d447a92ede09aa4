"""What a confidence interval promises: that it covers the figure of the whole corpus 95 times in a hundred."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from knowscape.maps import quality
from knowscape.maps.intervals import mean_interval, rank_correlation_interval
from knowscape.maps.neighbours import unit_rows
from knowscape.maps.quality import measure
from knowscape.maps.ranks import neighbours_kept

TRIALS = 200


def _corpus(count: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(8)
    vectors = random.normal(size=(12, 16))[random.integers(0, 12, count)] + random.normal(0, 0.7, (count, 16))
    unit = unit_rows(vectors.astype(np.float32))
    return unit, (unit[:, :2] + random.normal(0, 0.02, (count, 2))).astype(np.float32)


def test_the_interval_of_a_sample_covers_what_all_articles_give_in_95_of_100_trials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(quality, "_TRIPLETS", 50)  # they are another test's
    vectors, places = _corpus(600)
    exact = measure(vectors, places)
    assert exact.measured == 600
    covered = np.zeros(5)
    for seed in range(100):
        found = measure(vectors, places, sample=100, seed=seed)
        pairs = [(found.recall[k], exact.recall[k]) for k in (5, 10, 50)]
        pairs += [(found.trustworthiness, exact.trustworthiness), (found.continuity, exact.continuity)]
        covered += [interval.low <= truth.mean <= interval.high for interval, truth in pairs]
    assert ((covered >= 90) & (covered < 100)).all(), covered


@pytest.mark.parametrize("sample", [80, 300, 550])
def test_the_interval_of_a_mean_covers_it_however_the_values_are_spread_and_whatever_share_is_seen(sample: int) -> None:
    vectors, places = _corpus(600)
    kept, random = neighbours_kept(vectors, places, np.arange(600), [5]), np.random.default_rng(0)
    for values in (kept.recall[5], kept.trustworthiness, kept.continuity):
        truth, covered = mean_interval(values, 600).mean, 0
        for _ in range(1000):
            found = mean_interval(random.permutation(values)[:sample], 600)
            covered += found.low <= truth <= found.high
        assert 930 < covered < 970


def test_the_intervals_of_triplets_and_distances_cover_those_of_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "_TRIPLETS", 2000)  # a tenth, for the time it takes
    vectors, places = _corpus(50)
    near = 1 - vectors @ vectors.T
    far = np.linalg.norm(places[:, None] - places[None], axis=2)
    apart = ~np.eye(50, dtype=bool)
    agree = (near[:, :, None] < near[:, None]) == (far[:, :, None] < far[:, None])
    triplets = agree[apart[:, :, None] & apart[:, None] & apart[None]].mean()
    correlation = spearmanr(near[apart], far[apart]).statistic
    covered = np.zeros(2)
    for seed in range(TRIALS):
        found = measure(vectors, places, sample=2, seed=seed)
        assert found.random_triplets is not None
        assert found.distance_rank_correlation is not None
        covered += found.random_triplets.low <= triplets <= found.random_triplets.high, 0
        covered += 0, found.distance_rank_correlation.low <= correlation <= found.distance_rank_correlation.high
    assert ((covered / TRIALS > 0.915) & (covered / TRIALS < 0.985)).all(), covered / TRIALS


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.97])
def test_the_interval_of_a_rank_correlation_covers_it_in_95_of_100_trials(correlation: float) -> None:
    random, covered = np.random.default_rng(3), 0
    truth = 6 / np.pi * np.arcsin(correlation / 2)  # Pearson 1907
    for _ in range(4 * TRIALS):
        one, noise = random.normal(size=(2, 400))
        found = rank_correlation_interval(one, correlation * one + (1 - correlation**2) ** 0.5 * noise)
        assert found is not None
        covered += found.low <= truth <= found.high
    assert 0.93 < covered / (4 * TRIALS) < 0.97


def test_all_articles_leave_no_doubt_and_fewer_leave_more() -> None:
    values = np.random.default_rng(0).choice([0, 0.2, 0.4, 1], 1000)
    widths = []
    for count in (1000, 999, 500, 100):
        found = mean_interval(values[:count], 1000)
        assert found.mean == pytest.approx(values[:count].mean())
        widths.append(found.high - found.low)
    assert widths[0] == 0
    assert widths == sorted(widths)
    endless = mean_interval(values[:500])
    assert endless.high - endless.low > 1.3 * widths[2]


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_sample_without_differences_still_leaves_doubt(value: float) -> None:
    found = mean_interval(np.full(50, value), 5000)
    assert 0 <= found.low <= value <= found.high <= 1
    assert found.high - found.low > 0.05


def test_distances_that_are_all_the_same_have_no_correlation() -> None:
    assert rank_correlation_interval(np.ones(9), np.arange(9.0)) is None
    assert rank_correlation_interval(np.arange(3.0), np.arange(3.0)) is None
    found = rank_correlation_interval(np.arange(9.0), np.arange(9.0) ** 3)
    assert found is not None
    assert found.low <= found.mean <= found.high <= 1
    assert found.mean == pytest.approx(1)
