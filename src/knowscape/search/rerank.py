"""The best of what a search found, put in order by a cross-encoder, which reads the query and each passage together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import monotonic

import numpy as np

from knowscape.encoders.spec import CrossEncoder
from knowscape.errors import KnowscapeError, UsageError
from knowscape.search.index import Hit

__all__ = ["RerankOptions", "rerank"]


@dataclass(frozen=True, slots=True)
class RerankOptions:
    """How many hits are scored, the first `depth`, and in how many `seconds`; None takes as many as it takes.

    Where time is limited, `batch` hits are scored between two looks at the clock: a hundred excerpts in batches of 32
    take 13 % more time than in one, of 16 37 %; abstracts of 300 tokens 5 % and 16 % (ms-marco-MiniLM-L6-v2's shape,
    bf16).
    """

    depth: int = 100
    batch: int = 32
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.depth < 1 or self.batch < 1:
            raise UsageError(f"depth is {self.depth} and batch {self.batch}; both must be at least 1.")
        if self.seconds is not None and not self.seconds > 0:
            raise UsageError(f"{self.seconds} seconds are no time to re-rank in. Accepted: more than 0, or None.")


def rerank(
    hits: Sequence[Hit], query: str, scorer: CrossEncoder, *, k: int = 10, options: RerankOptions = RerankOptions()
) -> list[Hit]:
    """Return the best `k` hits, best first, by the scorer's score of each title and passage for the query.

    `hits` are those of a search, best first.  They are scored in that order, so that where time runs out the best of
    them are scored; those that were not, and those beyond the depth, follow behind in the order they had, with the
    scores they had, which compare to nothing above them.  The first batch is always scored, and none is begun that
    would take too long if it took as long as the one before.  Equal scores keep the order of the search.

    `ranks` gets `retrieved`, the rank before, and for a hit that was scored `reranked`, the rank now.  Without a limit
    of time the same hits give the same order.  Raises KnowscapeError where the scorer gives something else than
    numbers.
    """
    if k < 1:
        raise UsageError(f"k is {k}; it must be at least 1.")
    scores = _scores(hits[: options.depth], query, scorer, options)
    order = sorted(range(len(scores)), key=lambda row: (-scores[row], row))
    best = [_moved(hits[row], rank, scores[row]) for rank, row in enumerate(order[:k], start=1)]
    return best + [_moved(hits[row], row + 1) for row in range(len(scores), min(k, len(hits)))]


def _scores(hits: Sequence[Hit], query: str, scorer: CrossEncoder, options: RerankOptions) -> list[float]:
    """Return the scores of the first hits, of as many as there was time for."""
    texts = [f"{hit.title} {hit.passage}".strip() for hit in hits]
    start = monotonic()
    scores: list[float] = []
    while len(scores) < len(texts):
        began = monotonic()
        step = texts[len(scores) :][: options.batch if options.seconds is not None else None]
        found = scorer.score(query, step)
        if found.shape != (len(step),) or not np.isfinite(found).all():
            raise KnowscapeError(f"{scorer.spec.name} gave {found!r} for {len(step)} passages; nothing was re-ranked.")
        scores += found.tolist()
        now = monotonic()
        if options.seconds is not None and (now - start) + (now - began) > options.seconds:
            break
    return scores


def _moved(hit: Hit, rank: int, score: float | None = None) -> Hit:
    ranks = {**hit.ranks, "retrieved": hit.rank}
    if score is None:
        return replace(hit, rank=rank, ranks=ranks)
    return replace(hit, rank=rank, score=score, ranks={**ranks, "reranked": rank})
