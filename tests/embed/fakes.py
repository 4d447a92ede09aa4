"""A fake encoder, for tests of what is asked of an encoder and when."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.spec import EncoderSpec
from knowscape.files import sha256_text

SPEC = EncoderSpec("counting", "1", "", "", dimension=8, max_tokens=16)


class CountingEncoder:
    """The vector of a text is its digest's first bytes; `spoil` may raise, or change the vectors, at each call."""

    spec = SPEC

    def __init__(self, spoil: Callable[[list[str], NDArray[np.float32]], None] = lambda texts, vectors: None) -> None:
        self.seen: list[str] = []
        self.closed = False
        self._spoil = spoil

    def encode_documents(self, texts: list[str]) -> NDArray[np.float32]:
        raw = np.array([list(bytes.fromhex(sha256_text(text))[:8]) for text in texts], np.float32)
        vectors = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
        self._spoil(texts, vectors)
        self.seen += texts
        return vectors

    encode_queries = encode_documents

    def close(self) -> None:
        self.closed = True


def load(number: int) -> CountingEncoder:
    """For processes, which cannot be given an object of a test."""
    return CountingEncoder()
