"""An atlas in an object store, read as one on another host is."""

from collections.abc import Iterator, Sequence

from knowscape.errors import UsageError
from knowscape.pull.remote import Request
from knowscape.store.objects import ObjectPath

__all__ = ["ObjectSource"]

_BLOCK = 1 << 23


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
        for request in requests:
            path = self._path / request.name
            try:
                size = path.stat().st_size
            except FileNotFoundError:
                yield None, iter(())
                continue
            fits = request.bytes in (None, size)
            yield size, _blocks(path, request.first, size if fits else 0)

    def sha256(self, name: str) -> str:
        """Raise UsageError: an object store computes no digests of what it holds."""
        raise UsageError(
            f"{self.source} holds checkpoints, which are pulled from hosts only. Copy {name} here by hand."
        )


def _blocks(path: ObjectPath, first: int, size: int) -> Iterator[bytes]:
    for start in range(first, size, _BLOCK):
        yield bytes(path.read_range(start, min(_BLOCK, size - start)))
