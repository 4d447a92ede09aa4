"""Lay the same vectors out by several methods, one after the other, and compare time, memory and what the maps keep.

    python benchmarks/maps.py X.atlas [--limit 24403] [--methods knowscape umap-learn pacmap localmap openTSNE]
                              [--peer-python /path/to/python]

Each method runs in a process of its own, finds its neighbours itself and has its own defaults, but for cosine as the
metric where it has one; it has laid 500 articles out before the clock starts, so that nothing is compiled in its time.
Seconds and peak memory are those of neighbours and layout; the vectors are in the memory.  Recall is against the full
corpus, on the same 2,000 articles.  The atlas's questions are laid out with Knowscape's map.  embedding-atlas needs an
environment of its own, whose Python is `--peer-python`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from knowscape.atlas import open_atlas
from knowscape.maps.neighbours import nearest
from knowscape.maps.quality import measure, question_overlap

SAMPLE = 2000
FRAME = """
import json, os, resource, sys, time
import numpy as np
{setup}
vectors = np.load(sys.argv[1])
lay_out(vectors[:500])
start = time.perf_counter()
made = lay_out(vectors)
print(json.dumps([time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))
np.save(sys.argv[2], np.asarray(made, np.float32))
"""
METHODS = {
    "knowscape": """
from knowscape.maps import layout, neighbours
asked = np.load(sys.argv[3])
def lay_out(vectors):
    near = neighbours.nearest(vectors, asked, 5)[0] if len(asked) else None
    made = layout.lay_out(vectors, neighbours.neighbour_graph(vectors), near)
    return np.concatenate([made.documents, made.questions])
""",
    "umap-learn": """
import umap
def lay_out(vectors):
    return umap.UMAP(metric="cosine").fit_transform(vectors)
""",
    "pacmap": """
import pacmap
def lay_out(vectors):
    return pacmap.PaCMAP(distance="angular").fit_transform(vectors)
""",
    "localmap": """
import pacmap
def lay_out(vectors):
    return pacmap.LocalMAP(distance="angular").fit_transform(vectors)
""",
    "openTSNE": """
import openTSNE
def lay_out(vectors):
    return openTSNE.TSNE(metric="cosine", n_jobs=os.cpu_count()).fit(vectors)
""",
    "embedding-atlas": """
import tempfile
import pandas
from embedding_atlas.projection import compute_projection
def lay_out(vectors):
    frame = pandas.DataFrame({"vector": list(vectors)})
    made = compute_projection(frame, inputs="vector", modality="vector", cache_root=tempfile.mkdtemp())
    return made[["projection_x", "projection_y"]].to_numpy()
""",
}


def laid_out(method: str, python: str, folder: Path) -> tuple[float, float, np.ndarray]:
    """Return seconds, bytes and places of one method."""
    files = [str(folder / name) for name in ("vectors.npy", "made.npy", "asked.npy")]
    command = [python, "-W", "ignore", "-c", FRAME.format(setup=METHODS[method]), *files]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    seconds, memory = json.loads(done.stdout.strip().splitlines()[-1])
    return seconds, memory, np.load(folder / "made.npy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("atlas", type=Path)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=[name for name in METHODS if "-a" not in name])
    parser.add_argument("--peer-python", default=sys.executable)
    arguments = parser.parse_args()
    atlas = open_atlas(arguments.atlas)
    vectors = atlas.vectors()[: arguments.limit]
    asked = atlas.question_vectors() if atlas.questions else np.empty((0, vectors.shape[1]), np.float32)
    near = nearest(vectors, asked, 5)[0] if len(asked) else None
    print(
        f"{len(vectors):,} articles, {len(asked)} questions; recall at 5, 10, 50, trustworthiness, questions' overlap"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "vectors.npy", vectors)
        np.save(folder / "asked.npy", asked)
        for method in arguments.methods:
            python = arguments.peer_python if method == "embedding-atlas" else sys.executable
            try:
                seconds, memory, made = laid_out(method, python, folder)
            except RuntimeError as error:
                print(f"{method:<16} failed: {error}", flush=True)
                continue
            places, questions = np.split(made, [len(vectors)])
            found = measure(vectors, places, sample=SAMPLE)
            overlap = question_overlap(near, questions, places).mean() if len(questions) and near is not None else None
            recall = "  ".join(f"{found.recall[k].mean:.3f}" for k in (5, 10, 50))
            trust = found.trustworthiness.mean if found.trustworthiness else float("nan")
            print(f"{method:<16} {seconds:7.1f} s {memory / 1e9:6.2f} GB   {recall}   {trust:.3f}", end="")
            print(f"   {overlap:.3f}" if overlap is not None else "", flush=True)


if __name__ == "__main__":
    main()
