"""Does fine-tuning help on real text, on the CPU, in minutes?  Before, after, and the difference with its interval.

    python benchmarks/finetune.py DATA -o FOLDER [--tasks titles questions] [--layers 6] [--seeds 0] [--mined]

DATA holds wikipedia-excerpts.parquet and retrieval/xquad-en.  The examples are 4,000 titles of Wikipedia, each with its
excerpt, or the questions of XQuAD, each with the paragraph that answers it; three in ten are held out, and no title,
question or paragraph is on both sides.  The options are the command's defaults; nothing is chosen by what is held out.
With fewer --layers the base is all-MiniLM-L6-v2 cut to its first ones: a smaller, faster and weaker model.  With
--mined each pair gets a hard negative from the texts of its collection.
"""

import argparse
import json
import shutil
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from knowscape.corpus.readers import read_corpus
from knowscape.encoders.load import find_model
from knowscape.finetune.options import FinetuneOptions
from knowscape.finetune.run import Runner, Sources, finetune
from knowscape.progress import progress_for


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--mined", action="store_true")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    base = cut(arguments.layers, arguments.out / f"first-{arguments.layers}")
    print("| run | trained, held out | measure | before | after | difference, 95 % | training | all |")
    print("|---|---|---|---|---|---|---|---|")
    for task, seed in product(arguments.tasks, arguments.seeds):
        pairs, corpus = TASKS[task](arguments.data, arguments.out)
        sources = Sources(pairs, corpus=str(corpus) if arguments.mined else None)
        out = arguments.out / f"{base.name}-{task}{'-mined' if arguments.mined else ''}-{seed}"
        options = FinetuneOptions(held_out=0.3, seed=seed)
        start = time.perf_counter()
        record = finetune(sources, out, model=str(base), options=options, runner=Runner("cpu"), progress=progress_for())
        show(out.name, record, time.perf_counter() - start)


def show(name: str, record: dict[str, Any], seconds: float) -> None:
    """Print a row of the table for each measure."""
    for one in record["scores"]:
        change = one["difference"]
        print(
            f"| {name} | {record['trained']:,}, {record['held_out']:,} | {one['measure']} "
            f"| {one['before']['value']:.3f} | {one['after']['value']:.3f} "
            f"| {change['value']:+.3f} [{change['low']:+.3f}, {change['high']:+.3f}] "
            f"| {record['seconds'] / 60:.1f} min | {seconds / 60:.1f} min |",
            flush=True,
        )


def titles(data: Path, out: Path) -> tuple[Path, Path]:
    """Write 4,000 titles with their excerpts, taken at random; return their file and that of all excerpts."""
    corpus = read_corpus(data / "wikipedia-excerpts.parquet")
    rows = np.random.default_rng(0).permutation(len(corpus))[:4000].tolist()
    pairs = [(corpus.titles[row], corpus.texts[row]) for row in rows]
    return write(pairs, out / "titles.jsonl"), data / "wikipedia-excerpts.parquet"


def questions(data: Path, out: Path) -> tuple[Path, Path]:
    """Write the questions of XQuAD with the paragraphs that answer them; return their file and the paragraphs'."""
    folder = data / "retrieval" / "xquad-en"
    texts = {}
    for name in ("corpus", "queries"):
        lines = (folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        texts |= {(name, row["_id"]): row["text"] for row in map(json.loads, lines)}
    judged = [line.split("\t") for line in (folder / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    pairs = [(texts["queries", query], texts["corpus", document]) for query, document, grade in judged if int(grade)]
    return write(pairs, out / "questions.jsonl"), folder / "corpus.jsonl"


TASKS: dict[str, Callable[[Path, Path], tuple[Path, Path]]] = {"titles": titles, "questions": questions}


def write(pairs: list[tuple[str, str]], out: Path) -> Path:
    """Write pairs as the command reads them."""
    lines = [json.dumps({"anchor": anchor, "positive": positive}) for anchor, positive in pairs]
    out.write_text("\n".join(lines), encoding="utf-8")
    return out


def cut(layers: int, out: Path) -> Path:
    """Return the folder of all-MiniLM-L6-v2 with its first layers only."""
    from safetensors.numpy import load_file, save_file

    _, folder = find_model("all-MiniLM-L6-v2")
    out.mkdir(exist_ok=True)
    shutil.copyfile(folder / "tokenizer.json", out / "tokenizer.json")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (out / "config.json").write_text(json.dumps({**config, "num_hidden_layers": layers}), encoding="utf-8")
    (out / "sentence_bert_config.json").write_text('{"max_seq_length": 256}', encoding="utf-8")
    gone = tuple(f"encoder.layer.{layer}." for layer in range(layers, config["num_hidden_layers"]))
    tensors = {
        name: tensor for name, tensor in load_file(folder / "model.safetensors").items() if not name.startswith(gone)
    }
    save_file(tensors, out / "model.safetensors")
    return out


if __name__ == "__main__":
    main()
