"""Measure what the driver of a Ray cluster does for each slice, which `cluster_scale.py` takes for its simulation.

    python benchmarks/cluster_costs.py

Medians in milliseconds: CPU time of the driver's thread and of its process, and time by the clock, which on a busy
machine is longer.  Ray is started here, with an actor that answers at once.
"""

import hashlib
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import ray

from knowscape.embed.executors import Work
from knowscape.embed.plan import plan_slices
from knowscape.embed.run import Texts, work_of
from knowscape.embed.worker import Encoded
from knowscape.store.manifest import PartFolder
from knowscape.store.parts import Part
from knowscape.store.vectors import VectorStore

DIMENSION, SLICE_ROWS, TURNS = 384, 2048, 5
CLOCKS = time.thread_time, time.process_time, time.perf_counter


class Remote:
    """A worker that computes nothing."""

    def encode(self, work: Work, queries: bool, stored: list[str]) -> Encoded:
        return Encoded(np.arange(len(work.texts)), np.ones((len(work.texts), DIMENSION), np.float32), {})

    def wait(self) -> None:
        time.sleep(1000)


def cost(name: str, run: Callable[[], Any], before: Callable[[], Any] = lambda: None) -> str:
    """Return the medians of some turns as a line."""
    taken = []
    for _ in range(TURNS):
        before()
        starts = [clock() for clock in CLOCKS]
        run()
        taken.append([1000 * (clock() - start) for clock, start in zip(CLOCKS, starts, strict=True)])
    thread, process, wall = (statistics.median(column) for column in zip(*taken, strict=True))
    return f"{name:<42} thread {thread:10.3f}  process {process:10.3f}  clock {wall:10.3f}"


def through_ray() -> Iterator[str]:
    ray.init("local", num_cpus=1, include_dashboard=False, log_to_driver=False, object_store_memory=500_000_000)
    actor, texts = ray.remote(num_cpus=0)(Remote).remote(), [f"{row:0280d}" for row in range(SLICE_ROWS)]
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    these, part = Texts(texts, digests, digests), plan_slices(digests, set())[0]

    def hand_out() -> Any:
        return actor.encode.remote(work_of(these, 0, part), False, [])

    held: deque[Any] = deque([hand_out()], maxlen=1)
    ray.get(held[0])
    yield cost("hand out a slice of 2,048 texts", lambda: held.append(hand_out()))
    yield cost("take a result, 3.1 MB", lambda: ray.get(held[0]), lambda: ray.wait(list(held)))
    waiting = [actor.wait.remote() for _ in range(2000)]
    yield cost("look at 2,000 slices under way", lambda: ray.wait(waiting, num_returns=2000, timeout=0))
    ray.shutdown()


def commits(rows: int) -> str:
    pieces = np.random.default_rng(0).standard_normal((rows, DIMENSION), np.float32)
    digests = [hashlib.sha256(str(row).encode()).hexdigest() for row in range(rows)]
    with tempfile.TemporaryDirectory(prefix="knowscape-") as name:
        store = VectorStore(Path(name) / "vectors" / "x")
        with store.writing({"dimension": DIMENSION}) as append:

            def commit() -> None:
                pieces[0, 0] += 1
                append(digests, digests, np.concatenate(np.array_split(pieces, rows // SLICE_ROWS)))

            return cost(f"commit {rows:,} rows", commit)


def commits_after(count: int) -> str:
    """Commit one row into a folder that has so many parts already."""
    digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(count)]
    parts = [Part(f"part-{found[:16]}.parquet", 8192, 12_910_000, f"blake3:{found}") for found in digests]
    rows = iter(range(count))
    with tempfile.TemporaryDirectory(prefix="knowscape-") as name:
        folder = Path(name) / "vectors" / "x"
        folder.mkdir(parents=True)
        for part in parts:
            (folder / part.file).touch()
        with PartFolder(folder).writing() as writer:
            writer.restate(parts, {"dimension": DIMENSION})

            def commit() -> None:
                writer.append(pa.table({"id": [str(next(rows))]}), {"dimension": DIMENSION})

            for _ in range(3):  # the last three manifests are kept, and each commit reads them
                commit()
            size = max(path.stat().st_size for path in folder.glob("manifest-*.json"))
            return cost(f"commit a row after {count:,} parts, {size / 1e6:.1f} MB", commit)


def main() -> None:
    for line in through_ray():
        print(line, flush=True)
    for rows in (8192, 131_072):
        print(commits(rows), flush=True)
    for count in (1000, 10_000, 100_000):
        print(commits_after(count), flush=True)


if __name__ == "__main__":
    main()
