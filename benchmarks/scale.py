"""Measure how time and memory of a map grow with the corpus, and draw both.

    python benchmarks/scale.py X.atlas [10000 30000 100000 300000 1000000] [--svg docs/scale.svg]

The vectors are those of the atlas, in random order; where more are asked for, each is used again, moved by noise of a
third of its length, so that the neighbours of a copy are mostly other articles.  Measured is everything after the
embedding: neighbours, layout, refinement, regions with their names, quality, the map's files and the page.  Each size
runs in a process of its own, whose peak memory is read.
"""

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np

from knowscape.atlas import open_atlas
from knowscape.maps.knowledge_map import make_map
from knowscape.maps.layout import LayoutOptions
from knowscape.maps.neighbours import neighbour_graph, unit_rows
from knowscape.page.build import build_page
from knowscape.page.payload import PayloadDocuments
from knowscape.progress import SILENT, Stage

NOISE = 1 / 3


class Clock:
    """A progress that keeps the seconds of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str, *, total: int | None = None, done: int = 0) -> Iterator[Stage]:
        start = time.perf_counter()
        with SILENT.stage(name) as stage:
            yield stage
        self.seconds[name] = time.perf_counter() - start

    def note(self, message: str) -> None:
        """Say nothing."""


def corpus_of(atlas: Path, count: int) -> tuple[np.ndarray, list[str], list[str]]:
    """Return `count` vectors, titles and texts."""
    opened, random = open_atlas(atlas), np.random.default_rng(4)
    vectors, corpus = opened.vectors(), opened.documents()
    rows = np.resize(random.permutation(len(vectors)), count)
    made = vectors[rows]
    for start in range(len(vectors), count, 1 << 16):
        block = made[start : start + (1 << 16)]
        block += random.normal(scale=NOISE / math.sqrt(block.shape[1]), size=block.shape).astype(np.float32)
    titles, texts = corpus.titles, corpus.texts
    return unit_rows(made), [titles[row] for row in rows], [texts[row] for row in rows]


def one(atlas: Path, count: int) -> dict[str, object]:
    """Return the seconds of each stage, the peak memory and the quality of one size."""
    vectors, titles, texts = corpus_of(atlas, count)
    clock, ids, blank = Clock(), [f"{number}" for number in range(count)], [""] * count
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with clock.stage("Neighbours"):
            graph = neighbour_graph(vectors)
        made = make_map(
            vectors=vectors, graph=graph, question_vectors=None, document_ids=ids, question_ids=[], titles=titles,
            texts=texts, options=LayoutOptions(), padding=0.5, about={}, progress=clock,
        )  # fmt: skip
        with clock.stage("Page"):
            made.save(folder / "map")
            build_page(
                folder / "page", head={"title": "", "model": "", "quality": {}, "question_region": None},
                documents=PayloadDocuments(titles, titles, texts, blank, blank, graph.indices[:, :10]),
                coordinates=made.coordinates, recall=made.recall_10, finest_region=made.membership[:, -1],
                levels=made.regions.levels, questions=[], places=None,
            )  # fmt: skip
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"count": count, "seconds": clock.seconds, "memory": memory, "recall": asdict(made.quality.recall[10])}


def drawing(found: list[dict[str, object]]) -> str:
    """Return an SVG: seconds and gigabytes against the number of articles, all logarithmic."""
    counts = [float(str(each["count"])) for each in found]
    panels = [
        ("seconds after the embedding", [sum(each["seconds"].values()) for each in found]),  # type: ignore[attr-defined]
        ("peak memory in GB", [float(str(each["memory"])) / 1e9 for each in found]),
    ]
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 330" font-family="Georgia, serif" font-size="13">',
        '<rect width="760" height="330" fill="#fffdf6"/>',
    ]
    for number, (title, values) in enumerate(panels):
        parts += panel(70 + 380 * number, title, counts, values)
    return "\n".join([*parts, "</svg>", ""])


def panel(left: int, title: str, counts: list[float], values: list[float]) -> Iterator[str]:
    """Yield one diagram, 280 by 230, whose lower left corner is at `left`, 280."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    first, last = math.log10(min(counts)), math.log10(max(counts))

    def across(count: float) -> float:
        return left + 280 * (math.log10(count) - first) / max(last - first, 1e-9)

    def up(value: float) -> float:
        return 280 - 230 * (math.log10(value) - low) / max(high - low, 1)

    yield f'<text x="{left}" y="30" font-weight="bold" fill="#2b2620">{title}</text>'
    for power in range(low, high + 1):
        y = up(10.0**power)
        yield f'<path d="M{left} {y:.1f}h280" stroke="#ddd5c3"/>'
        yield f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#6b6255">{10.0**power:g}</text>'
    for count in counts:
        label = f"{count / 1e6:g}M" if count >= 1e6 else f"{count / 1e3:g}k"
        yield f'<text x="{across(count):.1f}" y="302" text-anchor="middle" fill="#6b6255">{label}</text>'
    line = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in zip(counts, values, strict=True))
    yield f'<polyline points="{line}" fill="none" stroke="#a63d1f" stroke-width="2"/>'
    for x, y in zip(counts, values, strict=True):
        said = f"{y:,.0f}" if y >= 100 else f"{y:.3g}"
        yield f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="4" fill="#a63d1f"/>'
        yield f'<text x="{across(x):.1f}" y="{up(y) - 10:.1f}" text-anchor="middle" fill="#2b2620">{said}</text>'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("atlas", type=Path)
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000, 30_000, 100_000, 300_000, 1_000_000])
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--json", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.json:
        print(json.dumps(one(arguments.atlas, arguments.sizes[0])))
        return
    found = []
    for size in arguments.sizes:
        command = [sys.executable, __file__, str(arguments.atlas), str(size), "--json"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr[-2000:])
        found.append(json.loads(done.stdout.splitlines()[-1]))
        seconds = found[-1]["seconds"]
        print(
            f"{size:>9,} {sum(seconds.values()):8.1f} s  {found[-1]['memory'] / 1e9:6.2f} GB  "
            f"recall at 10 {found[-1]['recall']['mean']:.3f}  "
            + ", ".join(f"{name.lower()} {value:.1f}" for name, value in seconds.items()),
            flush=True,
        )
    if arguments.svg:
        arguments.svg.write_text(drawing(found), encoding="utf-8")


if __name__ == "__main__":
    main()
