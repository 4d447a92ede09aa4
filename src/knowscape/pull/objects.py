"""An atlas in an object store, read as one on another host is."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice

from knowscape.errors import UsageError
from knowscape.pull.remote import Request
from knowscape.store.objects import ObjectPath

__all__ = ["ObjectSource"]

_BLOCK = 1 << 23
# Requests that are under way at once, since each waits for its answer.
_AHEAD = 16


class ObjectSource:
    """What lies below the URL `source`; UsageError where nothing does."""

    def __init__(self, source: str) -> None:
        self.source, self._path = source, ObjectPath.parse(source)
        self.remedy = f"Type: knowscape check {source} --repair"
        if not self._path.is_dir():
            raise UsageError(
                f"There is nothing at {source}. An atlas there begins with: knowscape embed CORPUS -o {source}"
            )

    def names(self) -> tuple[list[str], list[str]]:
        """Return the files there, but parts and hidden ones; an object store has nothing that is no file."""
        found = (name for name in self._path.walk() if not any(part.startswith(".") for part in name.split("/")))
        return [name for name in found if not name.rpartition("/")[2].startswith("part-")], []

    def fetch(self, requests: Sequence[Request]) -> Iterator[tuple[int | None, Iterator[bytes]]]:
        """Yield for each file its length there, and the bytes that are wanted; none where it has another length."""
        with ThreadPoolExecutor(_AHEAD) as pool:
            waiting = deque[Future[tuple[int | None, Iterator[bytes]]]]()
            for request in requests:
                waiting.append(pool.submit(self._begin, request))
                if len(waiting) == _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()

    def _begin(self, request: Request) -> tuple[int | None, Iterator[bytes]]:
        """Return the length of a file there and its bytes, of which the first block has come."""
        path = self._path / request.name
        try:
            size = path.stat().st_size
            blocks = _blocks(path, request.first, size if request.bytes in (None, size) else 0)
            first = list(islice(blocks, 1))
        except FileNotFoundError:
            return None, iter(())
        return size, chain(first, blocks)

    def sha256(self, name: str) -> str:
        """Raise UsageError: an object store computes no digests of what it holds."""
        raise UsageError(
            f"{self.source} holds checkpoints, which are pulled from hosts only. Copy {name} here by hand."
        )


def _blocks(path: ObjectPath, first: int, size: int) -> Iterator[bytes]:
    for start in range(first, size, _BLOCK):
        yield bytes(path.read_range(start, min(_BLOCK, size - start)))
