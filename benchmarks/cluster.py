"""Measure what a Ray cluster costs: two workers of a core each, against the local pipeline on two cores.

    python benchmarks/cluster.py mixed-250k.parquet [--limit 20000] [--turns 2] [--workers 2] [--model all-MiniLM-L6-v2]

Both embed the same texts into a new atlas, in a process of its own, by turns.  Ray is running before; the time of a run
has the start of the workers, their loading of the model, the canaries and all commits in it.  Says, too, whether the
vectors are the same bytes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import ray

import knowscape

RUN = r"""
import json, sys, time
from pathlib import Path
from knowscape.atlas import Atlas
from knowscape.build import embed_corpus, put_corpus
from knowscape.corpus.readers import read_corpus
from knowscape.embedding import EmbedOptions
from knowscape.progress import progress_for
from knowscape.store.atlas import AtlasFolder
corpus, out, limit, model, on, workers = sys.argv[1:]
folder = AtlasFolder.create(Path(out))
put_corpus(folder, read_corpus(corpus, limit=int(limit)))
atlas = Atlas(folder)
atlas.corpus.texts
options = EmbedOptions(cache=False, on=on, workers=int(workers)) if on else EmbedOptions(cache=False)
start = time.perf_counter()
found = embed_corpus(atlas, model, options, progress=progress_for())
print(json.dumps(found.computed / (time.perf_counter() - start)))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--limit", type=int, default=20_000)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    given = parser.parse_args()
    context = ray.init(num_cpus=given.workers, include_dashboard=False)
    places = {"local": "", "cluster": context.address_info["gcs_address"]}
    rates: dict[str, list[float]] = {name: [] for name in places}
    with tempfile.TemporaryDirectory(prefix="knowscape-") as folder:
        for turn in range(given.turns):
            for name, on in places.items():
                out = Path(folder, f"{name}-{turn}.atlas")
                said = [given.corpus, out, given.limit, given.model, on, given.workers]
                done = subprocess.run(
                    [sys.executable, "-c", RUN, *map(str, said)], check=True, stdout=subprocess.PIPE, text=True
                )
                rates[name].append(json.loads(done.stdout))
                print(f"{name}: {rates[name][-1]:.1f} texts/s", flush=True)
        local, cluster = (knowscape.open(Path(folder, f"{name}-0.atlas")).vectors() for name in places)
        ratio = np.median(rates["cluster"]) / np.median(rates["local"])
        print(f"cluster against local: {ratio:.3f}; same bytes: {local.tobytes() == cluster.tobytes()}")
    ray.shutdown()


if __name__ == "__main__":
    main()
