"""How fast the full check reads: python benchmarks/check.py [ROWS DIMENSION], beside sha256sum on the same files.

Vectors are random; the corpus has a text of about 1,000 characters for each.  Prints MB/s of all bytes in the atlas,
the best of three with a warm page cache, and the most memory held.
"""

import multiprocessing
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from knowscape.atlas import open_atlas
from knowscape.build import put_corpus
from knowscape.corpus.document import Corpus, Document
from knowscape.encoders.spec import EncoderSpec
from knowscape.store.atlas import AtlasFolder

_PART = 8192


def make(path: Path, rows: int, dimension: int) -> None:
    """Make an atlas of random unit vectors in parts of 8,192 rows."""
    random, folder = np.random.default_rng(0), AtlasFolder.create(path)
    words = [f"word{number}" for number in range(5000)]
    texts = (" ".join(random.choice(words, 120)) for _ in range(rows))
    corpus = Corpus.from_documents(Document(str(row), f"{row} {text}") for row, text in enumerate(texts))
    put_corpus(folder, corpus)
    spec = EncoderSpec("random", "1", "0" * 64, "0" * 64, dimension=dimension, max_tokens=256)
    with folder.vectors(spec.name, spec.fingerprint).writing(spec.about()) as append:
        for first in range(0, rows, _PART):
            ids, digests = corpus.ids[first : first + _PART], corpus.text_digests[first : first + _PART]
            vectors = random.standard_normal((len(ids), dimension)).astype(np.float32)
            append(ids, digests, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    folder.update({"models": {spec.name: spec.fingerprint}, "model": spec.name})


def best_of_three(work: Callable[[], object]) -> float:
    """Return the fewest seconds that `work` took."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main() -> None:
    """Print the speed of sha256sum, of the quick check and of the full one."""
    rows, dimension = (int(value) for value in sys.argv[1:] or ("100000", "384"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.atlas"
        making = multiprocessing.get_context("spawn").Process(target=make, args=(path, rows, dimension))
        making.start()  # in a process of its own, whose memory does not count
        making.join()
        files = sorted(file for file in path.rglob("*") if file.is_file())
        size = sum(file.stat().st_size for file in files) / 1e6
        print(f"{rows:,} rows of {dimension} dimensions, {size:,.0f} MB in {len(files)} files")
        command = ["sha256sum", *map(str, files)]
        for name, work in (
            ("sha256sum, one process", lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True)),
            ("quick check", lambda: open_atlas(path).check()),
            ("full check", lambda: open_atlas(path).check(full=True)),
        ):
            seconds = best_of_three(work)
            print(f"{name:<24} {seconds:7.2f} s  {size / seconds:8,.0f} MB/s")
        held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        print(f"most memory held: {held:,.0f} MB")


if __name__ == "__main__":
    main()
