"""One slice of work: texts in, vectors out, and the texts that have none with the reason."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowscape.errors import DeviceLostError, first_line

__all__ = ["Encoded", "encode_slice"]

Encode = Callable[[list[str]], NDArray[np.float32]]

# What every model can embed; where it cannot be, the device is gone and not the texts bad.
_CANARY = "The sun is a star."


@dataclass(frozen=True, slots=True)
class Encoded:
    """`vectors` float32[n, d] of the texts at `places` int64[n] of a slice; the `reasons` of the others by place."""

    places: NDArray[np.int64]
    vectors: NDArray[np.float32]
    reasons: dict[int, str]


def encode_slice(encode: Encode, texts: Sequence[str]) -> Encoded:
    """Encode all texts; where that fails, halve them until the ones that fail alone are found.

    A vector that is not finite, or is all zero, is a failure of its text.  Raises DeviceLostError where not even a
    plain sentence can be encoded any more.
    """
    if not texts:
        raise ValueError("There are no texts in the slice.")
    reasons: dict[int, str] = {}
    pieces: list[tuple[NDArray[np.int64], NDArray[np.float32]]] = []
    waiting = [np.arange(len(texts))]
    while waiting:
        places = waiting.pop()
        try:
            vectors = encode([texts[place] for place in places.tolist()])
        except Exception as error:  # noqa: BLE001 - whatever the engine raises, the other texts go on
            _raise_if_lost(encode, error)
            if len(places) == 1:
                reasons[int(places[0])] = first_line(error)
            else:
                waiting += np.array_split(places, 2)[::-1]
            continue
        good = np.isfinite(vectors).all(axis=1) & vectors.any(axis=1)
        reasons.update((int(place), "its vector is not finite, or zero") for place in places[~good])
        pieces.append((places[good], vectors[good]))
    if not pieces:
        return Encoded(np.empty(0, np.int64), np.empty((0, 0), np.float32), reasons)
    return Encoded(np.concatenate([p for p, _ in pieces]), np.concatenate([v for _, v in pieces]), reasons)


def _raise_if_lost(encode: Encode, error: Exception) -> None:
    if isinstance(error, DeviceLostError):
        raise error
    try:
        encode([_CANARY])
    except Exception as second:  # noqa: BLE001 - as above
        raise DeviceLostError(f"The model cannot embed any text any more: {first_line(second)}") from error
