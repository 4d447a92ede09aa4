"""Simulate the scheduler of a cluster: 1,000 workers, 1 B texts, faults; what the driver does, and who waits.

    python benchmarks/cluster_scale.py [--workers 1000] [--rows 1000000000] [--rate 50 200] [--seed 0]

The schedule is the real one, `knowscape.embed.schedule`; clock, network, hosts and faults are simulated, so a run is
the same for the same seed.  The driver is one thread that takes what has come, commits, and hands out, as the loop of
`ray_run` does.  What its steps cost is in `Costs`, as measured by `cluster_costs.py`.

Workers: a median rate each, log-normal with a sigma of 0.35 (one in forty is half as fast), and 10 % from slice to
slice.  During the run, at random times, 20 % of them die and are replaced after `load` seconds, 1 % freeze for good,
2 % stand still for 60 s, 2 % are cut off for 60 s, 1 % are slower by 8 from then on.
"""

import argparse
import heapq
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from knowscape.embed.executors import Work
from knowscape.embed.schedule import Patience, Schedule

TICK, NOBODY = 0.2, -1


@dataclass(frozen=True)
class Costs:
    """Seconds of the driver's thread, as cluster_costs.py measured them on two cores, and what its host can do."""

    hand_out: float = 1.5e-3  # a slice of 2,048 texts made, named and put into Ray's object store
    look: float = 0.2e-6  # for each slice under way, each time it asks what has come
    take: float = 0.4e-3  # a result out of Ray's object store
    note: float = 0.1e-3  # a result without vectors
    row: float = 2.1e-6  # of a commit: joined, checked, as Parquet, digested
    commit: float = 0.045  # fsync and rename, of part and manifest
    part: float = 38e-6  # of a commit for each part that the manifest names
    manifest: int = 180  # bytes of a part in the manifest
    vector: float = 1576 - 4 * 384  # bytes of a row in a part beside its vector
    network: float = 1.25e9  # bytes a second each way: 10 Gbit/s
    disk: float = 1e9  # bytes a second: an NVMe drive
    latency: float = 0.5e-3
    store: float = 0.1  # to put an object into an object store, beside its bytes
    upload: float = 100e6  # bytes a second from one host into an object store


@dataclass(frozen=True)
class Faults:
    """Shares of the workers that die, freeze, stand still for a while, are cut off for a while, become slow."""

    die: float = 0.2
    freeze: float = 0.01
    pause: float = 0.02
    cut: float = 0.02
    slow: float = 0.01
    seconds: float = 60.0
    slower: float = 8.0
    noticed: float = 2.0  # after which Ray tells of a dead process


@dataclass(frozen=True)
class Setting:
    """What is run: slices of texts by workers of a median rate in texts a second, and who writes the vectors."""

    workers: int = 1000
    slices: int = 488_282
    slice_rows: int = 2048
    rate: float = 700.0
    spread: float = 0.35
    jitter: float = 0.1
    load: float = 20.0
    dimension: int = 384
    text_bytes: int = 280
    parts_by_workers: bool = False
    commit_rows: int = 8192
    commit_seconds: float = 30.0


@dataclass
class Found:
    """What came of it: seconds, and counts; `idle` of the seconds that workers were `there`, `starved` before the end.

    The end begins when the last slice is handed out; then workers have nothing to do but to wait for the others.
    """

    seconds: float = 0.0
    ideal: float = 0.0
    counted: int = 0
    dropped: int = 0
    faults: int = 0
    commits: int = 0
    parts: int = 0
    thread: float = 0.0
    committing: float = 0.0
    received: float = 0.0
    sent: float = 0.0
    idle: float = 0.0
    starved: float = 0.0
    there: float = 0.0


@dataclass(eq=False)
class Worker:
    """A simulated worker: its slices, and until when it stands still or is cut off."""

    number: int
    rate: float
    ready: float
    held: deque[int] = field(default_factory=deque)
    cancelled: set[int] = field(default_factory=set)
    computing: int = NOBODY
    turn: int = 0
    ends: float = 0.0
    still: float = 0.0
    cut: float = 0.0
    empty: float = 0.0
    alive: bool = True


