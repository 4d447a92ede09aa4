"""A small atlas with all that an atlas can hold, and vectors that no model made."""

from pathlib import Path

import numpy as np

from knowscape.atlas import Atlas
from knowscape.build import MapOptions, make_page, map_atlas, put_corpus, put_questions
from knowscape.corpus.document import Corpus, Document
from knowscape.encoders.spec import EncoderSpec
from knowscape.files import sha256_text
from knowscape.quiz.questions import Question
from knowscape.store.atlas import AtlasFolder

SPEC = EncoderSpec("by-hand", "1", "0" * 64, "0" * 64, dimension=8, max_tokens=16)
COUNT = 40
QUESTIONS = [Question(f"q{n}", f"What is {n}?", ("a star", "a stone"), n % 2, topic="things") for n in range(4)]


def small_atlas(path: Path, *, page: bool = True) -> Atlas:
    """Make and return an atlas of 40 documents in four commits, one in quarantine, 4 questions, a map and a page."""
    folder, random = AtlasFolder.create(path), np.random.default_rng(3)
    documents = [Document(f"d{n}", f"Thing {n} is {'red' if n % 2 else 'blue'}.", f"Thing {n}") for n in range(COUNT)]
    put_corpus(folder, Corpus.from_documents(documents[:30]))
    put_corpus(folder, Corpus.from_documents(documents))
    put_questions(folder, QUESTIONS)
    near = np.eye(8)[np.arange(COUNT) % 4] + random.normal(0, 0.2, (COUNT, 8))
    vectors = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
    store = folder.vectors(SPEC.name, SPEC.fingerprint)
    with store.writing(SPEC.about()) as append:
        for rows in np.split(np.arange(COUNT - 1), [10, 20, 30]):
            append([f"d{n}" for n in rows], [documents[n].text_digest for n in rows], vectors[rows])
    store.set_quarantine({documents[-1].text_digest: "it was too long for this machine"})
    with folder.question_vectors(SPEC.name, SPEC.fingerprint).writing(SPEC.about()) as append:
        append([q.id for q in QUESTIONS], [sha256_text(q.embedding_text) for q in QUESTIONS], vectors[: len(QUESTIONS)])
    folder.update({"models": {SPEC.name: SPEC.fingerprint}, "model": SPEC.name, "runs": {}})
    atlas = Atlas(folder)
    map_atlas(atlas, MapOptions())
    if page:
        make_page(atlas)
    return Atlas(folder)
