"""The index of an atlas: made from its corpus and vectors, kept up with them, and opened."""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from knowscape.corpus.chunking import ChunkOptions
from knowscape.corpus.document import Corpus
from knowscape.embed.run import Texts, embed
from knowscape.embedding import EmbedOptions, executor_for
from knowscape.encoders.load import find_again, find_model, start_encoder
from knowscape.encoders.spec import Encoder, EncoderSpec
from knowscape.errors import UsageError
from knowscape.files import sha256_text
from knowscape.progress import SILENT, Progress
from knowscape.search.building import build_generation
from knowscape.search.embedded import EmbeddedIndex
from knowscape.search.generations import Generations
from knowscape.search.index import Changed, Passages
from knowscape.search.passages import split
from knowscape.store.atlas import AtlasFolder

__all__ = ["IndexOptions", "encoder_of", "indexed_model", "make_passages", "open_index", "update_index"]

Model = tuple[str, str]


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """How an index is made: how long documents are cut, and how what is not embedded yet is embedded.

    `models` names where models are found that are not in the catalogue.
    """

    chunks: ChunkOptions = field(default_factory=ChunkOptions)
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
    current = None if rebuild else generations.current()
    if current is not None:
        if current.about["fingerprint"] != model[1]:
            name = current.about["spec"]["name"]
            raise UsageError(
                f"The index of {folder.path} has vectors of {name}, not of {model[0]}. "
                f"Change it without a pause with: knowscape migrate {folder.path} --to {model[0]}"
            )
        if current.about["corpus"] == folder.info().get("corpus") and current.about["own"] == _own(options):
            return Changed()
    documents = corpus()
    passages, spec = make_passages(folder, documents, model, options=options, progress=progress)
    with generations.writing(), progress.stage("Index"):
        base = None if rebuild else generations.current()
        made, changed = build_generation(generations, spec, documents, passages, base=base, about=_own(options))
        before = None if rebuild else generations.previous()
        generations.switch(made, keep=before)
    return changed


def indexed_model(folder: AtlasFolder) -> str | None:
    """Return the name of the model whose vectors answer searches, None where there is no index."""
    current = Generations(folder.search()).current()
    return None if current is None else str(current.about["spec"]["name"])


def open_index(folder: AtlasFolder, models: Sequence[str] = ()) -> EmbeddedIndex:
    """Return the index that answers; UsageError where there is none."""
    return EmbeddedIndex(Generations(folder.search()), partial(encoder_of, models=models))


def encoder_of(spec: EncoderSpec, models: Sequence[str] = ()) -> Encoder:
    """Return the encoder of a spec, of no other; KnowscapeError where it is not found."""
    place, _ = find_again(spec.name, spec.fingerprint, models)
    return start_encoder(*find_model(place))


def make_passages(
    folder: AtlasFolder, corpus: Corpus, model: Model, *, options: IndexOptions, progress: Progress = SILENT
) -> tuple[Passages, EncoderSpec]:
    """Return the passages of the documents and their vectors; those of long documents are embedded where they are not.

    A document that fits whole has the vector that the atlas holds already; one that could not be embedded has none.
    """
    place, spec = find_again(*model, options.models, progress=progress)
    store = folder.vectors(*model)
    bad = store.quarantine()
    rows = np.array([row for row, digest in enumerate(corpus.text_digests) if digest not in bad], np.int64)
    embedded = corpus.without(bad) if bad else corpus
    with closing(encoder_of(spec, (place,))) as encoder:
        documents, spans = split(embedded, encoder, options.chunks, progress=progress)
    counts = np.bincount(documents, minlength=len(embedded))
    vectors = np.empty((len(documents), spec.dimension), np.float32)
    whole = counts[documents] == 1
    digests = embedded.text_digests
    vectors[whole] = store.read([digests[document] for document in documents[whole].tolist()])
    if not whole.all():
        pieces = [
            embedded.texts[document][start:end]
            for document, (start, end) in zip(documents[~whole].tolist(), spans[~whole].tolist(), strict=True)
        ]
        has, found = _embedded(folder, pieces, (place, *model), options=options.embedding, progress=progress)
        vectors[np.flatnonzero(~whole)[has]] = found
        whole[~whole] = has  # a piece that cannot be embedded is left out
    return Passages(rows[documents[whole]], spans[whole], vectors if whole.all() else vectors[whole]), spec


def _embedded(
    folder: AtlasFolder, texts: list[str], whose: tuple[str, str, str], *, options: EmbedOptions, progress: Progress
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return which of some pieces of texts have a vector, bool[n], and these; `whose`: where the model is, and which.

    What the atlas holds is not embedded again.
    """
    place, *model = whose
    store, digests = folder.passage_vectors(*model), [sha256_text(text) for text in texts]
    spec, files = find_model(place, trust_remote_code=options.engine.trust_remote_code, progress=progress)
    with closing(executor_for(spec, files, options)) as executor:
        these = Texts(texts, digests, digests)
        embed(these, spec=spec, executor=executor, store=store, commits=options.commits, progress=progress)
    bad = store.quarantine()
    has = np.array([digest not in bad for digest in digests], bool)
    return has, store.read([digest for digest, there in zip(digests, has, strict=True) if there])


def _own(options: IndexOptions) -> dict[str, object]:
    """Return what an index says about how it was made; one that says otherwise is made anew."""
    return {"chunks": asdict(options.chunks)}
