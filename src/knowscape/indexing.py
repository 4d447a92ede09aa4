"""The index of an atlas: made from its corpus and vectors, kept up with them, and opened."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.corpus.chunking import ChunkOptions
from knowscape.corpus.document import Corpus
from knowscape.embed.run import Texts, embed
from knowscape.embedding import EmbedOptions, executor_for
from knowscape.encoders.load import FoundModel, find_again, load_tokens, start_encoder
from knowscape.encoders.spec import Encoder, EncoderSpec
from knowscape.errors import DamageError, UsageError
from knowscape.files import sha256_text
from knowscape.progress import SILENT, Progress
from knowscape.search.building import build_generation
from knowscape.search.compression import Compression
from knowscape.search.embedded import EmbeddedIndex, LoadEncoder
from knowscape.search.generations import Generation, Generations
from knowscape.search.index import Changed, Passages
from knowscape.search.passages import split
from knowscape.search.weighing import weighed
from knowscape.store.atlas import AtlasFolder
from knowscape.store.vectors import VectorStore

__all__ = [
    "NO_COMPRESSION",
    "IndexOptions",
    "encoder_of",
    "indexed_model",
    "make_passages",
    "open_index",
    "own_of",
    "update_index",
]

# Tokens of a passage, where the model takes as many.
_PASSAGE = 512
NO_COMPRESSION = "none"

Model = tuple[str, str]


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How an index is made: how long documents are cut, and how what is not embedded yet is embedded.

    `chunks` None cuts as the index that is there does.  `compression` is what the vectors are compressed by, as a word;
    None keeps what is there, and "none" ends it.  `models` names where models are found that are not in the catalogue.
    """

    chunks: ChunkOptions | None = None
    compression: str | None = None
    embedding: EmbedOptions = field(default_factory=EmbedOptions)
    models: tuple[str, ...] = ()


def update_index(
    folder: AtlasFolder,
    corpus: Callable[[], Corpus],
    model: Model,
    *,
    options: IndexOptions = IndexOptions(),
    rebuild: bool = False,
    progress: Progress = SILENT,
) -> Changed:
    """Make the index that of the atlas's corpus; what is there is continued unless `rebuild` says no.

    While it is made the one before answers.  Raises UsageError where the index is of another model.
    """
    generations = Generations(folder.search())
    current = _readable(generations) if rebuild else generations.current()
    own = own_of(options, current)
    if current is not None and not rebuild:
        _refuse_other_model(folder, current, model)
        if current.about["corpus"] == folder.info().get("corpus") and current.about["own"] == own:
            return Changed()
    documents = corpus()
    whole = replace(options, chunks=ChunkOptions(**own["chunks"]))
    passages, spec = make_passages(folder, documents, model, options=whole, progress=progress)
    with generations.writing(), progress.stage("Index"):
        base = None if rebuild else generations.current()
        if base is not None:  # another process may have changed the model meanwhile
            _refuse_other_model(folder, base, model)
        made, changed = build_generation(generations, spec, documents, passages, base=base, about=own)
        del passages  # they take as much memory as the model
        made = weighed(generations, made, partial(encoder_of, models=options.models))
        generations.switch(made, keep=generations.previous() if base is not None else None)
    return changed


def _readable(generations: Generations) -> Generation | None:
    """Return what is there; None where there is nothing, or nothing that can be read."""
    try:
        return generations.current()
    except DamageError:
        return None


def _refuse_other_model(folder: AtlasFolder, current: Generation, model: Model) -> None:
    if current.about["fingerprint"] != model[1]:
        name = current.about["spec"]["name"]
        raise UsageError(
            f"The index of {folder.path} has vectors of {name}, not of {model[0]}. "
            f"Change it without a pause with: knowscape migrate {folder.path} --to {model[0]}"
        )


def indexed_model(folder: AtlasFolder) -> str | None:
    """Return the name of the model whose vectors answer searches, None where there is no index."""
    current = Generations(folder.search()).current()
    return None if current is None else str(current.about["spec"]["name"])


def encoder_of(spec: EncoderSpec, models: Sequence[str] = ()) -> Encoder:
    """Return the encoder of a spec, of no other; KnowscapeError where it is not found."""
    found = find_again(spec.name, spec.fingerprint, models)
    return start_encoder(found.spec, found.folder)


def open_index(folder: AtlasFolder, load: LoadEncoder = encoder_of) -> EmbeddedIndex:
    """Return the index that answers; UsageError where there is none."""
    return EmbeddedIndex(Generations(folder.search()), load)


def make_passages(
    folder: AtlasFolder, corpus: Corpus, model: Model, *, options: IndexOptions, progress: Progress = SILENT
) -> tuple[Passages, EncoderSpec]:
    """Return the passages of the documents and their vectors; those of long documents are embedded where they are not.

    A document that fits whole has the vector that the atlas holds already; one that could not be embedded has none.
    """
    found = find_again(*model, options.models, progress=progress)
    store = folder.vectors(*model)
    bad = store.quarantine()
    rows = np.array([row for row, digest in enumerate(corpus.text_digests) if digest not in bad], np.int64)
    embedded = corpus.without(bad) if bad else corpus
    tokens, chunks = load_tokens(found.spec, found.folder), options.chunks or ChunkOptions(_PASSAGE)
    documents, spans = split(embedded, tokens, chunks, progress=progress)
    counts = np.bincount(documents, minlength=len(embedded))
    whole = counts[documents] == 1
    digests = embedded.text_digests
    if whole.all():
        vectors = store.read(digests)
    else:
        vectors = np.empty((len(documents), found.spec.dimension), np.float32)
        vectors[whole] = store.read([digests[document] for document in documents[whole].tolist()])
        pieces = [
            embedded.texts[document][start:end]
            for document, (start, end) in zip(documents[~whole].tolist(), spans[~whole].tolist(), strict=True)
        ]
        parts = folder.passage_vectors(*model)
        has, made = _embedded(parts, pieces, found, options=options.embedding, progress=progress)
        vectors[np.flatnonzero(~whole)[has]] = made
        whole[~whole] = has  # a piece that cannot be embedded is left out
    return Passages(rows[documents[whole]], spans[whole], vectors if whole.all() else vectors[whole]), found.spec


def _embedded(
    store: VectorStore, texts: list[str], model: FoundModel, *, options: EmbedOptions, progress: Progress
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return which of some pieces of texts have a vector, bool[n], and these; what is stored is not embedded again."""
    digests = [sha256_text(text) for text in texts]
    with closing(executor_for(model.spec, model.folder, options, place=model.place, progress=progress)) as executor:
        these = Texts(texts, digests, digests)
        embed(these, spec=model.spec, executor=executor, store=store, commits=options.commits, progress=progress)
    bad = store.quarantine()
    has = np.array([digest not in bad for digest in digests], bool)
    return has, store.read([digest for digest, there in zip(digests, has, strict=True) if there])


def own_of(options: IndexOptions, current: Generation | None) -> dict[str, Any]:
    """Return what an index says about how it is made, where `current` is there; one that says else is made anew."""
    kept = current.about["own"] if current is not None else {}
    said = options.compression
    chosen = (
        kept.get("compression") if said is None else None if said == NO_COMPRESSION else str(Compression.parse(said))
    )
    chunks = asdict(options.chunks) if options.chunks else kept.get("chunks", asdict(ChunkOptions(_PASSAGE)))
    return {"chunks": chunks, "compression": chosen}
