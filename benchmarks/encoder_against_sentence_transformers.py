"""Compare the native encoder with sentence-transformers in fp32: the same vectors, and how fast.

    python benchmarks/encoder_against_sentence_transformers.py ARTICLES.parquet --peer-python /path/to/python

`--peer-python` is the interpreter of an environment with sentence-transformers.  The 2,000 texts are of mixed length:
single words, sentences, and up to twelve articles joined, beyond the model's 256 tokens.  The two take turns on the
same texts, each in a process of its own with the same number of threads; the model is loaded before the clock starts.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow.parquet as pq

from against_embedding_atlas import peer_model

OWN = """
import json, sys, time
import numpy as np
from knowscape.encoders.load import load_encoder
texts = json.load(open(sys.argv[1]))
encoder = load_encoder()
encoder.encode_documents(texts[:50])
start = time.perf_counter()
vectors = encoder.encode_documents(texts)
print(time.perf_counter() - start)
np.save(sys.argv[2], vectors)
"""
PEER = """
import json, sys, time
import numpy as np, torch
torch.set_num_threads(int(sys.argv[4]))
from sentence_transformers import SentenceTransformer
texts = json.load(open(sys.argv[1]))
model = SentenceTransformer(sys.argv[3], device="cpu")
model.encode(texts[:50])
start = time.perf_counter()
vectors = model.encode(texts, normalize_embeddings=True)
print(time.perf_counter() - start)
np.save(sys.argv[2], vectors)
"""


def mixed_texts(articles: Path, count: int) -> list[str]:
    """Return texts of one word up to twelve articles, every length about as often as the next."""
    column = pq.read_table(articles)["text"].to_pylist()
    random = np.random.default_rng(0)
    texts = []
    for _ in range(count):
        joined = " ".join(column[row] for row in random.integers(0, len(column), 12)).split()
        texts.append(" ".join(joined[: max(1, int(np.exp(random.uniform(0, np.log(300)))))]))
    return texts


def timed(python: str, code: str, *arguments: str) -> float:
    done = subprocess.run([python, "-c", code, *arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{python} ended with {done.returncode}: {done.stderr[-2000:]}")
    return float(done.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("articles", type=Path)
    parser.add_argument("--peer-python", required=True)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    threads = str(os.cpu_count())
    with tempfile.TemporaryDirectory() as folder:
        texts, own, peer = (str(Path(folder) / name) for name in ("texts.json", "own.npy", "peer.npy"))
        Path(texts).write_text(json.dumps(mixed_texts(arguments.articles, arguments.texts)), encoding="utf-8")
        model = str(peer_model(Path(folder) / "model"))
        seconds: dict[str, list[float]] = {"own": [], "peer": []}
        for _ in range(arguments.repeats):
            seconds["own"].append(timed(sys.executable, OWN, texts, own))
            seconds["peer"].append(timed(arguments.peer_python, PEER, texts, peer, model, threads))
        cosine = (np.load(own) * np.load(peer)).sum(axis=1)
    rates = {name: arguments.texts / median(values) for name, values in seconds.items()}
    print(f"texts {arguments.texts:,}, threads {threads}")
    print(f"cosine: least {cosine.min():.7f}, median {np.median(cosine):.7f}")
    print(f"knowscape             {rates['own']:>7.0f} texts/s")
    print(f"sentence-transformers {rates['peer']:>7.0f} texts/s")
    print(f"ratio of medians      {rates['own'] / rates['peer']:>7.2f}")


if __name__ == "__main__":
    main()
