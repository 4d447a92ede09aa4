"""Measure what a Ray cluster costs: two workers of a core each, against the local pipeline on two cores.

    python benchmarks/cluster.py mixed-250k.parquet [--limit 60000] [--turns 3] [--workers 2] [--model all-MiniLM-L6-v2]

Both embed the same texts into a new atlas, in a process of its own, by turns.  Ray is started before its turn and ended
after it; the time of a run has the start of the workers, their loading of the model, the canaries and the commits.
A second rate is that from the first result on: what a longer run comes near to.  Because another process on the machine
changes both, the seconds of all cores together that a thousand texts took are told as well, from Linux's own account of
every process that took part.  Says, too, whether the vectors are the same bytes.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import numpy as np
import ray

import knowscape

RUN = r"""
import json, sys, time
from contextlib import contextmanager
from pathlib import Path
from knowscape.atlas import Atlas
from knowscape.build import embed_corpus, put_corpus
from knowscape.corpus.readers import read_corpus
from knowscape.embedding import EmbedOptions
from knowscape.store.atlas import AtlasFolder
class Watch:
    first = None
    @contextmanager
    def stage(self, name, *, total=None, done=0):
        yield self
    def advance(self, count=1):
        self.first = self.first or (time.perf_counter(), count)
    def note(self, message):
        print(message, file=sys.stderr)
corpus, out, limit, model, on, workers = sys.argv[1:]
folder = AtlasFolder.create(Path(out))
put_corpus(folder, read_corpus(corpus, limit=int(limit)))
atlas, watch = Atlas(folder), Watch()
atlas.corpus.texts
options = EmbedOptions(cache=False, on=on, workers=int(workers)) if on else EmbedOptions(cache=False)
start = time.perf_counter()
done = embed_corpus(atlas, model, options, progress=watch).computed
end, (first, count) = time.perf_counter(), watch.first
print(json.dumps([done / (end - start), (done - count) / (end - first)]))
"""
WHAT = ("texts/s", "texts/s from the first result on", "core seconds for 1,000 texts")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--limit", type=int, default=60_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    given = parser.parse_args()
    found: dict[str, list[list[float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="knowscape-") as folder:
        for turn in range(given.turns):
            for name in ("local", "cluster"):
                found[name].append(measure(given, Path(folder, f"{name}-{turn}.atlas"), on_ray=name == "cluster"))
                print(f"{name}:", *(f"{value:.2f} {what};" for value, what in zip(found[name][-1], WHAT, strict=True)))
                sys.stdout.flush()
        local, cluster = (knowscape.open(Path(folder, f"{name}-0.atlas")).vectors() for name in found)
        same = local.tobytes() == cluster.tobytes()
    for column, what in enumerate(WHAT):
        here, there = (np.median([turn[column] for turn in turns]) for turns in found.values())
        print(f"median {what}: local {here:.2f}, cluster {there:.2f}, ratio {there / here:.3f}")
    print(f"same bytes: {same}")


def measure(given: argparse.Namespace, out: Path, *, on_ray: bool) -> list[float]:
    """Embed once; returns what WHAT says."""
    address = (
        ray.init("local", num_cpus=given.workers, include_dashboard=False).address_info["gcs_address"] if on_ray else ""
    )
    words = [given.corpus, out, given.limit, given.model, address, given.workers]
    before, ended = core_seconds(), resource.getrusage(resource.RUSAGE_CHILDREN)
    seen = dict(before)
    with subprocess.Popen([sys.executable, "-c", RUN, *map(str, words)], stdout=subprocess.PIPE, text=True) as run:
        while run.poll() is None:  # nobody keeps the account of Ray's workers when they have ended
            seen |= core_seconds()
            time.sleep(0.1)
        rates = json.loads(run.stdout.read())  # type: ignore[union-attr]
    seen.pop(run.pid, None)  # whose account is exact, and is the system's
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = sum(seen.values()) - sum(before.values()) + now.ru_utime + now.ru_stime - ended.ru_utime - ended.ru_stime
    ray.shutdown()
    return [*rates, took / given.limit * 1000]


def core_seconds() -> dict[int, float]:
    """Return the seconds of a core that each process that came from this one has taken."""
    found, waiting = dict[int, float](), [os.getpid()]
    while waiting:
        number = waiting.pop()
        process = Path(f"/proc/{number}")
        with suppress(OSError):  # it has ended
            ticks = map(int, (process / "stat").read_text().rsplit(")", 1)[1].split()[11:13])
            found[number] = sum(ticks) / os.sysconf("SC_CLK_TCK")
            for task in (process / "task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
    return found


if __name__ == "__main__":
    main()
