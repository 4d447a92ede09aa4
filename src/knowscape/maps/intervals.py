"""Figures with their 95 % confidence intervals: what a random sample says about the whole it was drawn from."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Interval", "mean_interval", "rank_correlation_interval"]

_NORMAL_95 = 1.959964
_FEWEST_PAIRS = 4


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure of the whole corpus with its 95 % confidence interval, which has no width where all was measured."""

    mean: float
    low: float
    high: float


def mean_interval(values: NDArray[Any], population: int | None = None) -> Interval:
    """Return the mean of values in [0, 1], drawn without repeats from `population` of them; None: from endlessly many.

    The interval is Wilson's (1927) for a share, at the number of yes-or-no answers whose mean would vary as much
    (the effective size, Kish 1965).  That number counts the population as finite: all of it leaves no doubt.
    """
    mean, count = min(1.0, max(0.0, float(np.mean(values, dtype=np.float64)))), len(values)
    if population is not None and count >= population:
        return Interval(mean, mean, mean)
    variance = float(np.var(values, ddof=1, dtype=np.float64)) if count > 1 else 0.0
    size = count * mean * (1 - mean) / variance if variance > 0 else float(count)
    if population is not None:
        size *= population / (population - count)
    return _wilson(mean, size)


def rank_correlation_interval(one: NDArray[Any], other: NDArray[Any]) -> Interval | None:
    """Return Spearman's correlation of pairs drawn at random, with repeats; None where either side is all the same.

    The interval is normal on Fisher's scale.  Its variance is that of the influence of each pair, so it assumes no
    distribution (the delta method; Borkowf 2002 has the formula).
    """
    from scipy.stats import rankdata

    count = len(one)
    if count < _FEWEST_PAIRS or one.min() == one.max() or other.min() == other.max():
        return None
    u, v = ((rankdata(side) - (count + 1) / 2) / count for side in (one, other))
    scale = float(np.sqrt((u @ u) * (v @ v)) / count)
    mean = float(u @ v) / count / scale
    influence = u * v + _mean_above(u, v) + _mean_above(v, u)
    error = float(influence.std(ddof=1)) / scale / count**0.5
    middle = np.arctanh(np.clip(mean, -1 + 1e-12, 1 - 1e-12))
    half = _NORMAL_95 * error / max(1 - mean**2, 1e-12)
    return Interval(mean, min(mean, float(np.tanh(middle - half))), max(mean, float(np.tanh(middle + half))))


def _wilson(share: float, size: float) -> Interval:
    square = _NORMAL_95**2 / size
    middle = (share + square / 2) / (1 + square)
    half = (square * share * (1 - share) + square**2 / 4) ** 0.5 / (1 + square)
    return Interval(share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)))


def _mean_above(key: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each place the sum of `values` where `key` is greater, half where it is equal, over their number."""
    order = np.argsort(key, kind="stable")
    ordered, sums = key[order], np.concatenate([[0.0], np.cumsum(values[order])])
    below = (sums[np.searchsorted(ordered, key, "left")] + sums[np.searchsorted(ordered, key, "right")]) / 2
    result: NDArray[np.float64] = (sums[-1] - below) / len(key)
    return result
