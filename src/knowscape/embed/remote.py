"""What lives on a host of a cluster: a model, and what it is asked; whether it computes what the driver computes."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from knowscape import __version__
from knowscape.embed.worker import Encoded, Shelf, encode_slice
from knowscape.encoders.engine import CANARIES
from knowscape.encoders.spec import Encoder
from knowscape.errors import KnowscapeError

__all__ = ["LEAST_COSINE", "Remote", "least_cosine"]

# A worker whose vector of a canary is further from the driver's is left out: the bound that bf16 has to keep, too.
LEAST_COSINE = 0.999


class Remote:
    """A worker's end; what it cannot do it says in a sentence, since not every error survives the way back."""

    def start(
        self, version: str, load: Callable[[int], Encoder], threads: int, shelf: Shelf | None = None
    ) -> NDArray[np.float32] | str:
        """Load the model by `load(threads)` and return the canaries' vectors; `version` is the driver's Knowscape.

        With a `shelf` the vectors of slices are stored there, and do not go back to the driver.
        """
        if version != __version__:
            return f"it has Knowscape {__version__}, and not {version}"
        self._shelf = shelf
        try:
            if shelf is not None:
                shelf.try_it()
            self._encoder = load(threads)
            return self._encoder.encode_documents(list(CANARIES))
        except KnowscapeError as error:
            return str(error)

    def encode(self, texts: list[str], ids: list[str], queries: bool) -> Encoded | str:
        """Return a slice's result."""
        try:
            found = encode_slice(self._encoder.encode_queries if queries else self._encoder.encode_documents, texts)
            return found if self._shelf is None else self._shelf.keep(found, texts, ids)
        except KnowscapeError as error:
            return str(error)


def least_cosine(here: NDArray[np.float32], there: NDArray[np.float32]) -> float:
    """Return the least cosine between the vectors of the same texts, both float32[n, d]; two equal ones agree."""
    if here.shape != there.shape:
        return 0.0
    norms = np.linalg.norm(here, axis=1) * np.linalg.norm(there, axis=1)
    cosines = np.einsum("nd,nd->n", here, there) / np.where(norms > 0, norms, 1)
    return float(np.min(np.where((here == there).all(axis=1), 1, cosines)))
