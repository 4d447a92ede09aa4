"""A small corpus with passages, and an encoder that is none: what the tests of every index search."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.corpus.document import Corpus, Document
from knowscape.encoders.spec import EncoderSpec
from knowscape.files import sha256_text
from knowscape.search.index import Passages

SPEC = EncoderSpec("word-sums", "1", "0" * 64, "0" * 64, dimension=48, max_tokens=64)
# Words of one meaning have one vector, so that a search by meaning finds what a search by words does not.
MEANINGS = {"automobile": "car", "physician": "doctor", "feline": "cat", "kitten": "cat"}


class WordSums:
    """A fake encoder: a text's vector is the sum of its words' vectors, which their digests make."""

    def __init__(self, spec: EncoderSpec = SPEC) -> None:
        self.spec = spec

    def encode_documents(self, texts: list[str]) -> NDArray[np.float32]:
        sums = np.array([self._sum(text) for text in texts], np.float32).reshape(len(texts), self.spec.dimension)
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        return (sums / lengths).astype(np.float32) if self.spec.normalised else sums

    encode_queries = encode_documents

    def token_counts(self, texts: list[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def close(self) -> None:
        pass

    def _sum(self, text: str) -> NDArray[np.float64]:
        words = [MEANINGS.get(word, word) for word in re.findall(r"\w+", text.lower())] or ["nothing"]
        return np.sum([self._vector(word) for word in words], axis=0)

    def _vector(self, word: str) -> NDArray[np.float64]:
        return np.random.default_rng(int(sha256_text(word)[:8], 16)).standard_normal(self.spec.dimension)


def passages_of(corpus: Corpus, encoder: Any, without: Sequence[str] = ()) -> Passages:
    """Return one passage for each paragraph; none of the documents `without`, as if they could not be embedded."""
    rows, spans, texts = [], [], []
    for row, document in enumerate(corpus):
        for found in re.finditer(r"[^\n]+", document.text) if document.id not in without else ():
            rows.append(row)
            spans.append(found.span())
            texts.append(found[0])
    return Passages(np.array(rows, np.int64), np.array(spans, np.int64).reshape(-1, 2), encoder.encode_documents(texts))


LONG = (
    "The kitchen was cold and the floor was wet.\n"
    "Nobody had fed the old cat for a week, and it cried at the door of the pantry.\n"
    "Outside, rain fell on the roof of the car."
)
DOCUMENTS = [
    Document("comet", "A comet has a tail of dust and gas.\nIts orbit is long.", "Comet", "https://e.org/comet", "wiki",
             {"year": 1986, "tags": ["sky", "ice"], "bright": True}),
    Document("planet", "A planet moves around its star.\nThe orbit of a planet is an ellipse.", "Planet", "", "wiki",
             {"year": 2006, "tags": ["sky"], "bright": False}),
    Document("doctor", "The doctor treats patients in a hospital.", "Doctor", "", "news",
             {"year": "1999", "note": "10"}),
    Document("engine", "The engine of a car burns fuel.", "Engine", "", "news", {"year": 2021.5, "note": "ten"}),
    Document("house", LONG, "An empty house", "", "book", {"tags": [], "odd name.with dots": "yes"}),
    Document("straße", "Die Straße führt über die Brücke 🌉 nach Köln.", "Straße", "", "book",
             {"year": -50, "place": "Köln"}),
    Document("orbit", "Satellites fly in circles.", "Orbit", "", "", {"year": None, "note": ""}),
]  # fmt: skip


def corpus_of(*documents: Document) -> Corpus:
    return Corpus.from_documents(documents or DOCUMENTS)


def other_model() -> WordSums:
    return WordSums(replace(SPEC, name="other-sums", revision="2"))
