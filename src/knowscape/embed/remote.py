"""What lives on a host of a cluster: a model, and what it is asked; whether it computes what the driver computes."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowscape import __version__
from knowscape.embed.executors import Work
from knowscape.embed.worker import Encoded, Shelf, encode_slice
from knowscape.encoders.engine import CANARIES
from knowscape.encoders.spec import Encoder
from knowscape.errors import KnowscapeError

__all__ = ["LEAST_COSINE", "Ready", "Remote", "least_cosine"]

# A worker whose vector of a canary is further from the driver's is left out: the bound that bf16 has to keep, too.
LEAST_COSINE = 0.999
_LOOKS = 20


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker has its model: the `canaries`' vectors, and the results by slice that it has for a driver before."""

    canaries: NDArray[np.float32]
    held: dict[str, Encoded]


class Remote:
    """A worker's end; what it cannot do it says in a sentence, since not every error survives the way back.

    It outlives its driver, and keeps what it has computed until a driver says that it is stored: the next one has it
    from `start`.  It ends by itself after `idle` seconds without its driver's word, or `busy` seconds over one thing.
    """

    def __init__(self, idle: float, busy: float) -> None:
        self._encoder: Encoder | None = None
        self._shelf: Shelf | None = None
        self._held: dict[str, Encoded] = {}
        self._watch = _Watch(idle, busy)

    def start(
        self, version: str, load: Callable[[int], Encoder], threads: int, shelf: Shelf | None = None
    ) -> Ready | str:
        """Load the model by `load(threads)`, unless it is there; `version` is the driver's Knowscape.

        With a `shelf` the vectors of slices are stored there, and do not go back to the driver.
        """
        with self._watch.at_work():
            if version != __version__:
                return f"it has Knowscape {__version__}, and not {version}"
            self._shelf = shelf
            try:
                if shelf is not None:
                    shelf.try_it()
                self._encoder = self._encoder or load(threads)
                return Ready(self._encoder.encode_documents(list(CANARIES)), self._held)
            except KnowscapeError as error:
                return str(error)

    def encode(self, work: Work, queries: bool, stored: Sequence[str]) -> Encoded | str:
        """Return a slice's result, and keep it; those whose keys are `stored` by now are not needed."""
        assert self._encoder is not None
        with self._watch.at_work():
            for name in stored:
                self._held.pop(name, None)
            try:
                encode = self._encoder.encode_queries if queries else self._encoder.encode_documents
                found = encode_slice(encode, work.texts)
                found = found if self._shelf is None else self._shelf.keep(found, work.texts, work.ids)
            except KnowscapeError as error:
                return str(error)
            self._held[work.key] = found
            return found

    def stay(self) -> None:
        """Hear that its driver is there."""
        with self._watch.at_work():
            pass

    def make_room(self, quiet: float) -> None:
        """End if its driver has not said a word for so many seconds: another driver has use for the place."""
        self._watch.end_after(quiet)


class _Watch:
    """Ends the process that has been idle, or busy with one thing, for too many seconds."""

    def __init__(self, idle: float, busy: float) -> None:
        self._idle, self._busy = idle, busy
        self._state = time.monotonic(), False  # since when, and whether at work; set at once, as a thread reads it
        threading.Thread(target=self._look, daemon=True).start()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self._state = time.monotonic(), True
        try:
            yield
        finally:
            self._state = time.monotonic(), False

    def end_after(self, idle: float) -> None:
        """End the process if it has been idle for so many seconds, or busy for too many."""
        since, at_work = self._state
        if time.monotonic() - since > (self._busy if at_work else idle):
            os._exit(0)  # whatever else the process is doing

    def _look(self) -> None:
        while True:
            time.sleep(min(self._idle, self._busy) / _LOOKS)
            self.end_after(self._idle)


def least_cosine(here: NDArray[np.float32], there: NDArray[np.float32]) -> float:
    """Return the least cosine between the vectors of the same texts, both float32[n, d]; two equal ones agree."""
    if here.shape != there.shape:
        return 0.0
    norms = np.linalg.norm(here, axis=1) * np.linalg.norm(there, axis=1)
    cosines = np.einsum("nd,nd->n", here, there) / np.where(norms > 0, norms, 1)
    return float(np.min(np.where((here == there).all(axis=1), 1, cosines)))
