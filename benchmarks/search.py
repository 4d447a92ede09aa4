"""Searches of 250,000 texts: how long an index takes, how fast and how near to exact it answers, beside other tools.

    python benchmarks/search.py ATLAS QUESTIONS [--peers PYTHON] [--only TOOL ...]

ATLAS is embedded (knowscape embed mixed-250k.parquet -o ATLAS), QUESTIONS a file of quiz questions, 500 of which are
asked.  PYTHON is an interpreter with lancedb, chromadb, bm25s and PyStemmer, each of which gets the same texts and
vectors, and the same queries with vectors that are computed before; our times are with and without the embedding of the
query.  Every tool runs in a process of its own, its index made in one and searched in another.  Recall is the share of
the exact ten nearest among the ten that a search by vectors finds.  Memory is the most that was resident
(VmHWM), pages of mapped files included.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import quantiles

import numpy as np
import pyarrow as pa

from knowscape.atlas import open_atlas
from knowscape.encoders.load import load_encoder

COMMON = """
import json, sys, time
from pathlib import Path
import numpy as np
work, place = Path(sys.argv[1]), Path(sys.argv[2])
queries = json.loads((work / "queries.json").read_text())
def peak():
    return next(int(line.split()[1]) / 1e6 for line in open("/proc/self/status") if line.startswith("VmHWM"))
def texts():
    import pyarrow as pa
    table = pa.ipc.open_file(pa.memory_map(str(work / "texts.arrow"))).read_all()
    return table["id"].to_pylist(), table["title"].to_pylist(), table["text"].to_pylist()
def timed(search, warm=30):
    for number in range(warm):
        search(number)
    times, found = [], []
    for number in range(len(queries)):
        start = time.perf_counter()
        answer = search(number)
        times.append(time.perf_counter() - start)
        found.append(answer)
    return times, found
def tell(**said):
    print(json.dumps({"peak": peak(), **said}))
"""
OWN_BUILD = """
from knowscape.atlas import open_atlas
start = time.perf_counter()
open_atlas(place).index(rebuild=True)
tell(seconds=time.perf_counter() - start)
"""
OWN = """
from knowscape.atlas import open_atlas
from knowscape.search.index import SearchOptions
index, found = open_atlas(place).searcher(), {}
for mode in ("hybrid", "dense", "lexical"):
    options = SearchOptions(mode=mode)
    times, hits = timed(lambda number: [hit.id for hit in index.search(queries[number], options)])
    found[mode] = {"times": times, "ids": hits}
vectors = np.load(work / "vectors.npy")
index._embed = lambda opened, text: vectors[place_of[text]]  # the query's vector is given, as the peers' is
from knowscape.search.query import parse_query
place_of = {parse_query(query).text: number for number, query in enumerate(queries)}
times, hits = timed(lambda number: index.search(queries[number]))
tell(modes={**found, "hybrid, vector given": {"times": times}})
"""
LANCE_BUILD = """
import lancedb, pyarrow as pa
ids, titles, bodies = texts()
vectors = np.load(work / "documents.npy", mmap_mode="r")
start = time.perf_counter()
flat = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
whole = [f"{title} {body}" for title, body in zip(titles, bodies)]
table = lancedb.connect(place).create_table("t", pa.table({"id": ids, "text": whole, "vector": flat}))
table.create_index(metric="cosine", index_type="IVF_HNSW_SQ", vector_column_name="vector")
table.create_fts_index("text", use_tantivy=False, with_position=False)
tell(seconds=time.perf_counter() - start)
"""
LANCE = """
import lancedb
table, vectors = lancedb.connect(place).open_table("t"), np.load(work / "vectors.npy")
from lancedb.rerankers import RRFReranker
rank = RRFReranker()
def hybrid(number):
    words = "".join(c if c.isalnum() else " " for c in queries[number])
    found = table.search(query_type="hybrid").vector(vectors[number]).text(words).rerank(rank).limit(10)
    return found.to_arrow()["id"].to_pylist()
def dense(number):
    return table.search(vectors[number]).distance_type("cosine").limit(10).to_arrow()["id"].to_pylist()
found = {}
for name, search in (("hybrid, vector given", hybrid), ("dense, vector given", dense)):
    times, hits = timed(search)
    found[name] = {"times": times, "ids": hits}
