"""Merge 16 parts of 15,625 x 1024 float32, 250,000 vectors: seconds and peak memory, against two other ways.

    python benchmarks/merge.py [--rows 15625] [--parts 16] [--dimension 1024] [--folder DIR]

The vectors are random.  `links` is `knowscape merge` of 16 atlases on one disk, `checkpoints` that of 16 pickles.  The
others do no checking: `pickles` loads all checkpoints, stacks and pickles them, as the predecessor does; `pyarrow`
reads all parts, concatenates and writes them.  Each runs in a process of its own, whose peak memory is the largest
sum of resident memory of itself and its children, looked at 20 times a second.
"""

import argparse
import json
import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from knowscape.corpus.document import Corpus, Document
from knowscape.encoders.spec import EncoderSpec
from knowscape.merge.run import MergeOptions, merge
from knowscape.store.atlas import AtlasFolder


def corpus(rows: int) -> Corpus:
    return Corpus.from_documents(Document(str(n), f"Text number {n}.") for n in range(rows))


def spec(dimension: int) -> EncoderSpec:
    return EncoderSpec("random", "1", "", "", dimension=dimension, max_tokens=512)


def make(folder: Path, parts: int, rows: int, dimension: int) -> None:
    """Write the same vectors as atlases of the whole corpus with one part each, and as checkpoints."""
    random, documents, encoder = np.random.default_rng(1), corpus(parts * rows), spec(dimension)
    ids, digests = documents.ids, documents.text_digests
    about = {"kind": "corpus", "digest": documents.digest}
    for number in range(parts):
        here = slice(number * rows, (number + 1) * rows)
        vectors = random.standard_normal((rows, dimension), dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        atlas = AtlasFolder.create(folder / f"{number:02}.atlas")
        with atlas.corpus.writing() as writer:
            writer.replace(documents.table, about)
        with atlas.vectors(encoder.name, encoder.fingerprint).writing(encoder.about()) as append:
            append(ids[here], digests[here], vectors)
        atlas.update({"models": {encoder.name: encoder.fingerprint}, "model": encoder.name})
        checkpoint = {"start_index": here.start, "end_index": here.stop, "embeddings": vectors}
        (folder / f"cluster{number:02}_gpu0.pkl").write_bytes(pickle.dumps(checkpoint))


def by_links(folder: Path, out: Path, _: int, __: int) -> None:
    merge(sorted(folder.glob("*.atlas")), out)


def by_checkpoints(folder: Path, out: Path, rows: int, dimension: int) -> None:
    merge(sorted(folder.glob("*.pkl")), out, MergeOptions(corpus(rows), spec(dimension)))


def by_pickles(folder: Path, out: Path, _: int, __: int) -> None:
    found = [pickle.loads(path.read_bytes()) for path in sorted(folder.glob("*.pkl"))]
    found.sort(key=lambda each: each["start_index"])
    with out.open("wb") as file:
        pickle.dump({"embeddings": np.vstack([each["embeddings"] for each in found])}, file)


def by_pyarrow(folder: Path, out: Path, _: int, __: int) -> None:
    tables = [pq.read_table(path) for path in sorted(folder.glob("*.atlas/vectors/*/part-*"))]
    pq.write_table(pa.concat_tables(tables), out, compression="zstd")


WAYS = {"links": by_links, "checkpoints": by_checkpoints, "pickles": by_pickles, "pyarrow": by_pyarrow}


def resident(process: int) -> int:
    """Return the bytes in memory that a process and its children have, without what they share with files."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        except OSError:
            continue
        if process in (int(fields["Pid"]), int(fields["PPid"])):
            total += 1024 * sum(int(fields[name].split()[0]) for name in ("RssAnon", "RssShmem") if name in fields)
    return total


def peak_of(done: threading.Event, process: int, peaks: list[int]) -> None:
    while not done.wait(0.05):
        peaks.append(resident(process))


def measure(way: str, folder: Path, rows: int, dimension: int) -> dict[str, float]:
    """Run one way in a child and return its seconds and the most memory it had, in MB."""
    out = folder / f"merged-{way}"
    os.sync()
    command = [sys.executable, __file__, "--way", way, "--folder", str(folder), "--out", str(out)]
    command += ["--rows", str(rows), "--dimension", str(dimension)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    done, peaks = threading.Event(), [0]
    watch = threading.Thread(target=peak_of, args=(done, child.pid, peaks))
    watch.start()
    said = child.communicate()[0]
    done.set()
    watch.join()
    if child.returncode:
        raise SystemExit(f"{way} failed")
    return {"seconds": round(float(said), 2), "peak_mb": round(max(peaks) / 1e6)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("--parts", 16), ("--rows", 15_625), ("--dimension", 1024)):
        parser.add_argument(name, type=int, default=value)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        start = time.perf_counter()
        WAYS[given.way](given.folder, given.out, given.rows, given.dimension)
        print(time.perf_counter() - start)
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        make(Path(name), given.parts, given.rows, given.dimension)
        rows = given.parts * given.rows
        found = {way: measure(way, Path(name), rows, given.dimension) for way in WAYS}
    print(json.dumps({"rows": rows, "dimension": given.dimension, "load": os.getloadavg()[0], **found}, indent=1))


if __name__ == "__main__":
    main()
