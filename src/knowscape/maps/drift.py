"""How far what was added to a map differs from what the map was laid out from, and whether to lay it out anew."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.maps.intervals import mean_interval
from knowscape.maps.placing import DOUBT

__all__ = ["Drift", "measure_drift"]

# Of articles like those of the layout at most this share is doubtful: two reasons, each at most `DOUBT`.  A new layout
# is proposed where the whole 95 % interval is over twice that, ...
_EXPECTED = 2 * DOUBT
_MOST_DOUBTFUL = 2 * _EXPECTED
# ... or where the whole interval of what was added is below so much of the recall that the others have.
_LEAST_RECALL = 0.8


@dataclass(frozen=True, slots=True)
class Drift:
    """What was added since the layout, measured.

    `doubtful` is the share whose confidence is at most `DOUBT`, `doubtful_low` the lower end of its 95 % interval;
    `recall_added` and `recall_before` the mean recall at 10 of what was added and of the others; `shift` how far the
    mean vector moved, in units of what as many articles drawn from the others would move it; `refit` why a new layout
    is proposed, None where it is not.
    """

    added: int
    doubtful: float
    doubtful_low: float
    recall_added: float
    recall_before: float
    shift: float
    refit: str | None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Drift":
        """Return what `to_json` wrote."""
        return cls(**value)


def measure_drift(
    vectors: NDArray[np.float32],
    added: NDArray[np.bool_],
    *,
    confidence: NDArray[np.float32],
    recall: NDArray[np.float32],
) -> Drift | None:
    """Return the drift of the rows `added` bool[n] against the others, by all rows' confidence and recall at 10.

    None where nothing was added.
    """
    count = int(added.sum())
    if not count:
        return None
    doubtful = mean_interval(confidence[added] <= DOUBT)
    own, others = mean_interval(recall[added]), float(recall[~added].mean())
    reasons = []
    if doubtful.low > _MOST_DOUBTFUL:
        reasons.append(
            f"{doubtful.mean:.0%} of the added articles have no place on the map, {_EXPECTED:.0%} would be usual"
        )
    if own.high < _LEAST_RECALL * others:
        reasons.append(f"the added articles keep {own.mean:.3f} of their neighbours, the others {others:.3f}")
    return Drift(
        added=count,
        doubtful=doubtful.mean,
        doubtful_low=doubtful.low,
        recall_added=own.mean,
        recall_before=others,
        shift=_shift(vectors, added),
        refit="; ".join(reasons) or None,
    )


def _shift(vectors: NDArray[np.float32], added: NDArray[np.bool_]) -> float:
    """Return the distance of the two means over the root of its expected square, were both drawn from the others."""
    own, others = vectors[added], vectors[~added]
    apart = float(np.linalg.norm(own.mean(axis=0, dtype=np.float64) - others.mean(axis=0, dtype=np.float64)))
    spread = float(others.var(axis=0, dtype=np.float64).sum())
    return apart / max(float(np.sqrt(spread * (1 / len(own) + 1 / len(others)))), 1e-12)
