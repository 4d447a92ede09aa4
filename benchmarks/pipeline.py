"""Measure what the pipeline with its store costs, against the encoder alone, on a large corpus.

    python benchmarks/pipeline.py mixed-250k.parquet [--limit 250000] [--keep mixed.atlas]

The encoder alone embeds every tenth slice of the corpus, before and after; the pipeline embeds all of it into an atlas,
in a process of its own whose greatest memory is read.  The rate at the end is that of the last commits against that of
the first ones, in tokens a second between the times of their files.  The atlas that is kept serves `maps.py`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from knowscape.corpus.readers import read_corpus
from knowscape.embed.plan import plan_slices
from knowscape.encoders.load import load_encoder
from knowscape.encoders.spec import Encoder

PIPELINE = r"""
import json, re, sys, time
from pathlib import Path
from knowscape.atlas import Atlas
from knowscape.build import embed_corpus, put_corpus
from knowscape.embedding import EmbedOptions
from knowscape.corpus.readers import read_corpus
from knowscape.embed.run import Commits
from knowscape.store.atlas import AtlasFolder
folder = AtlasFolder.create(Path(sys.argv[2]))
put_corpus(folder, read_corpus(sys.argv[1], limit=int(sys.argv[3])))
atlas = Atlas(folder)
atlas.corpus.texts
start = time.perf_counter()
found = embed_corpus(atlas, "all-MiniLM-L6-v2", EmbedOptions(cache=False))
print(json.dumps({"seconds": time.perf_counter() - start, "computed": found.computed,
                  "bytes": 1024 * int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])}))
"""


def alone(encoder: Encoder, texts: list[str], slices: list[list[int]]) -> float:
    """Return the encoder's own seconds for these slices."""
    encoder.encode_documents(texts[:512])
    start = time.perf_counter()
    for rows in slices:
        encoder.encode_documents([texts[row] for row in rows])
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--limit", type=int, default=250_000)
    parser.add_argument("--keep", type=Path, help="keep the atlas under this name")
    arguments = parser.parse_args()
    corpus = read_corpus(arguments.corpus, limit=arguments.limit)
    texts = corpus.texts
    slices = [list(part.rows) for part in plan_slices(corpus.text_digests, set())]
    tenth = slices[::10]
    encoder = load_encoder()
    tokens = np.array(encoder.token_counts(texts))
    share = sum(tokens[rows].sum() for rows in tenth) / sum(tokens[rows].sum() for rows in slices)
    before = alone(encoder, texts, tenth)
    with tempfile.TemporaryDirectory() as folder:
        atlas = arguments.keep or Path(folder) / "x.atlas"
        command = [sys.executable, "-c", PIPELINE, str(arguments.corpus), str(atlas), str(arguments.limit)]
        done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
        if done.returncode:
            sys.exit(done.stderr[-2000:])
        found = json.loads(done.stdout)
        parts = sorted(atlas.glob("vectors/*/part-*.parquet"), key=lambda path: path.stat().st_mtime_ns)
        place = {name: row for row, name in enumerate(corpus.ids)}
        committed = [sum(tokens[place[name]] for name in pq.read_table(path)["id"].to_pylist()) for path in parts]
        rates = np.array(committed[1:]) / np.diff([path.stat().st_mtime for path in parts])
    after = alone(encoder, texts, tenth)
    own, few = (before + after) / 2 / share, max(1, len(rates) // 10)
    print(f"texts            {found['computed']:>10,}")
    print(f"encoder alone    {own:>10.1f} s, {before / share:.1f} by the slices before, {after / share:.1f} after")
    print(f"pipeline         {found['seconds']:>10.1f} s = {own / found['seconds']:.1%} of the encoder's own speed")
    print(f"peak memory      {found['bytes'] / 1e9:>10.2f} GB")
    print(f"first commits    {rates[:few].mean():>10,.0f} tokens/s")
    print(f"last commits     {rates[-few:].mean():>10,.0f} tokens/s, of {len(parts)} commits")


if __name__ == "__main__":
    main()
