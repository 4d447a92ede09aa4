"""What speaks against a merge, all of it in one report."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowscape.errors import DamageError, KnowscapeError, UsageError

__all__ = ["Fault", "RefusedError", "some", "spans"]

# What is damaged, where every other fault is one of the choice of the sources.
_DAMAGE = {"damaged", "not finite", "all zero", "not of length one", "length"}
_SHOWN = 3
_SPANS = 8


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason not to merge: its kind in a word or two, and a sentence that names sources, rows and values."""

    kind: str
    says: str


class RefusedError(KnowscapeError):
    """The sources do not go together; nothing was written."""

    def __init__(self, faults: Sequence[Fault], hint: str) -> None:
        lines = [f"{fault.kind}: {fault.says}" for fault in faults]
        super().__init__("\n  ".join(["Nothing was merged:", *lines]) + f"\n{hint}")
        self.faults = list(faults)
        damaged = any(fault.kind in _DAMAGE for fault in faults)
        self.exit_code = DamageError.exit_code if damaged else UsageError.exit_code


def spans(rows: NDArray[np.int64]) -> str:
    """Return ascending row numbers as words: `rows 5 to 9 and 12`."""
    borders = np.flatnonzero(np.diff(rows) != 1)
    firsts, lasts = rows[np.r_[0, borders + 1]], rows[np.r_[borders, len(rows) - 1]]
    words = [f"{a:,}" if a == b else f"{a:,} to {b:,}" for a, b in zip(firsts[:_SPANS], lasts[:_SPANS], strict=True)]
    if len(firsts) > _SPANS:
        words.append(f"{len(firsts) - _SPANS:,} more ranges")
    listed = " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
    return f"row {listed}" if len(rows) == 1 else f"rows {listed}"


def some(names: Sequence[str]) -> str:
    """Return the first few names, quoted."""
    shown = ", ".join(repr(name) for name in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else shown
