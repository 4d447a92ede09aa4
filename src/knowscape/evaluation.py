"""A run on judged data by each way of searching that there is."""

import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from knowscape.corpus.document import Corpus, Document
from knowscape.encoders.catalogue import DEFAULT_MODEL
from knowscape.encoders.load import load_encoder
from knowscape.encoders.spec import Encoder
from knowscape.encoders.vectors import encode_all
from knowscape.errors import UsageError
from knowscape.evaluate.dense import dense_run
from knowscape.evaluate.retrieval import RetrievalSet
from knowscape.evaluate.runs import DEPTH, Run, search_run
from knowscape.progress import SILENT, Progress
from knowscape.search.building import build_generation
from knowscape.search.embedded import EmbeddedIndex
from knowscape.search.generations import Generations
from knowscape.search.index import MODES, Passages, SearchOptions
from knowscape.search.weighing import weighed

__all__ = ["DEFAULT_MODE", "index_of", "run_of"]

DEFAULT_MODE = "hybrid"


def run_of(
    data: RetrievalSet,
    mode: str = DEFAULT_MODE,
    model: str = DEFAULT_MODEL,
    *,
    options: SearchOptions = SearchOptions(),
    depth: int = DEPTH,
    progress: Progress = SILENT,
) -> Run:
    """Return the best `depth` documents for each judged query.

    `model` is what `load_encoder` takes.  The dense search is exact; the others are those of the embedded index, with
    `options`, made for this in a temporary folder.  Raises UsageError for a mode that there is not.
    """
    if mode not in MODES:
        raise UsageError(f"There is no mode of search {mode!r}. Accepted: {', '.join(MODES)}.")
    with closing(load_encoder(model, progress=progress)) as encoder:
        if mode == "dense":
            return dense_run(encoder, data, depth, progress=progress)
        with tempfile.TemporaryDirectory(prefix="knowscape-") as folder:
            index = index_of(data, encoder, Path(folder), embed=mode != "lexical", progress=progress)
            chosen = replace(options, mode=mode, depth=max(depth, options.depth))

            def search(query: str, k: int) -> list[tuple[str, float]]:
                return [(hit.id, hit.score) for hit in index.search(query, replace(chosen, k=k))]

            return search_run(search, data.queries, depth, progress)


def index_of(
    data: RetrievalSet, encoder: Encoder, folder: Path, *, embed: bool = True, progress: Progress = SILENT
) -> EmbeddedIndex:
    """Return an index of judged documents, made in `folder`; titles and texts are embedded together, each once."""
    texts = list(data.documents.values())
    corpus = Corpus.from_documents(
        Document(name, text[len(data.titles.get(name, "")) :].strip(), data.titles.get(name, ""))
        for name, text in data.documents.items()
    )
    if embed:
        vectors = encode_all(encoder.encode_documents, texts, name="Documents", progress=progress)
    else:
        vectors = np.empty((0, encoder.spec.dimension), np.float32)
    lengths = [len(text) for text in corpus.texts[: len(vectors)]]
    passages = Passages(np.arange(len(vectors)), np.array([[0, length] for length in lengths]).reshape(-1, 2), vectors)
    generations = Generations(folder)
    with generations.writing(), progress.stage("Index"):
        made, _ = build_generation(generations, encoder.spec, corpus, passages)
        if embed:
            made = weighed(generations, made, lambda _: encoder)
        generations.switch(made, keep=None)
    return EmbeddedIndex(generations, lambda _: encoder)
