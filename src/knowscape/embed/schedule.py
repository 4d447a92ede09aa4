"""Which worker of a cluster gets which slice, and which are handed out again; it knows no clock and no network."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush

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
    """How long a worker may take, in seconds, before others may have its slices.

    `times` the mean of what its last slices took, but at least `least`; for its first slice `times` the longest mean of
    any worker, but at least `first`.  One that takes `silent` for a slice, or `start` to load the model, is given
    up; the run ends where for `grace` there is no worker.  A worker that does not hear of its driver for `idle` ends by
    itself, and after `quiet` where another driver needs its place.
    """

    times: float = 5.0
    least: float = 10.0
    first: float = 120.0
    silent: float = 900.0
    start: float = 1800.0
    grace: float = 60.0
    idle: float = 300.0
    quiet: float = 30.0


@dataclass(eq=False, slots=True)
class _Piece:
    """A slice that has no result yet: who holds it and is in time, and how many died over it."""

    work: Work
    holders: set[int] = field(default_factory=set)
    deaths: int = 0


@dataclass(eq=False, slots=True)
class _Pace:
    """A worker: its slices, the oldest first, when that began, what the last ones took, whether it is past its time."""

    held: deque[int] = field(default_factory=deque)
    since: float = 0.0
    took: deque[float] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    usual: float | None = None  # the mean of `took`: a busy driver notes two results at once
    late: bool = False


class _Alarms:
    """When to look at which worker: never later than was asked for last, so a look is cheap and may be in vain."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int]] = []
        self._at: dict[int, float] = {}

    def set(self, worker: int, at: float) -> None:
        """Ask for a look at a worker after `at`; one before that stays, and whoever looks then asks anew."""
        if at < self._at.get(worker, float("inf")):
            self._at[worker] = at
            heappush(self._heap, (at, worker))

    def due(self, now: float) -> list[int]:
        """Return the workers to look at, and forget what was asked for them."""
        found = []
        while self._heap and self._heap[0][0] < now:
            at, worker = heappop(self._heap)
            if self._at.get(worker) == at:
                del self._at[worker]
                found.append(worker)
        return found