tell(modes=found)
"""
CHROMA_BUILD = """
import chromadb
ids, titles, bodies = texts()
vectors = np.load(work / "documents.npy", mmap_mode="r")
start = time.perf_counter()
made = chromadb.PersistentClient(str(place)).create_collection("texts", metadata={"hnsw:space": "cosine"})
for first in range(0, len(ids), 5000):
    part = slice(first, first + 5000)
    made.add(ids=ids[part], embeddings=np.array(vectors[part]), documents=bodies[part])
tell(seconds=time.perf_counter() - start)
"""
CHROMA = """
import chromadb
made, vectors = chromadb.PersistentClient(str(place)).get_collection("texts"), np.load(work / "vectors.npy")
times, hits = timed(lambda n: made.query(query_embeddings=[vectors[n].tolist()], n_results=10)["ids"][0])
tell(modes={"dense, vector given": {"times": times, "ids": hits}})
"""
BM25S_BUILD = """
import bm25s, Stemmer
ids, titles, bodies = texts()
start = time.perf_counter()
whole, stemmer = [f"{title} {body}" for title, body in zip(titles, bodies)], Stemmer.Stemmer("english")
tokens = bm25s.tokenize(whole, stopwords="en", stemmer=stemmer, show_progress=False)
index = bm25s.BM25()
index.index(tokens, show_progress=False)
index.save(str(place))
tell(seconds=time.perf_counter() - start)
"""
BM25S = """
import bm25s, Stemmer
index, stemmer = bm25s.BM25.load(str(place)), Stemmer.Stemmer("english")
def search(number):
    tokens = bm25s.tokenize([queries[number]], stopwords="en", stemmer=stemmer, show_progress=False)
    return index.retrieve(tokens, k=10, show_progress=False)[0][0].tolist()
times, _ = timed(search)
tell(modes={"lexical": {"times": times}})
"""


def run(python: str, code: str, work: Path, place: Path) -> dict[str, object]:
    """Return what a process tells in its last line."""
    done = subprocess.run([python, "-c", COMMON + code, work, place], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def prepare(atlas_path: Path, questions: Path, work: Path) -> list[set[str]]:
    """Write texts, vectors and queries for all tools, and return the exact ten nearest of each query."""
    atlas = open_atlas(atlas_path)
    queries = [one["question"] for one in json.loads(questions.read_text(encoding="utf-8"))[:500]]
    (work / "queries.json").write_text(json.dumps(queries))
    table = atlas.corpus.table.select(["id", "title", "text"])
    with pa.OSFile(str(work / "texts.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as out:
        out.write_table(table)
    documents, asked = atlas.vectors(), load_encoder(atlas.model()[0]).encode_queries(queries)
    np.save(work / "documents.npy", documents)
    np.save(work / "vectors.npy", asked)
    ids = atlas.corpus.ids
    return [{ids[row] for row in np.argpartition(-(documents @ query), 10)[:10]} for query in asked]


def show(name: str, built: dict[str, object], found: dict[str, object], exact: list[set[str]]) -> None:
    print(f"{name}: built in {built['seconds']:.1f} s, {built['peak']:.2f} GB; searched with {found['peak']:.2f} GB")
    for mode, said in found["modes"].items():
        cuts = quantiles(said["times"], n=100)
        near = "" if "dense" not in mode else np.mean(
            [len(set(ids) & best) / 10 for ids, best in zip(said["ids"], exact, strict=True)]
        )  # fmt: skip
        recall = f", recall at 10 {near:.4f}" if near != "" else ""
        print(f"  {mode:<22} p50 {1000 * cuts[49]:6.1f} ms, p99 {1000 * cuts[98]:6.1f} ms{recall}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("atlas", type=Path)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--peers", default="")
    parser.add_argument("--only", nargs="*", default=["knowscape", "LanceDB", "chromadb", "bm25s"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        exact = prepare(options.atlas, options.questions, work)
        if "knowscape" in options.only:
            shutil.rmtree(options.atlas / "search", ignore_errors=True)
            built = run(sys.executable, OWN_BUILD, work, options.atlas)
            show("knowscape", built, run(sys.executable, OWN, work, options.atlas), exact)
        peers = {"LanceDB": (LANCE_BUILD, LANCE), "chromadb": (CHROMA_BUILD, CHROMA), "bm25s": (BM25S_BUILD, BM25S)}
        for name, (build, search) in peers.items():
            if not options.peers or name not in options.only:
                continue
            made = run(options.peers, build, work, work / name)
            show(name, made, run(options.peers, search, work, work / name), exact)


if __name__ == "__main__":
    main()
