"""A reader in a child process that can do nothing but read one file and write to a pipe, within limits.

Some formats unfold without end, and what reads them (pickle, Arrow) allocates before anybody can count.  The
operating system counts: the child has limits of memory and processor time, may write no file, gets an almost empty
environment and no path, only the open file as its standard input.  The parent counts what comes out.
"""

import io
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from knowscape.errors import UsageError

__all__ = ["RefusedError", "child", "confined", "memory_limit", "unfolded_limit"]

_MEMORY_BASE = 1 << 30
_MEMORY_PER_BYTE = 16
_SECONDS_BASE = 60
_BYTES_PER_SECOND = 1 << 20
_SILENCE = 120
_UNFOLDED_BASE = 256 << 20
_UNFOLDED_PER_BYTE = 200
_REFUSED, _NO_MEMORY = 4, 5
_LONGEST_MESSAGE = 300
# What a Python may need to start and to find its libraries.
_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


class RefusedError(ValueError):
    """The child will not read the file; the message says what is wrong with it."""


def memory_limit(size: int) -> int:
    """Return how many bytes a child that reads a file of `size` bytes may allocate."""
    return _MEMORY_BASE + _MEMORY_PER_BYTE * size


def unfolded_limit(size: int) -> int:
    """Return how many bytes a file of `size` bytes may unfold to; texts pack to a fifth, seldom to a fiftieth."""
    return _UNFOLDED_BASE + _UNFOLDED_PER_BYTE * size


@contextmanager
def confined(module: str, path: Path) -> Iterator[IO[bytes]]:
    """Run `main()` of a module of ours on `path` in a child, and yield what it writes.

    The stream raises RefusedError at its end where the child refused the file, and UsageError, which names the limit,
    where the file needs more memory, time or output than its size allows.
    """
    with path.open("rb") as file, subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _start(module)],
        stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
        cwd=Path(sys.executable).anchor, env=_environment(),
    ) as process:  # fmt: skip
        try:
            yield io.BufferedReader(_Output(process, path), 1 << 16)
        finally:
            process.kill()


def _start(module: str) -> str:
    """Return code that finds this package, numpy and pyarrow, and nothing that site or the environment would add."""
    packages = [Path(__file__).parents[2]]
    for name in ("numpy", "pyarrow"):
        found = find_spec(name)
        assert found is not None
        packages.append(Path(str(found.origin)).parents[1])
    places = list(dict.fromkeys(str(place.resolve()) for place in packages))
    return f"import sys; sys.path.extend({places!r}); from {module} import main; sys.exit(main())"


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    # Pools of threads and of memory reserve addresses, which the limit of memory counts.
    pools = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
    return kept | pools | {"MALLOC_ARENA_MAX": "2", "PYTHONUTF8": "1"}


class _Output(io.RawIOBase):
    """What the child writes, counted; the end says why it ended."""

    def __init__(self, process: "subprocess.Popen[bytes]", path: Path) -> None:
        self._process, self._path, self._read = process, path, 0
        self._size = path.stat().st_size
        self._most = unfolded_limit(self._size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        pipe: Any = self._process.stdout
        if os.name != "nt" and not select.select([pipe], [], [], _SILENCE)[0]:
            raise self._over("time", f"{_SILENCE} s without a word")
        count: int = pipe.readinto(buffer)
        self._read += count
        if self._read > self._most:
            raise self._over("space", f"{self._most >> 20:,} MB of content")
        if count == 0:
            self._end()
        return count

    def _end(self) -> None:
        assert self._process.stderr is not None
        said = self._process.stderr.read(_LONGEST_MESSAGE).decode(errors="replace").strip()
        code = self._process.wait()
        if code == _REFUSED:
            raise RefusedError(said or "it cannot be read")
        if code == _NO_MEMORY:
            raise self._over("memory", f"{memory_limit(self._size) >> 20:,} MB")
        if code:
            memory, seconds = memory_limit(self._size) >> 20, _seconds(self._size)
            raise self._over("memory or time", f"{memory:,} MB and {seconds:,} s; its reader ended with {code}")

    def _over(self, what: str, limit: str) -> UsageError:
        return UsageError(
            f"{self._path} was not read: it needs more {what} than its size allows ({limit}). Where it is your own, "
            "write it as JSON lines (.jsonl) and name that file."
        )


def child(work: Callable[[int, IO[bytes], IO[bytes]], None]) -> int:
    """Do `work(size, input, output)` within the limits and return the exit code: the body of a child's `main`."""
    size = os.fstat(0).st_size
    _limit(size)
    try:
        work(size, sys.stdin.buffer, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except MemoryError:
        return _NO_MEMORY
    except BrokenPipeError:  # the parent has enough
        return 0
    except Exception as error:  # noqa: BLE001 - hostile bytes raise anything
        sys.stderr.write((str(error) or type(error).__name__)[:_LONGEST_MESSAGE])
        return _REFUSED
    return 0


def _limit(size: int) -> None:
    """Bound this process's memory, processor time and files, where the platform can."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = ((resource.RLIMIT_AS, memory_limit(size)), (resource.RLIMIT_CPU, _seconds(size)))
    for limit, amount in (*limits, (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(limit)[1]
        wanted = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
        resource.setrlimit(limit, (wanted, wanted))


def _seconds(size: int) -> int:
    return _SECONDS_BASE + size // _BYTES_PER_SECOND
