"""A fake encoder, for tests of what is asked of an encoder and when."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.engine import CANARIES
from knowscape.encoders.spec import EncoderSpec
from knowscape.errors import KnowscapeError
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


class Watched:
    """Loads encoders for a cluster that take `seconds` for a slice and note in `folder` who computed which first text.

    No slice ends while there is a file `hold` in it.  The first of them that loads is the `first` one: wrong, say.
    For each number in `deaths` one worker is killed in the midst of a slice, once so many slices have begun.
    """

    def __init__(self, folder: Path, seconds: float = 0.1, first: str = "", deaths: tuple[int, ...] = ()) -> None:
        self._folder, self._seconds, self._first, self._deaths = folder, seconds, first, deaths
        folder.mkdir(exist_ok=True)

    def __call__(self, threads: int) -> CountingEncoder:
        if not self._first_to("first"):
            return CountingEncoder(self._note)
        if self._first == "refuses":
            raise KnowscapeError("the model has another fingerprint")
        return CountingEncoder(self._spoil if self._first == "wrong" else self._note)

    def said(self) -> list[tuple[int, str]]:
        """Return who computed which slice, a process id and the slice's first text, in the order they began."""
        there = self._folder / "said"
        lines = there.read_text(encoding="ascii").splitlines() if there.is_file() else []
        return [(int(line.split(" ", 1)[0]), line.split(" ", 1)[1]) for line in lines]

    def _note(self, texts: list[str], vectors: NDArray[np.float32]) -> None:
        if texts[0] != CANARIES[0]:
            with (self._folder / "said").open("a", encoding="ascii") as file:
                file.write(f"{os.getpid()} {texts[0]}\n")
            time.sleep(self._seconds)
            self._die()
            while (self._folder / "hold").exists():
                time.sleep(0.02)

    def _die(self) -> None:
        begun = len(self.said())
        for number in self._deaths:
            if begun >= number and self._first_to(f"death {number}"):
                os.kill(os.getpid(), signal.SIGKILL)

    def _first_to(self, name: str) -> bool:
        try:
            (self._folder / name).open("x").close()
        except FileExistsError:
            return False
        return True

    def _spoil(self, texts: list[str], vectors: NDArray[np.float32]) -> None:
        self._note(texts, vectors)
        vectors[:] = vectors[:, ::-1]
