"""What is missing: texts without a vector, in slices that do not depend on what was done before."""

from collections.abc import Sequence, Set
from dataclasses import dataclass

__all__ = ["SLICE_ROWS", "Slice", "plan_slices"]

SLICE_ROWS = 2048


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows that are encoded together; a slice is a pure function of the corpus, so a restart repeats it exactly."""

    rows: tuple[int, ...]


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
