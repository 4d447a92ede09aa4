"""One slice of work: texts in, vectors out or stored, and the texts that have none with the reason."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from knowscape.errors import DeviceLostError, first_line
from knowscape.files import sha256_text
from knowscape.store.objects import atlas_path
from knowscape.store.parts import Part, write_part
from knowscape.store.vectors import vector_table

__all__ = ["Encoded", "Shelf", "encode_slice"]

Encode = Callable[[list[str]], NDArray[np.float32]]

# What every model can embed; where it cannot be, the device is gone and not the texts bad.
_CANARY = "The sun is a star."


@dataclass(frozen=True, slots=True)
class Encoded:
    """`vectors` float32[n, d] of the texts at `places` int64[n] of a slice; the `reasons` of the others by place.

    Where the worker has stored the vectors itself, `part` is what it stored, and they are not here.
    """

    places: NDArray[np.int64]
    vectors: NDArray[np.float32]
    reasons: dict[int, str]
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder of vectors in an object store, whose workers store parts there; they are named by the driver alone."""

    url: str

    def try_it(self) -> None:
        """Raise KnowscapeError where this host may not look there, or finds no bucket."""
        atlas_path(self.url).is_dir()

    def keep(self, found: Encoded, texts: Sequence[str], ids: Sequence[str]) -> Encoded:
        """Store the vectors of a slice as one part, durably, and return which it is."""
        if not len(found.places):
            return found
        digests = [sha256_text(texts[row]) for row in found.places]
        table = vector_table(pa.array([ids[row] for row in found.places]), pa.array(digests), found.vectors)
        return replace(found, vectors=found.vectors[:0], part=write_part(atlas_path(self.url), table))


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
