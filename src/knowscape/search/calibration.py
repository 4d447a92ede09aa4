"""What a compression must know of the vectors: their main axes, the range of each number, the halves of each number."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.search.compression import Compression

__all__ = ["calibrate", "reduced", "shapes"]

Floats = NDArray[np.float32]
_BLOCK = 1 << 13
# A number's range reaches at least so many times the root of the mean square of all: a sample of few rows calibrates
# too, and new vectors are seldom cut.
_REACH = 3.0


def calibrate(compression: Compression, sample: Floats, *, normalised: bool) -> dict[str, Floats]:
    """Return a compression's calibration on float32[n, d] by name; nothing in it depends on the order of the rows.

    pca_mean [d] and pca_matrix [width, d]; int8_low and int8_span [width]; binary_threshold [width], and binary_below
    and binary_above [width], the means of the numbers on either side of it.
    """
    made: dict[str, Floats] = {}
    if compression.reduction == "pca":
        made |= _axes(sample, compression.dimensions)
    numbers = reduced(compression, made, sample, normalised=normalised)
    if compression.codec == "int8":
        made |= _ranges(numbers)
    if compression.codec == "binary":
        made |= _halves(numbers)
    return made


def shapes(compression: Compression, dimension: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array of a calibration by name."""
    width, found = compression.width(dimension), dict[str, tuple[int, ...]]()
    if compression.reduction == "pca":
        found |= {"pca_mean": (dimension,), "pca_matrix": (width, dimension)}
    if compression.codec == "int8":
        found |= dict.fromkeys(("int8_low", "int8_span"), (width,))
    if compression.codec == "binary":
        found |= dict.fromkeys(("binary_threshold", "binary_below", "binary_above"), (width,))
    return found


def reduced(compression: Compression, calibration: dict[str, Floats], vectors: Floats, *, normalised: bool) -> Floats:
    """Return float32[n, width] of float32[n, d]; vectors that are cut short get length one again where `normalised`."""
    made: NDArray[Any] = vectors
    if compression.reduction == "pca":
        made = (vectors - calibration["pca_mean"]) @ calibration["pca_matrix"].T
    elif compression.reduction == "truncate":
        made = vectors[:, : compression.dimensions]
        if normalised:
            norms = np.linalg.norm(made, axis=1, keepdims=True)
            made = made / np.where(norms > 0, norms, 1)
    return np.ascontiguousarray(made, np.float32)


def _axes(sample: Floats, width: int) -> dict[str, Floats]:
    """Return the mean and the axes of the largest variance; the largest number of each axis is positive."""
    count, dimension = sample.shape
    mean: NDArray[np.float64] = sample.sum(axis=0, dtype=np.float64) / max(1, count)
    products = np.zeros((dimension, dimension))
    for start in range(0, count, _BLOCK):
        centred: NDArray[np.float64] = sample[start : start + _BLOCK] - mean
        products += centred.T @ centred
    axes = np.linalg.eigh(products)[1].T[::-1][:width]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1, keepdims=True), 1)
    matrix = np.ascontiguousarray(axes * np.sign(largest), np.float32)
    return {"pca_mean": mean.astype(np.float32), "pca_matrix": matrix}


def _ranges(numbers: Floats) -> dict[str, Floats]:
    reach = _REACH * float(np.sqrt(np.mean(np.square(numbers, dtype=np.float64)))) if numbers.size else 1.0
    low, high = numbers.min(axis=0, initial=-reach), numbers.max(axis=0, initial=reach)
    return {"int8_low": low, "int8_span": high - low}


def _halves(numbers: Floats) -> dict[str, Floats]:
    count = max(1, len(numbers))
    threshold = (numbers.sum(axis=0, dtype=np.float64) / count).astype(np.float32)
    above = numbers > threshold
    upper = above.sum(axis=0)
    over = np.sum(numbers, axis=0, where=above, dtype=np.float64) / np.maximum(1, upper)
    under = np.sum(numbers, axis=0, where=~above, dtype=np.float64) / np.maximum(1, len(numbers) - upper)
    # A number that never varied, as in a sample of one row, is told apart by its sign alone.
    flat = (upper == 0) | (upper == len(numbers))
    return {
        "binary_threshold": np.where(flat, 0, threshold).astype(np.float32),
        "binary_below": np.where(flat, -1, under).astype(np.float32),
        "binary_above": np.where(flat, 1, over).astype(np.float32),
    }
