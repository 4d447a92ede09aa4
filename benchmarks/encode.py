"""Compare the encoder with sentence-transformers: the same vectors, and how much faster.

    python benchmarks/encode.py DATA --peers torch=PYTHON [openvino=PYTHON] [onnx=PYTHON] [--repeats 3]

DATA holds wikipedia-excerpts.parquet and retrieval/scifact/corpus.jsonl.  Each PYTHON is the interpreter of an
environment with sentence-transformers and what that back end needs; two back ends may need different versions.  Three
sets of texts: 4,000 Wikipedia excerpts, 1,000 SciFact abstracts, and 2,000 texts of mixed length, from one word to
beyond the model's 256 tokens.  Own and peers take turns on the same texts, each in a process of its own with the same
number of threads; the model is loaded and warm before the clock starts.  sentence-transformers' defaults are torch,
fp32, batches of 32; its other back ends are tried with batches of 8, 32 and 128, and the fastest is shown.  The
machine's matrix speed is that of products of the encoder's sizes in OpenVINO, in the precision that the encoder chose.
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
from knowscape.encoders.catalogue import entry
from knowscape.encoders.load import load_encoder
from knowscape.encoders.processor import matrix_speed
texts = json.load(open(sys.argv[1]))
encoder = load_encoder()
encoder.encode_documents(texts[:200])
start = time.perf_counter()
vectors = encoder.encode_documents(texts)
seconds = time.perf_counter() - start
np.save(sys.argv[2], vectors)
work = sum(encoder.token_counts(texts)) * entry("all-MiniLM-L6-v2").shape.flop_per_token / seconds
print(json.dumps({"seconds": seconds, "precision": encoder.precision,
                  "share": work / matrix_speed(encoder.precision), "flops": work}))
"""
PEER = """
import json, sys, time
import numpy as np, torch
texts_path, out, model, threads, backend, batch = sys.argv[1:]
torch.set_num_threads(int(threads))
from sentence_transformers import SentenceTransformer
texts = json.load(open(texts_path))
model = SentenceTransformer(model, device="cpu", backend=backend)
model.encode(texts[:200], batch_size=int(batch))
start = time.perf_counter()
vectors = model.encode(texts, batch_size=int(batch), normalize_embeddings=True)
seconds = time.perf_counter() - start
np.save(out, vectors)
print(json.dumps({"seconds": seconds}))
"""


def mixed_texts(column: list[str], count: int) -> list[str]:
    """Return texts of one word up to twelve articles, every length about as often as the next."""
    random = np.random.default_rng(0)
    texts = []
    for _ in range(count):
        joined = " ".join(column[row] for row in random.integers(0, len(column), 12)).split()
        texts.append(" ".join(joined[: max(1, int(np.exp(random.uniform(0, np.log(300)))))]))
    return texts


def read_sets(data: Path) -> dict[str, list[str]]:
    column = pq.read_table(data / "wikipedia-excerpts.parquet")["text"].to_pylist()
    random = np.random.default_rng(1)
    with (data / "retrieval" / "scifact" / "corpus.jsonl").open(encoding="utf-8") as file:
        abstracts = [f"{row['title']} {row['text']}" for row in map(json.loads, file)]
    return {
        "4,000 Wikipedia excerpts": [column[row] for row in random.permutation(len(column))[:4000]],
        "1,000 SciFact abstracts": [abstracts[row] for row in random.permutation(len(abstracts))[:1000]],
        "2,000 mixed": mixed_texts(column, 2000),
    }


def peer(word: str) -> tuple[str, str]:
    backend, _, python = word.partition("=")
    if backend not in ("torch", "openvino", "onnx") or not python:
        raise argparse.ArgumentTypeError(f"{word!r} is not torch=, openvino= or onnx= and an interpreter.")
    return backend, python


def run(python: str, code: str, *arguments: str) -> dict[str, float]:
    done = subprocess.run([python, "-c", code, *arguments], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{python} ended with {done.returncode}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def compare(texts: list[str], model: str, *, peers: dict[str, str], repeats: int) -> None:
    threads = str(os.cpu_count())
    with tempfile.TemporaryDirectory() as folder:
        where, own, peer = (str(Path(folder) / name) for name in ("texts.json", "own.npy", "peer.npy"))
        Path(where).write_text(json.dumps(texts), encoding="utf-8")

        def ask(backend: str, batch: int, out: str = "") -> float:
            to = out or f"{folder}/other.npy"
            return run(peers[backend], PEER, where, to, model, threads, backend, str(batch))["seconds"]

        best = {"torch": 32}
        for backend in peers:
            if backend != "torch":
                best[backend] = min((8, 32, 128), key=lambda batch: ask(backend, batch))
        ours: list[dict[str, float]] = []
        theirs: dict[str, list[float]] = {backend: [] for backend in best}
        for _ in range(repeats):
            ours.append(run(sys.executable, OWN, where, own))
            for backend, batch in best.items():
                theirs[backend].append(ask(backend, batch, peer if backend == "torch" else ""))
        cosine = (np.load(own) * np.load(peer)).sum(axis=1)
    rate = len(texts) / median(one["seconds"] for one in ours)
    share = median(one["share"] for one in ours)
    print(f"  knowscape {ours[0]['precision']:<22} {rate:>7.0f} texts/s   {share:.0%} of the machine's matrix speed")
    for backend, batch in best.items():
        peer_rate = len(texts) / median(theirs[backend])
        print(f"  {f'{backend}, batches of {batch}':<32} {peer_rate:>7.0f} texts/s   ratio {rate / peer_rate:.2f}")
    print(f"  cosine to sentence-transformers in fp32: least {cosine.min():.7f}, mean {cosine.mean():.7f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--peers", nargs="+", type=peer, required=True, metavar="BACKEND=PYTHON")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    peers = dict(arguments.peers)
    if "torch" not in peers:
        parser.error("The vectors are compared with torch's: name torch=PYTHON among the peers.")
    with tempfile.TemporaryDirectory() as folder:
        model = str(peer_model(Path(folder) / "model"))
        for name, texts in read_sets(arguments.data).items():
            print(name, flush=True)
            compare(texts, model, peers=peers, repeats=arguments.repeats)


if __name__ == "__main__":
    main()