class Simulation:
    """A run; `events` are (time, order, what to do, with what)."""

    def __init__(
        self, setting: Setting, faults: Faults = Faults(), costs: Costs = Costs(), *, seed: int = 0,
        patience: Patience = Patience(),
    ) -> None:  # fmt: skip
        self.setting, self.faults, self.costs, self.found = setting, faults, costs, Found()
        self.random = random.Random(seed)
        text = ["a text"]
        self.schedule = Schedule((Work(number, text, [], "") for number in range(setting.slices)), patience)
        self.events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self.order = 0
        self.workers: dict[int, Worker] = {}
        self.counts = bytearray(setting.slices)
        self.inbox: deque[tuple[int, int, str]] = deque()
        self.asleep, self.incoming, self.outgoing, self.ending = True, 0.0, 0.0, float("inf")
        self.rows, self.fresh, self.committed, self.under_way = 0, 0, 0.0, 0
        self.late: dict[int, int] = {}  # the worker that is late with a slice
        self.joined: dict[int, int] = {}  # slices under way by worker, as the driver knows
        self.speeds = [setting.rate * self.random.lognormvariate(0, setting.spread) for _ in range(setting.workers)]
        self.found.ideal = setting.slices * setting.slice_rows / sum(self.speeds)

    def run(self) -> Found:
        """Return what came of it."""
        for speed in self.speeds:
            self._join(0.0, speed)
        self._plan_faults()
        self._at(TICK, self._tick)
        while not self.schedule.complete:
            now, _, what, arguments = heapq.heappop(self.events)
            what(now, *arguments)
        found = self.found
        for worker in self.workers.values():
            self._leave(worker, found.seconds)
        return found

    def _at(self, when: float, what: Callable[..., None], *arguments: Any) -> None:
        self.order += 1
        heapq.heappush(self.events, (when, self.order, what, arguments))

    # Workers.

    def _join(self, now: float, speed: float) -> None:
        number = len(self.workers)
        worker = self.workers[number] = Worker(number, speed, now + self.setting.load)
        worker.empty = worker.ready
        self._at(worker.ready, self._arrive, number, NOBODY, "ready")

    def _leave(self, worker: Worker, now: float) -> None:
        """Close a worker's account."""
        if worker.alive:
            worker.alive = False
            self.found.there += max(0.0, now - worker.ready)
            if worker.computing == NOBODY:
                self._wait(worker, now)

    def _wait(self, worker: Worker, now: float) -> None:
        """Take note that a worker has had nothing to do."""
        self.found.idle += max(0.0, now - worker.empty)
        self.found.starved += max(0.0, min(now, self.ending) - worker.empty)

    def _get(self, now: float, number: int, piece: int) -> None:
        """A slice has come to a worker."""
        worker = self.workers[number]
        if not worker.alive:
            return
        if now < worker.cut:
            self._at(worker.cut, self._get, number, piece)
            return
        worker.held.append(piece)
        if worker.computing == NOBODY:
            self._begin(now, worker)

    def _begin(self, now: float, worker: Worker) -> None:
        while worker.held and worker.held[0] in worker.cancelled:
            piece = worker.held.popleft()
            worker.cancelled.discard(piece)
            self._send(now, worker, piece, "declined")
        if not worker.held:
            worker.computing, worker.empty = NOBODY, now
            return
        if worker.empty:
            self._wait(worker, now)
            worker.empty = 0.0
        worker.computing = worker.held.popleft()
        setting = self.setting
        takes = setting.slice_rows / worker.rate * self.random.gauss(1, setting.jitter)
        if setting.parts_by_workers:
            takes += self.costs.store + self._part_bytes() / self.costs.upload
        self._work(max(now, worker.still) + takes, worker)

    def _work(self, ends: float, worker: Worker) -> None:
        worker.turn, worker.ends = worker.turn + 1, ends
        self._at(ends, self._end, worker.number, worker.turn)

    def _end(self, now: float, number: int, turn: int) -> None:
        """A worker has computed a slice, unless something has come between."""
        worker = self.workers[number]
        if worker.alive and worker.turn == turn:
            self._send(now, worker, worker.computing, "done")
            self._begin(now, worker)

    def _send(self, now: float, worker: Worker, piece: int, what: str) -> None:
        leaves = max(now, worker.cut)
        if what == "done" and not self.setting.parts_by_workers:
            bytes_there = self.setting.slice_rows * 4 * self.setting.dimension
            if worker.cut > now:
                self._at(leaves, self._pull, worker.number, piece, bytes_there)
            else:
                self._pull(now, worker.number, piece, bytes_there)
        else:
            self._at(leaves + self.costs.latency, self._arrive, worker.number, piece, what)

    def _pull(self, now: float, number: int, piece: int, size: int) -> None:
        """Vectors cross the driver's network, one after the other."""
        takes = size / self.costs.network
        self.incoming = max(self.incoming, now) + takes
        self.found.received += takes
        self._at(self.incoming + self.costs.latency, self._arrive, number, piece, "done")

    def _part_bytes(self) -> float:
        return self.setting.slice_rows * (4 * self.setting.dimension + self.costs.vector)

    # Faults.

    def _plan_faults(self) -> None:
        faults, chosen = self.faults, list(self.workers)
        self.random.shuffle(chosen)
        for share, what in (
            (faults.die, self._die), (faults.freeze, self._freeze), (faults.pause, self._pause),
            (faults.cut, self._cut), (faults.slow, self._slow),
        ):  # fmt: skip
            for _ in range(round(share * self.setting.workers)):
                number = chosen.pop()
                self._at(self.setting.load + self.random.random() * self.found.ideal, self._strike, number, what)

    def _strike(self, now: float, number: int, what: Callable[[float, Worker], None]) -> None:
        worker = self.workers[number]
        if worker.alive and now >= worker.ready:
            self.found.faults += 1
            what(now, worker)

    def _die(self, now: float, worker: Worker) -> None:
        self._leave(worker, now)
        self._at(now + self.faults.noticed, self._arrive, worker.number, NOBODY, "lost")

    def _freeze(self, now: float, worker: Worker) -> None:
        worker.turn += 1
        worker.still = float("inf")

    def _pause(self, now: float, worker: Worker) -> None:
        worker.still = now + self.faults.seconds
        if worker.computing != NOBODY:
            self._work(worker.ends + self.faults.seconds, worker)

    def _cut(self, now: float, worker: Worker) -> None:
        worker.cut = now + self.faults.seconds

    def _slow(self, now: float, worker: Worker) -> None:
        worker.rate /= self.faults.slower
        if worker.computing != NOBODY:
            self._work(now + (worker.ends - now) * self.faults.slower, worker)

    # The driver.

    def _arrive(self, now: float, number: int, piece: int, what: str) -> None:
        self.inbox.append((number, piece, what))
        if self.asleep:
            self.asleep = False
            self._loop(now)

    def _tick(self, now: float) -> None:
        if self.asleep:
            self._watch(now)
            self._hand_out(now)
        self._at(now + TICK, self._tick)

    def _loop(self, now: float) -> None:
        """Take all that has come, as the driver's loop does, and come back when that is done."""
        if not self.inbox:
            self.asleep = True
            return
        clock = now + self.costs.look * self.under_way
        for _ in range(len(self.inbox)):
            clock = self._hand_out(self._take(clock, *self.inbox.popleft()))
            self.found.seconds = clock
            if self.schedule.complete:
                break
        self._watch(now)
        self.found.thread += clock - now
        self._at(clock, self._loop)

    def _take(self, clock: float, number: int, piece: int, what: str) -> float:
        if what == "ready":
            self.schedule.join(number)
            self.joined[number] = 0
            return clock
        if what == "lost":
            self._lose(clock, number)
            return clock
        if number not in self.joined:
            return clock
        self.under_way, self.joined[number] = self.under_way - 1, self.joined[number] - 1
        if what == "declined":
            self.schedule.declined(number, piece, clock)
            return clock + self.costs.note
        clock += self.costs.note if self.setting.parts_by_workers else self.costs.take
        if not self.schedule.finished(number, piece, clock):
            self.found.dropped += 1
            return clock
        self.counts[piece] += 1
        self.found.counted += 1
        self.rows += self.setting.slice_rows
        self.fresh += self.setting.parts_by_workers
        full = not self.setting.parts_by_workers and self.rows >= self.setting.commit_rows
        if full or clock - self.committed > self.setting.commit_seconds or self.schedule.complete:
            clock = self._commit(clock)
        return clock

    def _commit(self, clock: float) -> float:
        costs, found, before = self.costs, self.found, clock
        if self.setting.parts_by_workers:
            found.parts += self.fresh
            clock += costs.store + found.parts * costs.manifest / costs.upload
        else:
            found.parts += 1
            written = self.rows * (4 * self.setting.dimension + costs.vector) + found.parts * costs.manifest
            clock += costs.commit + self.rows * costs.row + written / costs.disk
        clock += found.parts * costs.part
        found.commits += 1
        found.committing += clock - before
        self.rows, self.fresh, self.committed = 0, 0, clock
        return clock

    def _hand_out(self, clock: float) -> float:
        while numbers := self.schedule.unfilled():
            for number in numbers:
                if (work := self.schedule.give(number, clock)) is None:
                    self.ending = min(self.ending, clock)
                    return clock
                self.under_way, self.joined[number] = self.under_way + 1, self.joined[number] + 1
                clock += self.costs.hand_out
                takes = self.setting.slice_rows * self.setting.text_bytes / self.costs.network
                self.outgoing = max(self.outgoing, clock) + takes
                self.found.sent += takes
                self._at(self.outgoing + self.costs.latency, self._get, number, work[0])
                if work[0] in self.late:  # whoever is late with it may not have begun it
                    self._at(clock + self.costs.latency, self._cancel, self.late.pop(work[0]), work[0])
        return clock

    def _watch(self, now: float) -> None:
        for number, held in self.schedule.overdue(now).items():
            self.late.update(dict.fromkeys(held, number))
        for number in self.schedule.silent(now):
            self._leave(self.workers[number], now)
            self._lose(now, number)

    def _cancel(self, now: float, number: int, piece: int) -> None:
        worker = self.workers[number]
        if not worker.alive:
            return
        if now < worker.cut:
            self._at(worker.cut, self._cancel, number, piece)
        elif piece in worker.held:
            worker.cancelled.add(piece)

    def _lose(self, now: float, number: int) -> None:
        """Forget a worker, and start another in its place."""
        if number in self.joined:
            self.under_way -= self.joined.pop(number)
            self.schedule.lost(number, "It died.")
            self._join(now, self.workers[number].rate)


