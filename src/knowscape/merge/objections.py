"""What speaks against a merge, all of it in one report."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowscape.errors import DamageError, KnowscapeError, UsageError
from knowscape.store.vectors import row_ranges

__all__ = ["MergeRefusedError", "Objection", "some", "spans"]

# What is damaged, where every other fault is one of the choice of the sources.
_DAMAGE = {"damaged", "not finite", "all zero", "not of length one", "length"}
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Objection:
    """One reason not to merge: its kind in a word or two, and a sentence that names sources, rows and values."""

    kind: str
    says: str


class MergeRefusedError(KnowscapeError):
    """The sources do not go together; nothing was written."""

    def __init__(self, faults: Sequence[Objection], hint: str) -> None:
        lines = [f"{fault.kind}: {fault.says}" for fault in faults]
        super().__init__("\n  ".join(["Nothing was merged:", *lines]) + f"\n{hint}")
        self.faults = list(faults)
        damaged = any(fault.kind in _DAMAGE for fault in faults)
        self.exit_code = DamageError.exit_code if damaged else UsageError.exit_code


def spans(rows: NDArray[np.int64]) -> str:
    """Return ascending row numbers as words: `rows 5 to 9 and 12`."""
    return f"row{'s' if len(rows) > 1 else ''} {row_ranges(rows)}"


def some(names: Sequence[str]) -> str:
    """Return the first few names, quoted."""
    shown = ", ".join(repr(name) for name in names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else shown
