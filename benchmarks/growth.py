"""Measure what growing a map costs and keeps, against laying it out anew.

    python benchmarks/growth.py ARTICLES -o X.atlas [-q questions.json] [--new 2000] [--seed 0]

ARTICLES are embedded into X.atlas (those that are embedded already are not again), and a map of all but some random
ones is laid out.  These are then added as `knowscape add` does it.  Printed are the seconds after embedding, whether
the old points kept their bits, the recall of new and old articles against that of a layout of all, and how far
articles move when the map is laid out anew: alone, turned onto the map before, and started from it as `knowscape map`
does it.
"""

import argparse
import shutil
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from knowscape.atlas import Atlas
from knowscape.build import MapOptions, embed_corpus, map_atlas, put_corpus, put_questions
from knowscape.corpus.document import Corpus
from knowscape.corpus.readers import read_corpus
from knowscape.encoders.catalogue import DEFAULT_MODEL
from knowscape.growth import add
from knowscape.maps.alignment import align, rows_of
from knowscape.maps.knowledge_map import KnowledgeMap
from knowscape.maps.layout import lay_out, normalise
from knowscape.maps.neighbours import nearest
from knowscape.maps.quality import neighbour_recall
from knowscape.progress import progress_for
from knowscape.quiz.questions import read_questions
from knowscape.store.atlas import AtlasFolder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("articles", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("-q", "--questions", type=Path)
    parser.add_argument("--new", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    corpus = read_corpus(arguments.articles)
    folder = AtlasFolder.create(arguments.out)
    put_corpus(folder, corpus)
    if arguments.questions:
        put_questions(folder, read_questions(arguments.questions, limit=100))
    embed_corpus(Atlas(folder), DEFAULT_MODEL, progress=progress_for())
    chosen = np.random.default_rng(arguments.seed).permutation(len(corpus)) < arguments.new
    before = old_map(folder, Corpus(corpus.table.filter(pa.array(~chosen))))
    start = time.perf_counter()
    added = add(Atlas(folder), Corpus(corpus.table.filter(pa.array(chosen))), progress=progress_for())
    print(f"add, after embedding: {time.perf_counter() - start:.1f} s for {added.documents:,} articles")
    compare(Atlas(folder), before, added.maps[DEFAULT_MODEL])


def old_map(folder: AtlasFolder, corpus: Corpus) -> KnowledgeMap:
    """Return the map of the articles that are there at first, laid out without knowledge of any other."""
    put_corpus(folder, corpus)
    shutil.rmtree(folder.map(DEFAULT_MODEL), ignore_errors=True)
    return map_atlas(Atlas(folder), MapOptions(), force=True, progress=progress_for())


def compare(atlas: Atlas, before: KnowledgeMap, grown: KnowledgeMap) -> None:
    """Print what the grown map keeps, and what layouts of all keep and move."""
    count, size = len(atlas.documents()), len(before.document_ids)
    same = grown.raw[:size].tobytes() == before.raw[:size].tobytes()
    same &= grown.coordinates[:size].tobytes() == before.coordinates[:size].tobytes()
    print(f"old points keep their bits: {same}")
    print(
        {
            name: value if isinstance(value, str | None) else round(value, 3)
            for name, value in grown.about["drift"].items()
        }
    )
    vectors, graph = atlas.vectors(), atlas.neighbours()
    new, old = rows_of(atlas.documents().ids, before.document_ids) < 0, before.coordinates[:size]
    near = nearest(vectors, atlas.question_vectors(), 5)[0] if atlas.questions else None

    def report(name: str, made: NDArray[np.float32]) -> None:
        recall = neighbour_recall(graph, made, [5, 10, 50])
        cells = "  ".join(f"{recall[k][new].mean():.3f} {recall[k][~new].mean():.3f}" for k in recall)
        moved = np.linalg.norm(made[~new] - old, axis=1)
        print(f"{name:<34} {cells}   {np.median(moved):.4f}  {np.quantile(moved, 0.9):.4f}")

    print(f"{'':<34} recall at 5, 10, 50: new old, new old, new old   moved: median, 90 %")
    report("grown", grown.coordinates[:count])
    start = time.perf_counter()
    alone = lay_out(vectors, graph, near).documents
    print(f"a layout of all: {time.perf_counter() - start:.1f} s")
    report("laid out anew", normalise(alone))
    report("laid out anew, turned", normalise(align(alone[~new], before.raw[:size]).turned(alone)))
    again = map_atlas(atlas, MapOptions(), force=True)
    report("laid out anew from where it was", again.coordinates[:count])
    print("quality, grown:", asdict(grown.quality.recall[10]), "anew:", asdict(again.quality.recall[10]))


if __name__ == "__main__":
    main()
