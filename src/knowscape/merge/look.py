"""Vectors looked at as they pass, block by block."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from knowscape.merge.objections import Objection, spans
from knowscape.store.vectors import bad_values, vectors_of

__all__ = ["Look"]


class Look:
    """What was seen of a part's rows: the digests of their texts, and the vectors that are of no use."""

    def __init__(self, name: str, start: int, *, normalised: bool) -> None:
        self._name, self._row, self._normalised = name, start, normalised
        self._keys: list[pa.Array] = []
        self._bad: dict[str, list[NDArray[np.int64]]] = {}

    def see(self, table: pa.Table) -> pa.Table:
        """Look at the next rows and return them; DamageError where they hold no vectors."""
        vectors = vectors_of(table)
        for what, marked in bad_values(vectors, normalised=self._normalised).items():
            if marked.any():
                self._bad.setdefault(what, []).append(np.flatnonzero(marked) + self._row)
        self._keys.append(table["text_digest"].combine_chunks())
        self._row += len(table)
        return table

    @property
    def keys(self) -> pa.Array:
        return pa.concat_arrays([pa.array([], pa.string()), *self._keys])

    @property
    def faults(self) -> list[Objection]:
        return [Objection(what, f"{spans(np.concatenate(rows))} of {self._name}") for what, rows in self._bad.items()]
