"""Encode slices on a Ray cluster: a worker for each GPU, or one for the cores of a host.

Ray starts processes and moves texts and vectors; what is done is known by the driver alone, which commits it.
"""

import logging
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape import __version__
from knowscape.embed.executors import Work
from knowscape.embed.places import Job, Slot, slots
from knowscape.embed.remote import LEAST_COSINE, Remote, least_cosine
from knowscape.embed.schedule import Patience, Schedule
from knowscape.embed.worker import Encoded
from knowscape.encoders.engine import CANARIES
from knowscape.errors import KnowscapeError, MissingExtraError, UsageError, first_line
from knowscape.progress import SILENT, Progress, duration
from knowscape.ray_environment import ENVIRONMENT

__all__ = ["RayWorkers"]

_DOUBLINGS, _MOST_SAID = 9, 300
_SECONDS_BETWEEN_LOOKS, _TICK = 1.0, 0.2


class RayWorkers:
    """An executor on the Ray cluster at `address`, as Ray takes it: ray://HOST:PORT, HOST:PORT, auto or local.

    Hosts may join and leave while it runs.  A worker has to give the canaries the driver's vectors before it gets work.
    `watch` is told every second what each worker does.
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
        self._address, self._job, self._patience, self._progress = address, job, patience, progress
        self._watcher = watch
        self._workers: dict[int, _Worker] = {}
        self._flights: dict[Any, tuple[_Worker, int | None]] = {}  # by Ray's reference; a load has no slice
        self._taken: set[Slot] = set()
        self._late: set[int] = set()  # slices that a worker was late with
        self._failures: Counter[Slot] = Counter()
        self._rests: dict[Slot, float] = {}  # until when
        self._errors: Counter[Slot] = Counter()
        self._numbers, self._looked, self._seen, self._why = count(), 0.0, 0.0, "No host offers a GPU or a core."
        self._canaries: NDArray[np.float32] | None = None
        self._connected = False

    def encode(self, slices: Iterable[Work], *, queries: bool = False) -> Iterator[tuple[int, Encoded]]:
        """Yield the slices as they are done.

        KnowscapeError where no worker is left, six end over one slice, or the cluster is away for long; UsageError
        where none answers at first.
        """
        source = iter(slices)
        if (first := next(source, None)) is None:
            return
        schedule = Schedule(chain([first], source), self._patience)
        try:
            self._connect()
            while not schedule.complete:
                try:
                    yield from self._encode(schedule, queries=queries)
                except _errors_of_connection() as error:
                    self._connect_again(schedule, error)
        except BaseException:  # also where the caller wants no more: what runs is of no use
            self.close()
            raise

    def close(self) -> None:
        """End the workers, and leave the cluster."""
        for worker in self._workers.values():
            if _ray().is_initialized():  # else Ray would start one of its own
                with suppress(*_errors_of_connection()):
                    _ray().kill(worker.actor)
        self._workers, self._flights, self._taken = {}, {}, set()
        if self._connected:
            _ray().shutdown()
        self._connected = False

    def _encode(self, schedule: Schedule, *, queries: bool) -> Iterator[tuple[int, Encoded]]:
        self._looked, self._seen, self._late = 0.0, time.monotonic(), set()
        for worker in self._workers.values():  # of a run before
            if worker.ready:
                schedule.join(worker.number)
        while not schedule.complete:
            self._look_around(schedule)
            self._hand_out(schedule, queries=queries)
            asked = time.monotonic()
            for reference in self._arrived():
                yield from self._collect(reference, schedule)
                self._hand_out(schedule, queries=queries)
            # By the time of the question: what has come since then waits for the driver, and nobody is late for that.
            self._watch(schedule, asked)
        for worker in {worker.number: worker for worker, _ in self._flights.values() if worker.ready}.values():
            self._stop(worker)  # it computes what another has done

    def _connect(self) -> None:
        for name, value in ENVIRONMENT.items():  # Ray reads them as it is imported
            os.environ.setdefault(name, value)
        # The workers of a driver that was killed, or cut off for a minute, end at once, and not half a minute later.
        os.environ.setdefault("RAY_CLIENT_RECONNECT_GRACE_PERIOD", "0")
        for part in ("dataclient", "logsclient"):  # what they print is raised, too
            logging.getLogger(f"ray.util.client.{part}").disabled = True
        ray = _ray()
        if ray.is_initialized():
            return
        try:
            ray.init(self._address, log_to_driver=False, logging_level=logging.ERROR)
        except (AssertionError, OSError, RuntimeError, ValueError) as error:
            raise UsageError(
                f"No Ray cluster answers at {self._address!r} ({_reason(error)}). Accepted: ray://HOST:10001, "
                "HOST:6379, auto, local. Start one with: ray start --head --disable-usage-stats"
            ) from error
        self._connected = True

    def _connect_again(self, schedule: Schedule, error: Exception) -> None:
        """Connect to a cluster that answered no more, and has ended its workers; KnowscapeError where it stays away."""
        why = f"The Ray cluster at {self._address} does not answer any more: {_said(error)}."
        self._progress.note(f"{why} Its workers are started anew when it does.")
        for number in self._workers:
            schedule.lost(number, why)
        self._workers, self._flights, self._taken = {}, {}, set()
        end = time.monotonic() + self._patience.silent
        while self._connected:  # else it is the caller's connection
            _ray().shutdown()
            try:
                return self._connect()
            except UsageError:
                if time.monotonic() > end:
                    break
                time.sleep(_SECONDS_BETWEEN_LOOKS)
        raise KnowscapeError(f"{why} What was committed stays; the same command continues.") from error

    def _look_around(self, schedule: Schedule) -> None:
        """Start a worker in each place that has none, and tell what each does."""
        if time.monotonic() - self._looked < _SECONDS_BETWEEN_LOOKS:
            return
        self._looked = time.monotonic()
        for node in _hosts():
            for slot in slots(node, self._job):
                if slot not in self._taken and time.monotonic() >= self._rests.get(slot, 0):
                    self._start(slot)
        if self._watcher is not None:
            self._watcher(self._states(schedule))

    def _states(self, schedule: Schedule) -> list[dict[str, Any]]:
        """Return for each place: its worker's slice, texts done and texts a second, and how often it has failed."""
        slices: dict[Slot, int] = {}
        for worker, number in self._flights.values():
            if number is not None:
                slices.setdefault(worker.slot, number)
        at = {worker.slot: worker for worker in self._workers.values()}
        return [
            {
                "worker": str(slot), "address": slot.address, "does": _doing(at.get(slot), schedule),
                "slice": slices.get(slot), "errors": self._errors[slot], **_pace(at.get(slot)),
            }
            for slot in sorted(self._taken, key=str)
        ]  # fmt: skip

    def _start(self, slot: "Slot") -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = NodeAffinitySchedulingStrategy(slot.node, soft=False)
        cores, gpus = slot.cores if slot.gpus == 0 else 0, slot.gpus
        made = _ray().remote(num_cpus=cores, num_gpus=gpus, max_restarts=0, scheduling_strategy=there)(Remote)
        worker = _Worker(next(self._numbers), slot, made.remote(), time.monotonic())
        self._taken.add(slot)
        self._workers[worker.number] = worker
        start = worker.actor.start.remote(__version__, self._job.load, max(1, slot.cores), self._job.shelf)
        self._flights[start] = worker, None

    def _hand_out(self, schedule: Schedule, *, queries: bool) -> None:
        """Give every worker a slice, and then another that waits beside it."""
        while numbers := schedule.unfilled():
            for number in numbers:
                if (work := schedule.give(number, time.monotonic())) is None:
                    return
                worker, (piece, texts, ids) = self._workers[number], work
                self._withdraw(piece)
                self._flights[worker.actor.encode.remote(texts, ids, queries)] = worker, piece

    def _withdraw(self, number: int) -> None:
        """Tell a worker that is late with a slice, and may not have begun it, that another gets it now."""
        if number in self._late:
            for reference, (_, waiting) in self._flights.items():
                if waiting == number:
                    _ray().cancel(reference)  # one that runs runs on

    def _arrived(self) -> list[Any]:
        """Wait a little for an answer, and return all that are here: with many workers each look takes its time."""
        if not self._flights:
            time.sleep(_TICK)
            return []
        flights = list(self._flights)
        if not _ray().wait(flights, timeout=_TICK)[0]:
            return []
        arrived: list[Any] = _ray().wait(flights, num_returns=len(flights), timeout=0)[0]
        return arrived

    def _collect(self, reference: Any, schedule: Schedule) -> Iterator[tuple[int, Encoded]]:
        """Yield a result if it is the first of its slice."""
        from ray.exceptions import RayError, RayTaskError, TaskCancelledError

        worker, number = self._flights.pop(reference, (None, None))
        if worker is None:  # it has been ended meanwhile
            return
        try:
            answer = _ray().get(reference)
        except TaskCancelledError:
            if number is not None:
                schedule.declined(worker.number, number, time.monotonic())
        except RayError as error:
            hopeless = number is None and isinstance(error, RayTaskError)
            self._end(worker, _reason(error), schedule, out=hopeless)
        else:
            if number is None:
                self._admit(worker, answer, schedule)
            elif isinstance(answer, str):
                self._end(worker, answer, schedule)
            else:
                self._failures.pop(worker.slot, None)
                if schedule.is_late(worker.number):
                    self._progress.note(f"{worker.slot} answers again.")
                worker.texts += len(answer.places) + len(answer.reasons)
                if schedule.finished(worker.number, number, time.monotonic()):
                    yield number, answer

    def _admit(self, worker: "_Worker", answer: NDArray[np.float32] | str, schedule: Schedule) -> None:
        """Let a worker begin whose canaries have the vectors that they have here."""
        if isinstance(answer, str):
            self._end(worker, answer, schedule, out=True)
            return
        if self._canaries is None:
            self._canaries = self._job.reference().encode_documents(list(CANARIES))
        cosine = least_cosine(self._canaries, answer)
        worker.ready, worker.since = cosine >= LEAST_COSINE, time.monotonic()
        if worker.ready:
            schedule.join(worker.number)
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
                f"The Ray cluster at {self._address} has had no worker for {duration(self._patience.grace)}. "
                f"{self._why} What was committed stays; the same command continues."
            )

    def _end(self, worker: "_Worker", why: str, schedule: Schedule, *, out: bool = False) -> None:
        """End a worker; unless it is `out` another takes its place, after a rest that doubles while none gets far."""
        self._stop(worker)
        slot = worker.slot
        self._failures[slot] += 1
        self._errors[slot] += 1
        rest = 2.0 ** min(self._failures[slot], _DOUBLINGS) if self._failures[slot] > 1 else 0
        if slot.node not in {node["NodeID"] for node in _hosts()}:
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
        _ray().kill(worker.actor)
        del self._workers[worker.number]
        self._flights = {ref: flight for ref, flight in self._flights.items() if flight[0] is not worker}
        self._taken.remove(worker.slot)


@dataclass(eq=False, slots=True)
class _Worker:
    """An actor in its place, since when it is there, or may have work, whether it may, and how many texts are done."""

    number: int
    slot: Slot
    actor: Any
    since: float
    ready: bool = False
    texts: int = 0


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


def _errors_of_connection() -> tuple[type[Exception], ...]:
    """Return what Ray raises where its head is out of reach."""
    _ray()
    from grpc import RpcError

    return ConnectionError, RpcError


def _said(error: Exception) -> str:
    """Return what an error of the connection says; gRPC's own begins with a heading."""
    return str(error.details() if hasattr(error, "details") else first_line(error)).rstrip(".")


def _hosts() -> list[dict[str, Any]]:
    """Return the cluster's hosts, as Ray tells of them."""
    return [node for node in _ray().nodes() if node["Alive"]]


def _reason(error: Exception) -> str:
    """Return what befell a worker: its own error, or what Ray tells behind its heading and list of numbers."""
    lines = [line.strip() for line in str(getattr(error, "cause", None) or error).splitlines() if line[:1] != "\t"]
    return " ".join(lines[1:] or lines)[:_MOST_SAID].rstrip(". ")


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("A Ray cluster", "ray") from error
    return ray
