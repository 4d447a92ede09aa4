"""Vectors in the predecessor's checkpoints: pickled dicts of start_index, end_index and embeddings.

`open_checkpoint` starts this file as a child process, as `safe_pickle` does, with the same allow-list and limits.  What
crosses the border is one line of JSON and the bytes of float32 numbers.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Checkpoint", "open_checkpoint"]

_REFUSED = 4
_BLOCK_ROWS = 2048
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
    """Yield a checkpoint while its child runs; ValueError says why it cannot be read."""
    if not path.is_file():
        raise ValueError("it is not a file")
    command = [sys.executable, "-I", str(Path(__file__).resolve()), str(path)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=environment
        )
        assert child.stdout is not None
        try:
            yield _parse(child.stdout)
        except _EndedError:
            code = child.wait()
            errors.seek(0)
            said = errors.read(1000).decode(errors="replace").strip()
            why = said if code == _REFUSED else "it needs more memory or time than its size allows"
            raise ValueError(why) from None
        finally:
            child.stdout.close()
            child.kill()
            child.wait()


class _EndedError(Exception):
    """The child ended before it had said everything."""


def _parse(out: IO[bytes]) -> Checkpoint:
    line = out.readline(1000)
    if not line.endswith(b"\n"):
        raise _EndedError
    start, end, rows, dimension = json.loads(line)
    return Checkpoint(start, end, rows, dimension, _blocks(out, rows, dimension))


def _blocks(out: IO[bytes], rows: int, dimension: int) -> Iterator[NDArray[np.float32]]:
    for first in range(0, rows, _BLOCK_ROWS):
        count = min(_BLOCK_ROWS, rows - first)
        data = out.read(count * dimension * 4)
        if len(data) < count * dimension * 4:
            raise _EndedError
        yield np.frombuffer(data, "<f4").reshape(count, dimension)


def _safe_pickle() -> Any:
    """Return the module beside this file; the child is isolated, so that it can import no package."""
    spec = importlib.util.spec_from_file_location("safe_pickle", Path(__file__).with_name("safe_pickle.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _send(value: Any, out: IO[bytes]) -> None:
    """Write what an unpickled checkpoint holds; ValueError where it is none."""
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
    out.flush()


def _main(path: Path, out: IO[bytes]) -> int:
    safe_pickle = _safe_pickle()
    safe_pickle._limit(path.stat().st_size)
    try:
        with path.open("rb") as file:
            _send(safe_pickle.AllowListUnpickler(file).load(), out)
    except MemoryError:
        sys.stderr.write("it needs more memory than its size allows")
        return _REFUSED
    except BrokenPipeError:  # the parent has enough
        return 0
    except Exception as error:  # noqa: BLE001 - hostile bytes raise anything
        sys.stderr.write(str(error) or type(error).__name__)
        return _REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(_main(Path(sys.argv[1]), sys.stdout.buffer))
