"""One ranking out of several."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from knowscape.errors import UsageError

__all__ = ["FUSIONS", "Fusion", "fuse"]

FUSIONS = ("weighted", "rrf")
Ranking = Sequence[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Fusion:
    """How rankings become one.

    `weighted` adds the scores, each ranking's scaled to 0 for its least and 1 for its best, with the weight `dense`
    for the dense ranking and 1 - `dense` for the lexical one (Bruch, Gai & Ingber 2023).  `rrf` adds 1 / (k + rank)
    over the rankings (reciprocal rank fusion, Cormack, Clarke & Buettcher 2009).
    """

    method: str = "weighted"
    dense: float = 0.5
    k: int = 60

    def __post_init__(self) -> None:
        if self.method not in FUSIONS:
            raise UsageError(f"There is no fusion {self.method!r}. Accepted: {', '.join(FUSIONS)}.")
        if not 0 <= self.dense <= 1 or self.k < 1:
            raise UsageError(f"dense is {self.dense}, which must be 0 to 1, and k {self.k}, which must be at least 1.")


def fuse(rankings: Mapping[str, Ranking], fusion: Fusion) -> list[tuple[str, float]]:
    """Return ids and scores, best first; `rankings` are ids and scores, best first, by retriever (dense, lexical).

    Equal scores rank by id, so that the order in which rankings come does not matter.
    """
    total: dict[str, float] = {}
    for retriever, ranking in rankings.items():
        for name, gain in _gains(retriever, ranking, fusion):
            total[name] = total.get(name, 0.0) + gain
    return sorted(total.items(), key=lambda one: (-one[1], one[0]))


def _gains(retriever: str, ranking: Ranking, fusion: Fusion) -> list[tuple[str, float]]:
    if fusion.method == "rrf":
        return [(name, 1 / (fusion.k + rank)) for rank, (name, _) in enumerate(ranking, start=1)]
    weight = fusion.dense if retriever == "dense" else 1 - fusion.dense
    scores = [score for _, score in ranking]
    least, most = min(scores, default=0.0), max(scores, default=0.0)
    return [(name, weight * ((score - least) / (most - least) if most > least else 1.0)) for name, score in ranking]
