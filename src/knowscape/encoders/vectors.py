"""Vectors of many texts, computed in slices, and made ready for the comparison that the model is meant for."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from knowscape.errors import UsageError
from knowscape.progress import SILENT, Progress

__all__ = ["SIMILARITIES", "Encode", "comparable", "encode_all", "encode_slices"]

SIMILARITIES = ("cosine", "dot")
# Large, since texts of like lengths are batched within a slice; small enough for a bar that moves.
_SLICE = 1024
# How far from one the length of a unit vector may be, in float32.
_ROUNDING = 1e-6

Encode = Callable[[list[str]], NDArray[np.float32]]


def encode_slices(
    encode: Encode, texts: Sequence[str], *, name: str, progress: Progress = SILENT
) -> Iterator[NDArray[np.float32]]:
    """Yield the vectors float32[n, dimension] of one slice of `texts` after the other, telling `progress` of each."""
    with progress.stage(name, total=len(texts)) as stage:
        for start in range(0, len(texts), _SLICE):
            part = list(texts[start : start + _SLICE])
            yield encode(part)
            stage.advance(len(part))


def encode_all(encode: Encode, texts: Sequence[str], *, name: str, progress: Progress = SILENT) -> NDArray[np.float32]:
    """Return float32[n, dimension], row by row as `texts`, telling `progress` after each slice."""
    return np.concatenate(list(encode_slices(encode, texts, name=name, progress=progress)))


def comparable(vectors: NDArray[np.float32], similarity: str) -> NDArray[np.float32]:
    """Return vectors whose dot product is `similarity`; a zero vector stays one, what needs no change is not copied.

    Raises UsageError for a similarity that is not in SIMILARITIES.
    """
    if similarity not in SIMILARITIES:
        raise UsageError(f"Vectors cannot be compared by {similarity!r}. Accepted: {', '.join(SIMILARITIES)}.")
    if similarity == "dot":
        return vectors
    norms = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]  # numpy's own squares all numbers beside them
    if np.allclose(norms, 1, rtol=0, atol=_ROUNDING):
        return vectors
    return (vectors / np.where(norms > 0, norms, 1)).astype(np.float32, copy=False)