HEADS = (
    "texts/s each", "who writes", "at best", "it takes", "workers wait", "driver is busy", "with commits",
    "network in", "commits", "parts", "faults", "computed twice",
)  # fmt: skip


def row(title: str, setting: Setting, found: Found) -> str:
    """Return what a run came to, as a row of a table."""
    shares = found.idle / found.there, *(
        part / found.seconds for part in (found.thread, found.committing, found.received)
    )  # fmt: skip
    cells = [
        f"{setting.rate:,.0f}", title, f"{found.ideal / 60:,.0f} min", f"{found.seconds / 60:,.0f} min",
        *(f"{share:.1%}" for share in shares),
        *(f"{count:,}" for count in (found.commits, found.parts, found.faults, found.dropped)),
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=1_000_000_000)
    parser.add_argument("--rate", type=float, nargs="*", default=[50, 200, 700, 2500])
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(f"| {' | '.join(HEADS)} |\n|{'---|' * len(HEADS)}", flush=True)
    start, large = time.process_time(), max(8192, given.rows // 4096)
    for rate in given.rate:
        setting = Setting(given.workers, -(-given.rows // 2048), rate=rate, commit_rows=large)
        ways = {
            f"the driver, {large:,} rows a part": setting,
            "the workers, a manifest every 30 s": replace(setting, parts_by_workers=True),
        }
        if rate == given.rate[0] and large > 8192:
            ways["the driver, 8,192 rows a part"] = replace(setting, commit_rows=8192)
        for title, one in ways.items():
            print(row(title, one, Simulation(one, seed=given.seed).run()), flush=True)
    print(f"Simulated in {time.process_time() - start:.0f} s of one core.")


if __name__ == "__main__":
    main()
