"""Vectors of many texts, made ready for the comparison that the model is meant for."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.spec import Encoder
from knowscape.errors import UsageError
from knowscape.progress import SILENT, Progress

__all__ = ["SIMILARITIES", "Encode", "comparable", "encode_all", "for_sentences"]

Encode = Callable[[list[str]], NDArray[np.float32]]
SIMILARITIES = ("cosine", "dot")
# Large, since texts of like lengths are batched within a slice; small enough for a bar that moves.
_SLICE = 1024


def encode_all(encode: Encode, texts: Sequence[str], *, name: str, progress: Progress = SILENT) -> NDArray[np.float32]:
    """Return float32[n, dimension], row by row as `texts`, which must not be empty."""
    parts = []
    with progress.stage(name, total=len(texts)) as stage:
        for start in range(0, len(texts), _SLICE):
            part = list(texts[start : start + _SLICE])
            parts.append(encode(part))
            stage.advance(len(part))
    return np.concatenate(parts)


def comparable(vectors: NDArray[np.float32], similarity: str) -> NDArray[np.float32]:
    """Return vectors whose dot product is `similarity`; a zero vector stays one.

    Raises UsageError for a similarity that is not in SIMILARITIES.
    """
    if similarity not in SIMILARITIES:
        raise UsageError(f"The model compares by {similarity!r}. Accepted for training: {', '.join(SIMILARITIES)}.")
    if similarity == "dot":
        return vectors
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(norms > 0, norms, 1)).astype(np.float32, copy=False)


def for_sentences(encoder: Encoder) -> Encode:
    """Return how both sentences of a scored pair are encoded: with one prompt, as E5's makers want it."""
    return encoder.encode_queries if encoder.spec.document_prompt else encoder.encode_documents
