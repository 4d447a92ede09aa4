"""Pickles from elsewhere, read without running what they say.

`read_pickle` starts this file as a child process with limits of memory and time.  The child unpickles plain values
and numpy arrays alone, and writes the texts it finds as JSON lines; no object crosses the border.
"""

import io
import json
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

__all__ = ["AllowListUnpickler", "records", "unpickled_lines"]

_MEMORY_BASE = 1 << 30
_MEMORY_PER_BYTE = 16
_SECONDS_BASE = 60
_BYTES_PER_SECOND = 1 << 20
_REFUSED = 4
_DEEPEST = 64

# What rebuilds numpy's arrays, scalars and dtypes, under the module names of numpy 1 and 2.
_NUMPY = {
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
}


class AllowListUnpickler(pickle.Unpickler):
    """Builds dicts, lists, tuples, sets, strings, bytes, numbers and numpy arrays, and refuses every other name."""

    def find_class(self, module: str, name: str) -> Any:
        """Return an allowed global; UnpicklingError names any other."""
        if (module, name) in _NUMPY:
            __import__(module.replace("numpy.core", "numpy._core"))
            return getattr(sys.modules[module.replace("numpy.core", "numpy._core")], name)
        if (module, name) == ("_codecs", "encode"):  # how protocols 0 to 2 write bytes
            return _latin1
        if module in {"builtins", "__builtin__"} and name in {"set", "frozenset", "bytearray", "complex"}:
            return {"set": set, "frozenset": frozenset, "bytearray": bytearray, "complex": complex}[name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not data")

    def persistent_load(self, pid: object) -> Any:
        raise pickle.UnpicklingError("it refers to objects outside itself")


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    return text.encode("latin1")


def records(value: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the records in an unpickled value: dicts with a text, and every string of nested lists and arrays."""
    import numpy as np

    if depth > _DEEPEST:
        raise pickle.UnpicklingError(f"it nests deeper than {_DEEPEST}")
    if isinstance(value, str):
        yield {"text": value}
    elif isinstance(value, dict):
        columns = {str(key): inner for key, inner in value.items()}
        if columns and all(isinstance(inner, list | tuple | np.ndarray) for inner in columns.values()):
            yield from (dict(zip(columns, row, strict=False)) for row in zip(*columns.values(), strict=False))
        else:
            yield columns
    elif isinstance(value, list | tuple | set | frozenset | np.ndarray):
        items = np.ravel(value).tolist() if isinstance(value, np.ndarray) and value.ndim > 1 else value
        if isinstance(items, np.ndarray) and items.ndim == 0:
            items = [items.item()]
        for inner in items:
            yield from records(inner, depth + 1)


def unpickled_lines(path: Path) -> Iterator[str]:
    """Yield the child's JSON lines; ValueError says why there are no more where the pickle cannot be read."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-I", str(Path(__file__).resolve()), str(path)]
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=environment)
        assert child.stdout is not None
        try:
            for line in child.stdout:
                yield line.decode()
        finally:
            child.stdout.close()
            if child.poll() is None and sys.exc_info()[0] is GeneratorExit:
                child.kill()
            code = child.wait()
        if code:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip()
            raise ValueError(said if code == _REFUSED else "it needs more memory or time than its size allows")


def _limit(size: int) -> None:
    """Bound this process's memory and processor time, where the platform can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    memory, seconds = _MEMORY_BASE + _MEMORY_PER_BYTE * size, _SECONDS_BASE + size // _BYTES_PER_SECOND
    for limit, amount in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, seconds)):
        hard = resource.getrlimit(limit)[1]
        wanted = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        resource.setrlimit(limit, (wanted, wanted))


def _json_value(value: Any) -> Any:
    item = getattr(value, "item", None)
    return item() if item is not None and getattr(value, "ndim", 1) == 0 else str(value)


def _main(path: Path, out: IO[str]) -> int:
    size = path.stat().st_size
    _limit(size)
    try:
        value = AllowListUnpickler(io.BytesIO(path.read_bytes())).load()
        for record in records(value):
            out.write(json.dumps(record, default=_json_value) + "\n")
        out.flush()
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
    sys.exit(_main(Path(sys.argv[1]), sys.stdout))
