"""Atlases, folders of vectors and checkpoints as several machines would have made them, of one small corpus."""

import pickle
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from fakes import SPEC, CountingEncoder
from numpy.typing import NDArray

from knowscape.atlas import Atlas, open_atlas
from knowscape.build import put_corpus, put_questions
from knowscape.corpus.document import Corpus, Document
from knowscape.encoders.spec import EncoderSpec
from knowscape.files import sha256_text
from knowscape.quiz.questions import Question
from knowscape.store.atlas import AtlasFolder

PART = 10
OTHER = replace(SPEC, name="other", revision="2")

Spoil = Callable[[NDArray[np.float32]], None]


def stars(rows: Iterable[int], kind: str = "Star") -> list[Document]:
    return [Document(str(n), f"{kind} {n} shines.", f"{kind} {n}") for n in rows]


def corpus(documents: Sequence[Document]) -> Corpus:
    return Corpus.from_documents(documents)


def vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    return CountingEncoder().encode_documents(list(texts))


def embedded(path: Path, documents: Sequence[Document], spec: EncoderSpec = SPEC, spoil: Spoil | None = None) -> Path:
    """Commit the documents' vectors to an atlas, ten a part, and return their folder."""
    store = AtlasFolder.open(path).vectors(spec.name, spec.fingerprint)
    with store.writing(spec.about()) as append:
        for start in range(0, len(documents), PART):
            some = documents[start : start + PART]
            found = vectors([each.text for each in some])
            if spoil is not None:
                spoil(found)
            append([each.id for each in some], [each.text_digest for each in some], found)
    return store.parts.folder


def shard(
    path: Path,
    documents: Sequence[Document],
    done: Sequence[Document] | None = None,
    *,
    spec: EncoderSpec = SPEC,
    spoil: Spoil | None = None,
    questions: Sequence[Question] = (),
) -> Path:
    """Make an atlas of `documents` with vectors of those in `done`, all by default."""
    folder = AtlasFolder.create(path)
    put_corpus(folder, corpus(documents))
    embedded(path, documents if done is None else done, spec, spoil)
    if questions:
        put_questions(folder, questions)
        texts = [question.embedding_text for question in questions]
        with folder.question_vectors(spec.name, spec.fingerprint).writing(spec.about()) as append:
            append([question.id for question in questions], list(map(sha256_text, texts)), vectors(texts))
    folder.update({"models": {spec.name: spec.fingerprint}, "model": spec.name})
    return path


def checkpoint(path: Path, start: int, documents: Sequence[Document], **changes: Any) -> Path:
    """Write a checkpoint as the predecessor did."""
    found = vectors([each.text for each in documents])
    value = {"start_index": start, "end_index": start + len(documents), "embeddings": found}
    path.write_bytes(pickle.dumps({**value, **changes}))
    return path


def holds(path: Path, documents: Sequence[Document]) -> Atlas:
    """Assert that an atlas is whole and has these documents, with their vectors, and return it."""
    atlas = open_atlas(path)
    assert [str(fault) for fault in atlas.check(full=True)] == []
    assert [(each.id, each.text) for each in atlas.corpus] == [(each.id, each.text) for each in documents]
    np.testing.assert_array_equal(atlas.vectors(), vectors([each.text for each in documents]))
    return atlas


def tree(path: Path) -> dict[str, bytes]:
    """Return every file below a folder, but locks."""
    files = (file for file in path.rglob("*") if file.is_file() and file.name != ".lock")
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def links(path: Path) -> list[int]:
    """Return how many names each part of an atlas has."""
    return [part.stat().st_nlink for part in path.rglob("part-*.parquet")]
