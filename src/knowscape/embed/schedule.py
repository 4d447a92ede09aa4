"""Which worker of a cluster gets which slice, and which are handed out again; it knows no clock and no network."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

from knowscape.embed.executors import Work
from knowscape.errors import KnowscapeError

__all__ = ["Patience", "Schedule"]

# One that is computed, and one that waits beside it, so that the worker need not wait for the driver.
_IN_FLIGHT = 2
_REMEMBERED = 9
# So many workers may die over one slice; a text that ends its process would end all workers in turn.
_MOST_DEATHS = 5


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a worker may take, in seconds, before its slices are handed out again.

    `times` the median of what its own slices took, but at least `least`; for its first slice `times` the longest median
    of any worker, but at least `first`.  One that takes `silent` for a slice, or `start` to load the model, is given
    up; the run ends where for `grace` there is no worker.
    """

    times: float = 5.0
    least: float = 10.0
    first: float = 120.0
    silent: float = 900.0
    start: float = 1800.0
    grace: float = 60.0


@dataclass(eq=False, slots=True)
class _Piece:
    """A slice that has no result yet: who is computing it in time, and how many died over it."""

    work: Work
    holders: set[int] = field(default_factory=set)
    deaths: int = 0


@dataclass(eq=False, slots=True)
class _Pace:
    """A worker: its slices, the oldest first, when that began, what the last ones took, whether it is past its time."""

    held: deque[int] = field(default_factory=deque)
    since: float = 0.0
    took: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    late: bool = False


class Schedule:
    """Hands every slice out until it has a result; workers are known by numbers, and times are any clock's seconds."""

    def __init__(self, slices: Iterable[Work], patience: Patience = Patience()) -> None:
        self._source, self._patience = iter(slices), patience
        self._again: deque[_Piece] = deque()
        self._open: dict[int, _Piece] = {}
        self._paces: dict[int, _Pace] = {}
        self._exhausted = False

    @property
    def complete(self) -> bool:
        """Whether every slice has a result."""
        return self._exhausted and not self._open

    def give(self, worker: int, now: float) -> Work | None:
        """Return the next slice for a worker; None where it has enough, is past its time, or nothing is left."""
        pace = self._paces.setdefault(worker, _Pace())
        if pace.late or len(pace.held) >= _IN_FLIGHT:
            return None
        piece = self._next()
        if piece is None:
            return None
        number = piece.work[0]
        if not pace.held:
            pace.since = now
        pace.held.append(number)
        piece.holders.add(worker)
        return piece.work

    def finished(self, worker: int, number: int, now: float) -> bool:
        """Take note of a result; returns whether it is the slice's first, and so the one that counts."""
        first = self._open.pop(number, None) is not None
        self._let_go(worker, number, now, computed=True)
        return first

    def declined(self, worker: int, number: int, now: float) -> None:
        """Take note that a worker gives a slice back that it had not begun."""
        self._let_go(worker, number, now, computed=False)

    def overdue(self, now: float) -> dict[int, list[int]]:
        """Return the workers that are past their time from now on, with their slices; others may have these."""
        found = {}
        for worker, pace in self._paces.items():
            if pace.held and not pace.late and now - pace.since > self._limit(pace):
                pace.late, found[worker] = True, list(pace.held)
                for number in pace.held:
                    self._put_back(worker, number)
        return found

    def is_late(self, worker: int) -> bool:
        """Return whether a worker is past its time."""
        return worker in self._paces and self._paces[worker].late

    def silent(self, now: float) -> list[int]:
        """Return the workers whose slice began so long ago that they are given up."""
        return [w for w, pace in self._paces.items() if pace.held and now - pace.since > self._patience.silent]

    def lost(self, worker: int, why: str) -> None:
        """Forget a worker; KnowscapeError where too many died over the slice that it was computing."""
        pace = self._paces.pop(worker, _Pace())
        for place, number in enumerate(pace.held):
            piece = self._open.get(number)
            if piece is not None and place == 0:
                piece.deaths += 1
                if piece.deaths > _MOST_DEATHS:
                    raise KnowscapeError(
                        f"{piece.deaths} workers ended over the same {len(piece.work[1])} texts, "
                        f"which begin with {piece.work[1][0][:60]!r}. {why}"
                    )
            self._put_back(worker, number)

    def _let_go(self, worker: int, number: int, now: float, *, computed: bool) -> None:
        pace = self._paces[worker]
        pace.held.remove(number)
        if computed:
            pace.took.append(now - pace.since)
        pace.since = now
        pace.late = pace.late and bool(pace.held)
        self._put_back(worker, number)

    def _next(self) -> _Piece | None:
        while self._again:
            piece = self._again.popleft()
            if piece.work[0] in self._open and not piece.holders:  # else its result has come meanwhile
                return piece
        work = next(self._source, None)
        if work is None:
            self._exhausted = True
            return None
        piece = self._open[work[0]] = _Piece(work)
        return piece

    def _put_back(self, worker: int, number: int) -> None:
        """Let others have a slice that a worker was to compute, where it has no result and nobody else computes it."""
        piece = self._open.get(number)
        if piece is not None and worker in piece.holders:
            piece.holders.remove(worker)
            if not piece.holders:
                self._again.append(piece)

    def _limit(self, pace: _Pace) -> float:
        patience = self._patience
        if pace.took:
            return max(patience.least, patience.times * median(pace.took))
        longest = max((median(other.took) for other in self._paces.values() if other.took), default=0.0)
        return max(patience.first, patience.times * longest)
