"""Compare the native cross-encoder with sentence-transformers' CrossEncoder: the same scores, and how much faster.

    python benchmarks/rerank.py DATA --peer PYTHON [--queries 20] [--repeats 3]

DATA holds wikipedia-excerpts.parquet, questions.json and retrieval/scifact.  PYTHON is the interpreter of an
environment with sentence-transformers.  Each query is scored against a hundred texts, the top of a search: quiz
questions against Wikipedia excerpts, SciFact's claims against its abstracts.  Own and peer take turns on the same
pairs, each in a process of its own with the same number of threads; the model is loaded and warm before the clock
starts.  sentence-transformers has its defaults: torch, fp32, batches of 32.

The model has the shape of ms-marco-MiniLM-L6-v2: the body is that of all-MiniLM-L6-v2, which has the same, and the
classifier is random.  So the times are those of the real one, and the scores mean nothing; how near bf16 comes to fp32
is shown by the largest difference in standard deviations of a query's scores, and by the top ten that both agree on.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow.parquet as pq
from safetensors.numpy import load_file, save_file

from against_embedding_atlas import peer_model
from encode import run

OWN = """
import json, sys, time
import numpy as np
from knowscape.encoders.cross import load_cross_encoder
model, work, out = sys.argv[1:]
pairs = json.load(open(work))
scorer = load_cross_encoder(model)
for query, texts in pairs[:3]:
    scorer.score(query, texts)
scores, seconds, begun = [], [], time.process_time()
for query, texts in pairs:
    start = time.perf_counter()
    scores.append(scorer.score(query, texts))
    seconds.append(time.perf_counter() - start)
np.save(out, np.stack(scores))
print(json.dumps({"seconds": seconds, "cpu": time.process_time() - begun, "precision": scorer.precision}))
"""
PEER = """
import json, sys, time
import numpy as np, torch
model, work, out, threads = sys.argv[1:]
torch.set_num_threads(int(threads))
from sentence_transformers import CrossEncoder
pairs = json.load(open(work))
scorer = CrossEncoder(model, device="cpu", max_length=512)
def score(query, texts):
    return scorer.predict([[query, text] for text in texts], activation_fn=torch.nn.Identity())
for query, texts in pairs[:3]:
    score(query, texts)
scores, seconds, begun = [], [], time.process_time()
for query, texts in pairs:
    start = time.perf_counter()
    scores.append(score(query, texts))
    seconds.append(time.perf_counter() - start)
np.save(out, np.stack(scores))
print(json.dumps({"seconds": seconds, "cpu": time.process_time() - begun}))
"""
DEPTH = 100


def cross_model(folder: Path) -> Path:
    """Lay out a cross-encoder of ms-marco-MiniLM-L6-v2's shape, for both."""
    body = peer_model(folder)
    random = np.random.default_rng(0)
    tensors = {f"bert.{name}": tensor for name, tensor in load_file(body / "model.safetensors").items()}
    tensors["classifier.weight"] = random.normal(scale=0.2, size=(1, 384)).astype(np.float32)
    tensors["classifier.bias"] = np.zeros(1, np.float32)
    save_file(tensors, body / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((body / "config.json").read_text(encoding="utf-8"))
    config |= {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "LABEL_0"}}
    (body / "config.json").write_text(json.dumps(config), encoding="utf-8")
    for name in ("modules.json", "sentence_bert_config.json"):
        (body / name).unlink()
    return body


def read_sets(data: Path, queries: int) -> dict[str, list[tuple[str, list[str]]]]:
    random = np.random.default_rng(1)
    excerpts = pq.read_table(data / "wikipedia-excerpts.parquet")["text"].to_pylist()
    questions = [one["question"] for one in json.loads((data / "questions.json").read_text(encoding="utf-8"))]
    scifact = data / "retrieval" / "scifact"
    with (scifact / "corpus.jsonl").open(encoding="utf-8") as file:
        abstracts = [f"{row['title']} {row['text']}" for row in map(json.loads, file)]
    with (scifact / "queries.jsonl").open(encoding="utf-8") as file:
        claims = [row["text"] for row in map(json.loads, file)]

    def draw(asked: list[str], texts: list[str]) -> list[tuple[str, list[str]]]:
        chosen = random.permutation(len(asked))[:queries]
        return [(asked[row], [texts[one] for one in random.permutation(len(texts))[:DEPTH]]) for row in chosen]

    return {
        "questions, Wikipedia excerpts": draw(questions, excerpts),
        "claims, SciFact abstracts": draw(claims, abstracts),
    }


def compare(model: Path, pairs: list[tuple[str, list[str]]], *, peer: str, repeats: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        work, own, other = (str(Path(folder) / name) for name in ("work.json", "own.npy", "other.npy"))
        Path(work).write_text(json.dumps(pairs), encoding="utf-8")
        ours, theirs = [], []
        for _ in range(repeats):
            ours.append(run(sys.executable, OWN, str(model), work, own))
            theirs.append(run(peer, PEER, str(model), work, other, str(os.cpu_count())))
        scores, exact = np.load(own), np.load(other)
    mine, their = (1000 * median(sum(one["seconds"]) for one in found) / len(pairs) for found in (ours, theirs))
    busy, also = (1000 * median(one["cpu"] for one in found) / len(pairs) for found in (ours, theirs))
    slowest = 1000 * median(max(one["seconds"]) for one in ours)
    print(f"  knowscape {ours[0]['precision']:<12}{mine:>7.0f} ms a query, the slowest {slowest:.0f}; CPU {busy:.0f}")
    print(f"  sentence-transformers {their:>7.0f} ms a query; CPU {also:.0f}")
    print(f"  ratio {their / mine:.2f}; of the CPU's time, which counts where the machine is busy, {also / busy:.2f}")
    away = np.abs(scores - exact)
    best, true = (np.argsort(-found, axis=1)[:, :10] for found in (scores, exact))
    alike = np.mean([len({*one} & {*another}) / 10 for one, another in zip(best, true, strict=True)])
    print(
        f"  differences up to {away.max():.1e}, in standard deviations {(away / exact.std(axis=1)[:, None]).max():.1e}"
    )
    print(f"  of the ten best {alike:.1%} are alike")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--peer", required=True, metavar="PYTHON")
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model = cross_model(Path(folder) / "model")
        for name, pairs in read_sets(arguments.data, arguments.queries).items():
            print(f"{name}: {DEPTH} texts a query", flush=True)
            compare(model, pairs, peer=arguments.peer, repeats=arguments.repeats)


if __name__ == "__main__":
    main()
