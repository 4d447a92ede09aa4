"""What a sample of queries says about all: bootstrap intervals, and tests of two systems on the same queries."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowscape.errors import UsageError

__all__ = ["Figure", "Paired", "counts_drawn", "mean_figures", "paired_figures", "percentiles"]

_RESAMPLES = 5_000
_FLIPS = 20_000
_TAILS = (0.025, 0.975)
# Numbers of one kind held at a time: 8 MB of float64.
_BLOCK = 1 << 20
# Two sums of the same numbers in another order.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its 95 % confidence interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


@dataclass(frozen=True, slots=True)
class Paired:
    """How much more one system has than another, and how often chance alone gives as much or more (two-sided)."""

    difference: Figure
    p: float


def mean_figures(values: NDArray[np.float64], *, resamples: int = _RESAMPLES, seed: int = 0) -> list[Figure]:
    """Return the mean of each column of float64[n, m] with its interval, n being queries drawn at random.

    The interval is the bootstrap's, bias-corrected and accelerated (BCa; Efron 1987): measures of retrieval are
    skewed, since most queries have nearly 0 or nearly 1.  The same seed gives the same interval.
    """
    count, means = len(values), values.mean(axis=0)
    drawn = np.concatenate([counts @ values for counts in counts_drawn(count, resamples, seed)]) / count
    return [
        _accelerated(float(mean), column, again) for mean, column, again in zip(means, values.T, drawn.T, strict=True)
    ]


def _accelerated(mean: float, values: NDArray[np.float64], drawn: NDArray[np.float64]) -> Figure:
    from scipy.special import ndtr, ndtri

    off = values - mean
    spread = float(off @ off)
    if spread <= _ROUNDING:
        return Figure(mean, mean, mean)
    # Half of the equal ones, or a coarse measure of few queries would look biased.
    below = (np.count_nonzero(drawn < mean - _ROUNDING) + np.count_nonzero(drawn <= mean + _ROUNDING)) / 2
    bias = float(ndtri(np.clip(below / len(drawn), 0.5 / len(drawn), 1 - 0.5 / len(drawn))))
    acceleration = float((off**3).sum()) / (6 * spread**1.5)
    shifted = bias + ndtri(np.array(_TAILS))
    low, high = np.quantile(drawn, ndtr(bias + shifted / (1 - acceleration * shifted)))
    return Figure(mean, min(mean, float(low)), max(mean, float(high)))


def percentiles(value: float, drawn: NDArray[np.float64]) -> Figure:
    """Return a value with the middle 95 % of what it was on resamples; those where it is not defined are NaN."""
    low, high = np.nanquantile(drawn, _TAILS)
    return Figure(value, min(value, float(low)), max(value, float(high)))


def paired_figures(
    one: NDArray[np.float64], other: NDArray[np.float64], *, flips: int = _FLIPS, seed: int = 0
) -> list[Paired]:
    """Return how much more `one` has than `other`, both float64[n, m], row by row the same n queries.

    The interval is that of the mean of the differences.  The p-value is that of the randomisation test: if the systems
    were the same, each query's difference might as well have the other sign (Smucker, Allan & Carterette 2007).  The
    least p is 1 / (`flips` + 1).  No correction is made for looking at several measures.
    """
    if one.shape != other.shape:
        raise UsageError(f"Values of {one.shape} and of {other.shape} are not of the same queries and measures.")
    differences = one - other
    seen = np.abs(differences.sum(axis=0)) - _ROUNDING * len(one)
    random = np.random.default_rng(seed)
    as_much = np.zeros(differences.shape[1])
    for rows in _blocks(flips, len(one)):
        signs = random.integers(0, 2, (rows, len(one)), dtype=np.int8) * 2.0 - 1
        as_much += (np.abs(signs @ differences) >= seen).sum(axis=0)
    chances = (as_much + 1) / (flips + 1)
    figures = mean_figures(differences, seed=seed)
    return [Paired(figure, float(chance)) for figure, chance in zip(figures, chances, strict=True)]


def counts_drawn(count: int, resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Yield float64[r, count], in all `resamples` rows: how often each of `count` is drawn where as many are drawn."""
    random = np.random.default_rng(seed)
    for rows in _blocks(resamples, count):
        drawn = random.integers(0, count, (rows, count)) + np.arange(rows)[:, None] * count
        yield np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count).astype(np.float64)


def _blocks(rows: int, width: int) -> Iterator[int]:
    """Yield row counts that sum to `rows`, each few enough for memory."""
    step = max(1, _BLOCK // width)
    yield from (min(step, rows - start) for start in range(0, rows, step))
