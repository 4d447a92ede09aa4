"""Batches of texts of like lengths, and how large they may be: learned from where memory runs out."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numpy.typing import ArrayLike, NDArray

from knowscape.errors import TextTooLargeError

__all__ = ["Batch", "Batches", "TokenBudget", "out_of_memory", "prompted", "run_batches"]

# What torch (CPU, CUDA, cuBLAS, MPS), OpenVINO and oneDNN say, each in an exception of its own kind.
_OUT_OF_MEMORY = (
    "out of memory", "bad_alloc", "could not allocate", "allocate memory", "insufficient memory", "not enough memory",
    "alloc_failed", "failed to allocate",
)  # fmt: skip
_GOOD_BATCHES = 32
# Longer texts are cut before they are tokenised: no token in use is as long as this on average.
_CHARACTERS_PER_TOKEN = 100


class TokenBudget:
    """How many padded tokens one batch may hold: fewer after memory ran out, slowly more again, up to the first number.

    It grows by a quarter of the first number after 32 good batches, so a machine at its limit repeats one batch in 60.
    """

    def __init__(self, tokens: int) -> None:
        self.tokens = self._most = max(1, tokens)
        self._good = 0

    def shrink(self, failed: int) -> None:
        """Halve the budget, again and again until a batch of `failed` padded tokens exceeds it."""
        self._good = 0
        self.tokens = max(1, self.tokens // 2)
        while self.tokens >= max(2, failed):
            self.tokens //= 2

    def succeed(self) -> None:
        """Count a batch that fitted, and grow where there were enough of them."""
        self._good += 1
        if self._good == _GOOD_BATCHES:
            self._good = 0
            self.tokens = min(self._most, self.tokens + max(1, self._most // 4))


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows to be computed together, int64, longest first, each padded to `width` tokens."""

    rows: NDArray[np.int64]
    width: int

    @property
    def tokens(self) -> int:
        """The batch's padded tokens."""
        return len(self.rows) * self.width


class Batches:
    """The rows that wait to be computed, handed out longest first in batches within the budget of the moment.

    `lengths` are tokens; a row without any is never handed out.  `widths`, ascending, are what lengths are rounded up
    to: a device that compiles for each shape should see few of them.
    """

    def __init__(self, lengths: ArrayLike, budget: TokenBudget, *, widths: Sequence[int] = ()) -> None:
        self._budget = budget
        self._lengths = np.asarray(lengths, dtype=np.int64)
        self._widths = np.asarray(widths, dtype=np.int64)
        self._order = np.argsort(-self._lengths, kind="stable")
        # A heap of places in the order, so that rows that come back stand where they stood.
        self._waiting = list(range(np.count_nonzero(self._lengths)))

    def __bool__(self) -> bool:
        """Whether a row waits."""
        return bool(self._waiting)

    def take(self) -> Batch:
        """Return the longest rows that wait, within the budget; a single row may exceed it."""
        width = self._width(int(self._lengths[self._order[self._waiting[0]]]))
        size = min(len(self._waiting), max(1, self._budget.tokens // width))
        return Batch(self._order[[heappop(self._waiting) for _ in range(size)]], width)

    def succeed(self) -> None:
        """Take note that a batch was computed."""
        self._budget.succeed()

    def give_back(self, failed: Iterable[Batch], *, alone: bool = True) -> None:
        """Let the rows of batches for which memory did not suffice wait again, and shrink the budget.

        Raises TextTooLargeError for a batch of one row that had the memory `alone`.
        """
        places = np.empty_like(self._order)
        places[self._order] = np.arange(len(places))
        failed = list(failed)
        for batch in failed:
            if alone and len(batch.rows) == 1:
                raise TextTooLargeError(int(self._lengths[batch.rows[0]]))
            for row in batch.rows:
                heappush(self._waiting, int(places[row]))
        if failed:
            # A small batch may have failed for want of what a large one beside it held.
            self._budget.shrink(max(batch.tokens for batch in failed))

    def _width(self, length: int) -> int:
        place = int(np.searchsorted(self._widths, length))
        return int(self._widths[place]) if place < len(self._widths) else length


def run_batches(batches: Batches, compute: Callable[[Batch], None]) -> None:
    """Call `compute` with one batch after the other; where memory runs out, with smaller ones for the same rows.

    Raises TextTooLargeError where a single row does not fit, and what else `compute` raises.
    """
    while batches:
        batch, fitted = batches.take(), True
        try:
            compute(batch)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            fitted = False
        # Not within the except clause: until its end the error holds the frames, and they hold the memory.
        if fitted:
            batches.succeed()
        else:
            batches.give_back([batch])


def out_of_memory(error: BaseException) -> bool:
    """Return whether this error says that memory ran out, on the processor or on a device."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(sign in text for sign in _OUT_OF_MEMORY)
    )


def prompted(texts: list[str], prompt: str, max_tokens: int) -> list[str]:
    """Return the texts behind the prompt, cut to what `max_tokens` tokens can hold at the most."""
    limit = max_tokens * _CHARACTERS_PER_TOKEN
    return [(prompt + text)[:limit] for text in texts]
