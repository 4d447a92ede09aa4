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
from knowscape.search.opened import Opened
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
    opened = Opened.of(made)
    about = {**made.about, WEIGHT: _weight(opened, load)}
    generations.restate(made, about)
    return replace(made, about=about)


def _weight(opened: Opened, load: Callable[[EncoderSpec], Encoder]) -> float:
    chance = np.random.default_rng(0)
    slots = chance.permutation(np.unique(opened.passages.slots))[: 2 * _DOCUMENTS]
    asked = [(int(slot), part) for slot in slots if (part := _part(opened.documents.row(int(slot))["text"], chance))]
    asked = asked[:_DOCUMENTS]
    if len(asked) < _LEAST_DOCUMENTS:
        return Fusion().dense
    encoder = load(opened.spec)
    vectors = comparable(encoder.encode_queries([part for _, part in asked]), opened.spec.similarity)
    found = np.zeros(2)
    for (slot, part), vector in zip(asked, vectors, strict=True):
        for place, mode in enumerate(("dense", "lexical")):
            found[place] += _reciprocal_rank(opened, (slot, part), vector, mode)
    return round(float(found[0] / found.sum()), 2) if found.all() else Fusion().dense


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
