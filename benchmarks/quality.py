"""Measure what it costs to say how far a map can be trusted, by the size of the corpus.

    python benchmarks/quality.py [10000 100000 1000000] [--width 384] [--layout]

The vectors come from a generator: topics within topics, of sizes that fall by a power law.  They lie in a file that is
mapped into memory; `own memory` is what the process holds beside it, sampled all the time, `file` what it has read of
the file, which the system may take back.  The map is a random projection, on which every neighbour is wrong, so every
rank is counted; with --layout it is the real one, whose time, neighbours included, is printed beside.  Each size runs
in a process of its own.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from knowscape.maps.layout import lay_out
from knowscape.maps.neighbours import neighbour_graph, unit_rows
from knowscape.maps.quality import MapQuality, measure

BLOCK = 8192


def generate(path: Path, count: int, width: int) -> np.ndarray:
    """Write float32[count, width] of length one to `path` and return it as a memory map."""
    random = np.random.default_rng(1)
    fields, topics = 40, max(40, count // 200)
    of_topic = random.integers(0, fields, topics)
    centres = random.normal(size=(fields, width))[of_topic] + 0.8 * random.normal(size=(topics, width))
    sizes = 1 / np.arange(1, topics + 1) ** 0.7
    made = np.lib.format.open_memmap(path, "w+", np.float32, (count, width))
    for start in range(0, count, BLOCK):
        chosen = random.choice(topics, min(BLOCK, count - start), p=sizes / sizes.sum())
        noise = 0.7 * random.normal(size=(len(chosen), width))
        made[start : start + BLOCK] = unit_rows((centres[chosen] + noise).astype(np.float32))
    made.flush()
    return np.load(path, mmap_mode="r")


class Memory:
    """The greatest resident memory while the block runs, in bytes: the process's own, and that of mapped files."""

    def __enter__(self) -> "Memory":
        self.own = self.file = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            lines = Path("/proc/self/status").read_text().splitlines()
            said = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith("Rss")}
            self.own, self.file = max(self.own, said["RssAnon"]), max(self.file, said["RssFile"])


def one(count: int, width: int, layout: bool) -> dict[str, object]:
    """Return the figures of one size."""
    with tempfile.TemporaryDirectory() as folder:
        vectors = generate(Path(folder) / "vectors.npy", count, width)
        start = time.perf_counter()
        if layout:
            places = lay_out(np.asarray(vectors), neighbour_graph(np.asarray(vectors))).documents
        else:
            directions = np.random.default_rng(2).normal(size=(width, 2)).astype(np.float32)
            places = np.asarray(vectors @ directions)
        laid = time.perf_counter() - start
        with Memory() as memory:
            start = time.perf_counter()
            found = measure(vectors, places)
            seconds = time.perf_counter() - start
    return {"layout": laid, "seconds": seconds, "own": memory.own, "file": memory.file, "quality": found.to_json()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--layout", action="store_true")
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.json:
        print(json.dumps(one(arguments.sizes[0], arguments.width, arguments.layout)))
        return
    options = ["--width", str(arguments.width), "--json", *(["--layout"] if arguments.layout else [])]
    for size in arguments.sizes:
        done = subprocess.run([sys.executable, __file__, str(size), *options], capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr[-2000:])
        found = json.loads(done.stdout)
        beside = f", {found['seconds'] / found['layout']:.1%} of {found['layout']:.1f} s for the layout"
        print(f"{size:,} articles: {found['seconds']:.1f} s{beside if arguments.layout else ''}; ", end="")
        print(f"own memory {found['own'] / 1e6:,.0f} MB, file {found['file'] / 1e6:,.0f} MB")
        for name, value in MapQuality.from_json(found["quality"]).words().items():
            print(f"    {name:<40}{value}")


if __name__ == "__main__":
    main()
