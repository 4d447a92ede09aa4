"""Encode slices on a Ray cluster: a worker for each GPU, or one for the cores of a host.

Ray starts processes and moves texts and vectors; what is done is known by the driver alone, which commits it.  Workers
outlive their driver for a while, and keep what it had not committed for the one that comes after it.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape import __version__
from knowscape.embed.executors import Work
from knowscape.embed.places import Job, Slot, slots
from knowscape.embed.ray_cluster import RayCluster, errors_of_connection, name_of, reason, said
from knowscape.embed.remote import LEAST_COSINE, Ready, Remote, least_cosine
from knowscape.embed.schedule import Patience, Schedule
from knowscape.embed.worker import Encoded
from knowscape.encoders.engine import CANARIES
from knowscape.errors import KnowscapeError, UsageError
from knowscape.progress import SILENT, Progress, duration

__all__ = ["RayWorkers"]

_DOUBLINGS = 9
_WORDS = 3  # to a worker that has nothing to do, in the time after which it counts as left alone
_SECONDS_BETWEEN_LOOKS, _TICK = 1.0, 0.2


class RayWorkers:
    """An executor on the Ray cluster at `address`, as Ray takes it: ray://HOST:PORT, HOST:PORT, auto or local.

    Hosts may join and leave while it runs.  A worker has to give the canaries the driver's vectors before it gets work.
    Workers that a driver of the same run has left behind are taken over, with what they have computed.  `watch` is told
    every second what each worker does.
    """

    def __init__(
        self,
        address: str,
        job: Job,
        *,
        patience: Patience = Patience(),
        progress: Progress = SILENT,
        watch: Callable[[list[dict[str, Any]]], None] | None = None,
    ) -> None:
        self._ray, self._job, self._patience, self._progress = RayCluster(address), job, patience, progress
        self._watcher = watch
        self._workers: dict[int, _Worker] = {}
        self._flights: dict[Any, tuple[_Worker, Work | None]] = {}  # by Ray's reference; a load has no slice
        self._taken: set[Slot] = set()
        self._left: set[str] = set()  # the names of workers that a driver before has left
        self._awaited, self._waits_until = set[int](), 0.0  # which of them have not told what they have
        self._found: dict[str, tuple[_Worker, Encoded]] = {}  # by slice, what they had
        self._late: set[int] = set()  # slices that a worker was late with
        self._failures: Counter[Slot] = Counter()
        self._rests: dict[Slot, float] = {}  # until when
        self._errors: Counter[Slot] = Counter()
        self._begged = 0.0
        self._numbers, self._looked, self._seen, self._why = count(), 0.0, 0.0, "No host offers a GPU or a core."
        self._canaries: Future[NDArray[np.float32]] | None = None

    def encode(self, slices: Iterable[Work], *, queries: bool = False) -> Iterator[tuple[int, Encoded]]:
        """Yield the slices as they are done.

        KnowscapeError where no worker is left, six end over one slice, or the cluster is away for long; UsageError
        where none answers at first.
        """
        source = iter(slices)
        if (first := next(source, None)) is None:
            return
        schedule = Schedule(chain([first], source), self._patience)
        self._canaries = self._canaries or self._computed_here()
        try:
            self._connect()
            while not schedule.complete:
                try:
                    yield from self._encode(schedule, queries=queries)
                except errors_of_connection() as error:
                    self._connect_again(schedule, error)
        except BaseException:  # also where the caller wants no more: what runs is of no use
            self.close()
            raise

    def stored(self) -> None:
        """Let the workers forget what was yielded."""
        for worker in self._workers.values():
            worker.stored += worker.yielded
            worker.yielded = []

    def close(self) -> None:
        """End the workers, and leave the cluster."""
        for worker in self._workers.values():
            self._ray.end(worker.actor)
        self._forget()
        self._ray.leave()

    def _encode(self, schedule: Schedule, *, queries: bool) -> Iterator[tuple[int, Encoded]]:
        self._looked, self._seen, self._late = 0.0, time.monotonic(), set()
        for worker in self._workers.values():  # of a run before
            if worker.ready:
                schedule.join(worker.number)
        while not schedule.complete:
            self._look_around(schedule)
            yield from self._hand_out(schedule, queries=queries)
            asked = time.monotonic()
            for reference in self._arrived():
                yield from self._collect(reference, schedule)
                yield from self._hand_out(schedule, queries=queries)
            # By the time of the question: what has come since then waits for the driver, and nobody is late for that.
            self._watch(schedule, asked)
        for worker in {worker.number: worker for worker, _ in self._flights.values() if worker.ready}.values():
            self._stop(worker)  # it computes what another has done

    def _computed_here(self) -> "Future[NDArray[np.float32]]":
        """Begin to compute the canaries' vectors, while the cluster is reached and its workers load the model."""
        pool = ThreadPoolExecutor(1)
        computed = pool.submit(lambda: self._job.reference().encode_documents(list(CANARIES)))
        pool.shutdown(wait=False)
        return computed

    def _connect(self) -> None:
        """Connect, and see which workers of this run are there already."""
        self._ray.connect()
        taken = {name_of(self._job.run, slot) for slot in self._taken}
        self._left = {name for name in self._ray.names() if name.startswith(self._job.run)} - taken
        self._waits_until = time.monotonic() + self._patience.first

    def _connect_again(self, schedule: Schedule, error: Exception) -> None:
        """Connect to a cluster that answered no more; KnowscapeError where it stays away."""
        why = f"The Ray cluster at {self._ray.address} does not answer any more: {said(error)}."
        self._progress.note(f"{why} Its workers keep what they have for {duration(self._patience.idle)}.")
        for number in self._workers:
            schedule.lost(number, why)
        self._forget()
        away: tuple[type[Exception], ...] = (UsageError, *errors_of_connection())
        end = time.monotonic() + self._patience.silent if self._ray.own else 0  # else it is the caller's connection
        while time.monotonic() < end:
            self._ray.leave()
            try:
                return self._connect()
            except away:
                time.sleep(_SECONDS_BETWEEN_LOOKS)
        raise KnowscapeError(f"{why} What was committed stays; the same command continues.") from error

    def _forget(self) -> None:
        """Know of no worker any more."""
        self._workers, self._flights, self._taken, self._found, self._awaited = {}, {}, set(), {}, set()

    def _look_around(self, schedule: Schedule) -> None:
        """Start a worker in each place that has none, let those that wait know of us, and tell what each does."""
        now = time.monotonic()
        if now - self._looked < _SECONDS_BETWEEN_LOOKS:
            return
        self._looked = now
        for node in self._ray.hosts():
            for slot in slots(node, self._job):
                if slot not in self._taken and now >= self._rests.get(slot, 0):
                    self._start(slot)
        while self._left:  # in places that this run does not have
            with suppress(ValueError):
                self._ray.end(self._ray.named(self._left.pop(), Remote))
        self._speak(now)
        if self._watcher is not None:
            self._watcher(self._states(schedule))

    def _speak(self, now: float) -> None:
        """Let workers that have nothing to do know of us, and ask those of others for room where ours wait for it."""
        pause = self._patience.quiet / _WORDS
        busy = {worker.number for worker, _ in self._flights.values()}
        for worker in self._workers.values():
            if worker.number not in busy and now - worker.asked > pause:
                worker.actor.stay.remote()
                worker.asked = now
        if all(worker.ready or now - max(worker.since, self._begged) < pause for worker in self._workers.values()):
            return
        others = [name for name in self._ray.names() if not name.startswith(self._job.run)]
        if others and not self._begged:
            self._progress.note(
                f"{len(others)} workers of other commands are there; they go if their command has ended."
            )
        self._begged = now
        for name in others:
            with suppress(ValueError):
                self._ray.named(name, Remote).make_room.remote(self._patience.quiet)

    def _states(self, schedule: Schedule) -> list[dict[str, Any]]:
        """Return for each place: its worker's slice, texts done and texts a second, and how often it has failed."""
        slices: dict[Slot, int] = {}
        for worker, work in self._flights.values():
            if work is not None:
                slices.setdefault(worker.slot, work.number)
        at = {worker.slot: worker for worker in self._workers.values()}
        return [
            {
                "worker": str(slot), "address": slot.address, "does": _doing(at.get(slot), schedule),
                "slice": slices.get(slot), "errors": self._errors[slot], **_pace(at.get(slot)),
            }
            for slot in sorted(self._taken, key=str)
        ]  # fmt: skip

    def _start(self, slot: Slot) -> None:
        name = name_of(self._job.run, slot)
        actor = self._ray.actor(name, slot, Remote, self._patience.idle, self._patience.start)
        worker = _Worker(next(self._numbers), slot, actor, time.monotonic())
        self._taken.add(slot)
        self._workers[worker.number] = worker
        if name in self._left:
            self._left.remove(name)
            self._awaited.add(worker.number)
        start = actor.start.remote(__version__, self._job.load, max(1, slot.cores), self._job.shelf)
        self._flights[start] = worker, None

    def _hand_out(self, schedule: Schedule, *, queries: bool) -> Iterator[tuple[int, Encoded]]:
        """Give every worker a slice, and then another that waits beside it; yield those whose result is here.

        First the workers that were there before have to tell what they have, or are computing.
        """
        if self._awaited and time.monotonic() < self._waits_until:
            return
        while numbers := schedule.unfilled():
            for number in numbers:
                if (work := schedule.give(number, time.monotonic())) is None:
                    return
                if (found := self._found.pop(work.key, None)) is not None:
                    schedule.needless(number, work.number, time.monotonic())
                    found[0].yielded.append(work.key)
                    yield work.number, found[1]
                    continue
                self._withdraw(work.number)
                worker = self._workers[number]
                asked = worker.actor.encode.remote(work, queries, worker.stored)
                worker.asked, worker.stored = time.monotonic(), []
                self._flights[asked] = worker, work

    def _withdraw(self, number: int) -> None:
        """Tell a worker that is late with a slice, and may not have begun it, that another gets it now."""
        if number in self._late:
            for reference, (_, work) in self._flights.items():
                if work is not None and work.number == number:
                    self._ray.cancel(reference)

    def _arrived(self) -> list[Any]:
        if not self._flights:
            time.sleep(_TICK)
            return []
        return self._ray.arrived(list(self._flights), _TICK)

    def _collect(self, reference: Any, schedule: Schedule) -> Iterator[tuple[int, Encoded]]:
        """Yield a result if it is the first of its slice."""
        from ray.exceptions import RayError, RayTaskError, TaskCancelledError

        worker, work = self._flights.pop(reference, (None, None))
        if worker is None:  # it has been ended meanwhile
            return
        try:
            answer = self._ray.get(reference)
        except TaskCancelledError:
            if work is not None:
                schedule.declined(worker.number, work.number, time.monotonic())
        except RayError as error:
            hopeless = work is None and isinstance(error, RayTaskError)
            self._end(worker, reason(error), schedule, out=hopeless)
        else:
            if work is None:
                self._admit(worker, answer, schedule)
            elif isinstance(answer, str):
                self._end(worker, answer, schedule)
            else:
                self._failures.pop(worker.slot, None)
                if schedule.is_late(worker.number):
                    self._progress.note(f"{worker.slot} answers again.")
                worker.texts += len(answer.places) + len(answer.reasons)
                if schedule.finished(worker.number, work.number, time.monotonic()):
                    worker.yielded.append(work.key)
                    yield work.number, answer
                else:
                    worker.stored.append(work.key)

    def _admit(self, worker: "_Worker", answer: Ready | str, schedule: Schedule) -> None:
        """Let a worker begin whose canaries have the vectors that they have here."""
        if isinstance(answer, str):
            self._end(worker, answer, schedule, out=True)
            return
        assert self._canaries is not None
        cosine = least_cosine(self._canaries.result(), answer.canaries)
        worker.ready, worker.since = cosine >= LEAST_COSINE, time.monotonic()
        if worker.ready:
            schedule.join(worker.number)
            if worker.number in self._awaited:
                self._awaited.remove(worker.number)
                self._found |= {key: (worker, result) for key, result in answer.held.items()}
                self._progress.note(f"{worker.slot} has lost its driver and goes on; it has {len(answer.held)} slices.")
        else:  # also where it is no number
            why = f"its vectors differ from those computed here: least cosine {cosine:.4f}, bound {LEAST_COSINE}"
            self._end(worker, why, schedule, out=True)

    def _watch(self, schedule: Schedule, now: float) -> None:
        """Tell who is late, end who is silent, and the run where nobody has been there for long."""
        for number, held in schedule.overdue(now).items():
            worker = self._workers[number]
            self._progress.note(f"{worker.slot} is late with slice {held[0]}: others get it once nothing else is left.")
            self._late.update(held)
        for number in schedule.silent(now):
            why = f"it has said nothing for {duration(self._patience.silent)}"
            self._end(self._workers[number], why, schedule)
        for worker in list(self._workers.values()):
            if not worker.ready and now - worker.since > self._patience.start:
                why = f"it has not loaded the model in {duration(self._patience.start)}"
                self._end(worker, why, schedule, out=True)
        if self._workers:
            self._seen = now
        elif now - self._seen > self._patience.grace:
            raise KnowscapeError(
                f"The Ray cluster at {self._ray.address} has had no worker for {duration(self._patience.grace)}. "
                f"{self._why} What was committed stays; the same command continues."
            )

    def _end(self, worker: "_Worker", why: str, schedule: Schedule, *, out: bool = False) -> None:
        """End a worker; unless it is `out` another takes its place, after a rest that doubles while none gets far."""
        self._stop(worker)
        slot = worker.slot
        self._failures[slot] += 1
        self._errors[slot] += 1
        rest = 2.0 ** min(self._failures[slot], _DOUBLINGS) if self._failures[slot] > 1 else 0
        if slot.node not in {node["NodeID"] for node in self._ray.hosts()}:
            became = "is gone with its host"
        elif out:
            self._taken.add(slot)
            became = "is left out"
        else:
            self._rests[slot] = time.monotonic() + rest
            became = f"is started anew in {duration(rest)}" if rest else "is started anew"
        self._why = f"{slot} {became}: {why}."
        self._progress.note(self._why)
        schedule.lost(worker.number, self._why)

    def _stop(self, worker: "_Worker") -> None:
        self._ray.end(worker.actor)
        del self._workers[worker.number]
        self._awaited.discard(worker.number)
        self._flights = {ref: flight for ref, flight in self._flights.items() if flight[0] is not worker}
        self._taken.remove(worker.slot)


@dataclass(eq=False, slots=True)
class _Worker:
    """An actor in its place, since when it is there, or may have work, whether it may, and how many texts are done.

    It keeps its results until it knows that they are stored: those that were yielded, and those that are stored by now.
    """

    number: int
    slot: Slot
    actor: Any
    since: float
    ready: bool = False
    texts: int = 0
    asked: float = field(default_factory=time.monotonic)
    yielded: list[str] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)


def _doing(worker: _Worker | None, schedule: Schedule) -> str:
    if worker is None:
        return "left out"
    if not worker.ready:
        return "loads the model"
    return "late" if schedule.is_late(worker.number) else "embeds"


def _pace(worker: _Worker | None) -> dict[str, Any]:
    texts = worker.texts if worker is not None and worker.ready else 0
    seconds = time.monotonic() - worker.since if worker is not None else 0.0
    return {"texts": texts, "rate": texts / seconds if seconds else 0.0}