class Schedule:
    """Hands every slice out until it has a result; workers are known by numbers, and times are any clock's seconds.

    A lost worker's slices come first.  Those of a worker that is past its time come last, when others have nothing else
    to do: it may well answer before that, and then nothing was computed twice.

    What a result costs does not grow with the workers, but for a heap's logarithm: one driver serves a thousand.
    """

    def __init__(self, slices: Iterable[Work], patience: Patience = Patience()) -> None:
        self._source, self._patience = iter(slices), patience
        self._again: deque[_Piece] = deque()
        self._last: deque[_Piece] = deque()
        self._open: dict[int, _Piece] = {}
        self._paces: dict[int, _Pace] = {}
        self._room: dict[int, None] = {}  # in the order in which they became so
        self._late, self._silence = _Alarms(), _Alarms()
        self._exhausted = False

    @property
    def complete(self) -> bool:
        """Whether every slice has a result."""
        return self._exhausted and not self._open

    def join(self, worker: int) -> None:
        """Let a worker have slices from now on."""
        self._paces[worker] = _Pace()
        self._room[worker] = None

    def unfilled(self) -> list[int]:
        """Return the workers that `give` has a slice for, unless none is left; one gets a second after the others."""
        return list(self._room)

    def give(self, worker: int, now: float) -> Work | None:
        """Return the next slice for a worker; None where it has enough, is past its time, or nothing is left."""
        if worker not in self._paces:
            self.join(worker)
        if worker not in self._room or (piece := self._next()) is None:
            return None
        pace, number = self._paces[worker], piece.work[0]
        pace.held.append(number)
        piece.holders.add(worker)
        if len(pace.held) == 1:
            self._begin(worker, pace, now)
        self._place(worker, pace)
        return piece.work

    def finished(self, worker: int, number: int, now: float) -> bool:
        """Take note of a result; returns whether it is the slice's first, and so the one that counts.

        The worker is in time again, with what it still holds and nobody else.
        """
        pace, first = self._paces[worker], self._open.pop(number, None) is not None
        pace.held.remove(number)
        pace.took.append(now - pace.since)
        pace.usual, pace.late = sum(pace.took) / len(pace.took), False
        for piece in filter(None, map(self._open.get, pace.held)):
            if not piece.holders:
                piece.holders.add(worker)
        self._begin(worker, pace, now)
        self._place(worker, pace)
        return first

    def declined(self, worker: int, number: int, now: float) -> None:
        """Take note that a worker gives a slice back that it had not begun."""
        self._take(worker, number, now)
        self._put_back(worker, number, self._again)

    def needless(self, worker: int, number: int, now: float) -> None:
        """Take note that a slice which a worker has not begun has a result from elsewhere."""
        self._take(worker, number, now)
        self._open.pop(number, None)

    def is_late(self, worker: int) -> bool:
        """Return whether a worker is past its time and has not answered since."""
        return worker in self._paces and self._paces[worker].late

    def overdue(self, now: float) -> dict[int, list[int]]:
        """Return the workers that are past their time from now on, with their slices; others may have these."""
        found: dict[int, list[int]] = {}
        for worker in self._late.due(now):
            pace = self._paces.get(worker)
            if pace is None or not pace.held or pace.late:
                continue
            if (at := pace.since + self._limit(pace)) >= now:
                self._late.set(worker, at)
                continue
            pace.late, found[worker] = True, list(pace.held)
            self._place(worker, pace)
            for number in pace.held:
                self._put_back(worker, number, self._last)
        return found

    def silent(self, now: float) -> list[int]:
        """Return the workers whose slice began so long ago that they are given up."""
        found = []
        for worker in self._silence.due(now):
            pace = self._paces.get(worker)
            if pace is not None and pace.held:
                at = pace.since + self._patience.silent
                self._silence.set(worker, at)
                found += [worker] if at < now else []
        return found

    def lost(self, worker: int, why: str) -> None:
        """Forget a worker; KnowscapeError where too many died over the slice that it was computing."""
        pace = self._paces.pop(worker, _Pace())
        self._room.pop(worker, None)
        for place, number in enumerate(pace.held):
            piece = self._open.get(number)
            if piece is not None and place == 0:
                piece.deaths += 1
                if piece.deaths > _MOST_DEATHS:
                    raise KnowscapeError(
                        f"{piece.deaths} workers ended over the same {len(piece.work[1])} texts, "
                        f"which begin with {piece.work[1][0][:60]!r}. {why}"
                    )
            self._put_back(worker, number, self._again)

    def _take(self, worker: int, number: int, now: float) -> None:
        """Take a slice from a worker that has not begun it."""
        pace = self._paces[worker]
        oldest = pace.held[0] == number
        pace.held.remove(number)
        pace.late = pace.late and bool(pace.held)
        if oldest:  # else the one that it computes goes on
            self._begin(worker, pace, now)
        self._place(worker, pace)

    def _begin(self, worker: int, pace: _Pace, now: float) -> None:
        """Take note that a worker begins the oldest of its slices, if it has one."""
        pace.since = now
        if pace.held:
            self._late.set(worker, now + (self._patience.first if pace.usual is None else self._limit(pace)))
            self._silence.set(worker, now + self._patience.silent)

    def _place(self, worker: int, pace: _Pace) -> None:
        """Take note of whether a worker can have a slice, behind those that could have one before."""
        self._room.pop(worker, None)
        if not pace.late and len(pace.held) < _IN_FLIGHT:
            self._room[worker] = None

    def _next(self) -> _Piece | None:
        if (piece := self._waiting(self._again)) is not None:
            return piece
        work = next(self._source, None)
        if work is None:
            self._exhausted = True
            return self._waiting(self._last)
        piece = self._open[work[0]] = _Piece(work)
        return piece

    def _waiting(self, queue: deque[_Piece]) -> _Piece | None:
        """Return the first of a queue that has no result and that nobody holds in time."""
        while queue:
            piece = queue.popleft()
            if piece.work[0] in self._open and not piece.holders:
                return piece
        return None

    def _put_back(self, worker: int, number: int, queue: deque[_Piece]) -> None:
        """Let others have a slice of a worker, where it has no result and nobody else holds it in time."""
        piece = self._open.get(number)
        if piece is not None:
            piece.holders.discard(worker)
            if not piece.holders:
                queue.append(piece)

    def _limit(self, pace: _Pace) -> float:
        patience = self._patience
        if pace.usual is not None:
            return max(patience.least, patience.times * pace.usual)
        longest = max((other.usual for other in self._paces.values() if other.usual is not None), default=0.0)
        return max(patience.first, patience.times * longest)
