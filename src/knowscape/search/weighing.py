"""How much meaning counts beside words: as often as each finds a document by a part of it, without judgements.

A model that does not know the language of the texts, or their field, finds fewer of them by a third of the words of one
of their sentences.  (A sentence as the query for its document: the inverse cloze task, Lee, Chang & Toutanova 2019.)
"""

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.spec import Encoder, EncoderSpec
from knowscape.encoders.vectors import comparable
from knowscape.search.building import WEIGHT
from knowscape.search.fusion import Fusion
from knowscape.search.generations import Generation, Generations
from knowscape.search.index import SearchOptions
from knowscape.search.opened import Opened, tables_of
from knowscape.search.query import Query

__all__ = ["weighed"]

# So many documents are looked for, each by a third of the words of a sentence that has at least so many.
_DOCUMENTS, _WORDS, _SHARE = 200, 6, 3
# With fewer both count the same.
_LEAST_DOCUMENTS = 50
_DEPTH = 10


def weighed(generations: Generations, made: Generation, load: Callable[[EncoderSpec], Encoder]) -> Generation:
    """Return the generation with the weight that meaning has in it; nothing is done where it has one already.

    The lock must be held.
    """
    if WEIGHT in made.about:
        return made
    about = {**made.about, WEIGHT: _weight(made, load)}
    generations.restate(made, about)
    return replace(made, about=about)


def _weight(made: Generation, load: Callable[[EncoderSpec], Encoder]) -> float:
    asked = _asked(made)
    if len(asked) < _LEAST_DOCUMENTS:
        return Fusion().dense
    spec = EncoderSpec(**made.about["spec"])
    # The model is gone again before the graph is read: each takes a fair share of memory.
    vectors = comparable(load(spec).encode_queries([part for _, part in asked]), spec.similarity)
    opened, found = Opened.of(made), np.zeros(2)
    for one, vector in zip(asked, vectors, strict=True):
        for place, mode in enumerate(("dense", "lexical")):
            found[place] += _reciprocal_rank(opened, one, vector, mode)
    return round(float(found[0] / found.sum()), 2) if found.all() else Fusion().dense


def _asked(made: Generation) -> list[tuple[int, str]]:
    """Return slots of documents drawn at random, and a part of the text of each."""
    documents, passages = tables_of(made)
    chance = np.random.default_rng(0)
    slots = chance.permutation(np.unique(passages.slots))[: 2 * _DOCUMENTS].tolist()
    parts = ((slot, _part(documents.row(slot)["text"], chance)) for slot in slots)
    return [(slot, part) for slot, part in parts if part][:_DOCUMENTS]


def _reciprocal_rank(opened: Opened, asked: tuple[int, str], vector: NDArray[np.float32], mode: str) -> float:
    slot, part = asked
    options = SearchOptions(_DEPTH, mode, _DEPTH)
    ranking = opened.ranking(Query(part, part), None if mode == "lexical" else vector, options)
    return next((1 / rank for rank, (found, _) in enumerate(ranking, start=1) if found == slot), 0.0)


def _part(text: str, chance: np.random.Generator) -> str | None:
    """Return a third of the words of one sentence, in their order; None where no sentence is long enough."""
    sentences = [words for one in re.split(r"(?<=[.!?])\s+|\n", text) if len(words := one.split()) >= _WORDS]
    if not sentences:
        return None
    words = sentences[chance.integers(len(sentences))]
    chosen = np.sort(chance.permutation(len(words))[: -(-len(words) // _SHARE)])
    return " ".join(words[place] for place in chosen)
