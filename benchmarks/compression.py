"""Measure what compressing vectors costs and saves on judged data, and draw it.

    python benchmarks/compression.py DATA [--svg FOLDER] [--choices int8,binary+rescore8] [--sets scifact xquad-en]

DATA holds folders of BEIR's layout under retrieval/.  Encoder: all-MiniLM-L6-v2, which was not trained for Matryoshka:
its truncated vectors show what happens to a model that was not.  The index is written to a file as well, whose size is
printed beside the predicted bytes; what it has more is its header.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from knowscape.cli.output import table
from knowscape.compression import PlanOptions, plan_for_retrieval
from knowscape.encoders.load import load_encoder
from knowscape.evaluate.retrieval import read_retrieval
from knowscape.progress import progress_for
from knowscape.search.compressed import compress
from knowscape.search.compression_plan import Plan
from knowscape.search.compression_plot import drawing
from knowscape.significance import Figure

MODEL = "all-MiniLM-L6-v2"
CHOICES = (
    "float32,float16,int8,int8+rescore4,binary,binary+rescore4,binary+rescore16,"
    "pca256,pca256+int8,pca128,pca128+int8,pca128+int8+rescore4,pca64,pca64+int8,"
    "truncate256,truncate256+int8,truncate128,truncate128+int8+rescore4"
)


def file_bytes(plan: Plan, folder: Path) -> list[int]:
    """Return the size of each choice's file for as many vectors of as many numbers, which are random."""
    vectors = np.random.default_rng(0).standard_normal((plan.vectors, plan.dimension)).astype(np.float32)
    sizes = []
    for choice in plan.choices:
        path = folder / "vectors.safetensors"
        compress(vectors, choice.compression).save(path)
        sizes.append(path.stat().st_size)
    return sizes


def figure(found: Figure, sign: str = "") -> str:
    return f"{found.value:{sign}.4f} [{found.low:{sign}.4f}, {found.high:{sign}.4f}]"


def show(plan: Plan, files: list[int]) -> None:
    heads = ["", plan.decides, "to float32", "overlap@10", "bytes each", "predicted", "in memory", "in the file"]
    rows = [
        [
            str(choice.compression),
            figure(choice.quality[plan.decides]),
            figure(choice.difference[plan.decides], "+"),
            f"{choice.quality['overlap@10'].value:.3f}",
            f"{choice.bytes_per_vector:,}",
            *(f"{size:,}" for size in (choice.predicted, choice.bytes, size)),
            f"{choice.median_ms:.2f} {choice.p99_ms:.2f}",
        ]
        for choice, size in zip(plan.choices, files, strict=True)
    ]
    table([*heads, "ms: median, p99"], rows)
    for line in plan.lines():
        print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="*", default=["scifact", "xquad-en"])
    parser.add_argument("--choices", default=CHOICES)
    parser.add_argument("--svg", type=Path, help="a folder for a picture of each set")
    arguments = parser.parse_args()
    encoder, options = load_encoder(MODEL), PlanOptions(tuple(arguments.choices.split(",")))
    for name in arguments.sets:
        plan = plan_for_retrieval(
            read_retrieval(arguments.data / "retrieval" / name), encoder, options, progress=progress_for()
        )
        print(f"\n{name}: {plan.vectors:,} documents of {plan.dimension} numbers, {MODEL}, not trained for Matryoshka")
        with tempfile.TemporaryDirectory() as folder:
            show(plan, file_bytes(plan, Path(folder)))
        if arguments.svg:
            (arguments.svg / f"compression-{name}.svg").write_text(drawing(plan), encoding="utf-8")


if __name__ == "__main__":
    main()
