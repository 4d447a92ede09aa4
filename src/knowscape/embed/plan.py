"""What is missing: texts without a vector, in slices that do not depend on what was done before."""

import math
from collections.abc import Sequence, Set
from dataclasses import dataclass

__all__ = ["SLICE_ROWS", "Slice", "plan_slices", "slice_rows"]

SLICE_ROWS = 2048
# Weights up to here, all-MiniLM-L6-v2's 91 MB say, leave a slice of so many texts a matter of seconds on a CPU.
_SMALL = 100_000_000


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows that are encoded together; a slice is a pure function of the corpus, so a restart repeats it exactly."""

    rows: tuple[int, ...]


def slice_rows(weights: int, *, fast: bool = False) -> int:
    """Return the rows of a slice for a model with so many bytes of weights; `fast` where it runs on a large GPU.

    A slice is committed whole, and a restart repeats it with the same borders.  So what is at stake must be small
    for a slow model, and must not depend on a measured time: the rows halve as the weights double.
    """
    return SLICE_ROWS if fast else max(1, SLICE_ROWS >> max(0, math.ceil(math.log2(max(1, weights) / _SMALL))))


def plan_slices(digests: Sequence[str], done: Set[str], *, slice_rows: int = SLICE_ROWS) -> list[Slice]:
    """Return the slices of rows whose text has no vector yet; of equal texts the first row stands for all.

    The borders lie at fixed rows of the corpus.  After an interruption between commits, the remaining slices are
    therefore the same as in an undisturbed run, and give the same bytes.
    """
    seen = set(done)
    slices = []
    for start in range(0, len(digests), slice_rows):
        rows = []
        for row in range(start, min(start + slice_rows, len(digests))):
            if digests[row] not in seen:
                seen.add(digests[row])
                rows.append(row)
        if rows:
            slices.append(Slice(tuple(rows)))
    return slices
