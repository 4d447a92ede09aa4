"""Vectors in the predecessor's checkpoints: pickled dicts of start_index, end_index and embeddings.

`main` is the body of a child process (see `confined`).  What crosses the border is one line of JSON and the bytes of
float32 numbers.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from knowscape.corpus.confined import child, confined
from knowscape.corpus.safe_pickle import AllowListUnpickler

__all__ = ["Checkpoint", "main", "open_checkpoint"]

_BLOCK_ROWS = 2048
_LONGEST_HEAD = 1000
_KEYS = ("start_index", "end_index", "embeddings")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Vectors of the rows from `start` to before `end` of a corpus; `blocks` yields float32[n, dimension] once."""

    start: int
    end: int
    rows: int
    dimension: int
    blocks: Iterator[NDArray[np.float32]]


@contextmanager
def open_checkpoint(path: Path) -> Iterator[Checkpoint]:
    """Yield a checkpoint while its child runs; ValueError where it is none, else the errors of `confined`."""
    if not path.is_file():  # a pipe would let the child wait for ever
        raise ValueError("it is not a file")
    with confined(__name__, path) as output:
        start, end, rows, dimension = json.loads(output.readline(_LONGEST_HEAD))
        yield Checkpoint(start, end, rows, dimension, _blocks(output, rows, dimension))


def _blocks(output: IO[bytes], rows: int, dimension: int) -> Iterator[NDArray[np.float32]]:
    for first in range(0, rows, _BLOCK_ROWS):
        count = min(_BLOCK_ROWS, rows - first)
        yield np.frombuffer(output.read(count * dimension * 4), "<f4").reshape(count, dimension)


def _send(_: int, file: IO[bytes], out: IO[bytes]) -> None:
    """Write what an unpickled checkpoint holds; ValueError where it is none."""
    value: Any = AllowListUnpickler(file).load()
    if not isinstance(value, dict) or not all(key in value for key in _KEYS):
        raise ValueError(f"it is not a dict with {', '.join(_KEYS)}")
    start, end, vectors = (value[key] for key in _KEYS)
    if not all(isinstance(number, int | np.integer) and not isinstance(number, bool) for number in (start, end)):
        raise ValueError(f"start_index and end_index are {start!r:.40} and {end!r:.40}, not whole numbers")
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or vectors.dtype.kind != "f":
        kind = f"{vectors.dtype}{list(vectors.shape)}" if isinstance(vectors, np.ndarray) else type(vectors).__name__
        raise ValueError(f"embeddings is {kind}, not an array of floats [rows, dimension]")
    out.write(json.dumps([int(start), int(end), *vectors.shape]).encode() + b"\n")
    with np.errstate(over="ignore"):
        for first in range(0, len(vectors), _BLOCK_ROWS):
            out.write(np.ascontiguousarray(vectors[first : first + _BLOCK_ROWS], dtype="<f4").data)


def main() -> int:
    """Read the checkpoint on standard input."""
    return child(_send)
