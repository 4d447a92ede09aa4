"""Files that are either the old ones or the new ones, never something in between."""

import errno
import hashlib
import json
import os
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from blake3 import blake3

from knowscape.errors import StorageError

__all__ = [
    "RemotePath",
    "digest",
    "digest_file",
    "digester",
    "foreign_entries",
    "json_bytes",
    "link_new",
    "make_folder",
    "sha256_file",
    "sha256_text",
    "storing",
    "sync_folder",
    "sync_names",
    "sync_tree",
    "write_atomic",
    "write_json",
    "write_named",
]

_BLOCK = 1 << 20
# Parts of format 1, and models' weights, are known by their SHA-256.
_DIGESTERS: dict[str, Callable[[], Any]] = {"blake3": blake3, "sha256": hashlib.sha256}
_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS}
_NO_FOLDER_SYNC = {errno.EINVAL, errno.EBADF}


class RemotePath(ABC):
    """A path in a store without locks and syncs: what is written there is whole, and durable, or not there.

    It has the methods of `Path` that the store of an atlas uses; the functions below give it what they would do.
    """

    @abstractmethod
    def put_named(self, write: Callable[[IO[bytes]], str]) -> Path:
        """Create or replace what lies here under the name that `write` returns once it has written the content."""

    @abstractmethod
    def put_new(self, content: bytes) -> bool:
        """Create this with `content`; False where there is something else already."""

    @abstractmethod
    def put_changed(self, change: Callable[[bytes | None], bytes]) -> None:
        """Replace this by what `change` makes of it, of None where it is missing; again where another was faster."""


def sha256_text(text: str) -> str:
    """Return the hexadecimal SHA-256 of a text's UTF-8 bytes."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def digester(algorithm: str = "blake3") -> Any:
    """Return a digest to be updated, as hashlib's are; ValueError for an algorithm that no format has."""
    if algorithm not in _DIGESTERS:
        raise ValueError(f"{algorithm!r:.40} is no digest that this version knows")
    return _DIGESTERS[algorithm]()


def digest(content: bytes | memoryview, algorithm: str = "blake3") -> str:
    """Return `algorithm:hexadecimal digits` of some bytes."""
    found = digester(algorithm)
    found.update(content)
    return f"{algorithm}:{found.hexdigest()}"


def digest_file(path: Path, algorithm: str = "blake3", advance: Callable[[int], None] = lambda _: None) -> str:
    """Return `algorithm:hexadecimal digits` of a file, telling `advance` the bytes read so far."""
    found, block = digester(algorithm), memoryview(bytearray(_BLOCK))
    with path.open("rb", buffering=0) as file:
        while count := file.readinto(block):
            found.update(block[:count])
            advance(count)
    return f"{algorithm}:{found.hexdigest()}"


def sha256_file(path: Path, advance: Callable[[int], None] = lambda _: None) -> str:
    """Return the hexadecimal SHA-256 of a file, by which the hub and PyPI know it."""
    return digest_file(path, "sha256", advance).partition(":")[2]


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turn what the system refuses in this block into a StorageError that names `path`."""
    try:
        yield
    except OSError as error:
        raise StorageError.of(error, path) from error


def foreign_entries(folder: Path) -> Iterator[Path]:
    """Yield what a folder that came from elsewhere must not hold: links that leave it, pipes, sockets and devices."""
    if isinstance(folder, RemotePath):
        return
    root = folder.resolve()
    for place, _, _ in os.walk(folder):
        for entry in os.scandir(place):
            if entry.is_symlink():
                if not Path(entry.path).resolve().is_relative_to(root):
                    yield Path(entry.path)
            elif not entry.is_file() and not entry.is_dir():
                yield Path(entry.path)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; a no-op where the platform or the file system cannot sync folders."""
    if os.name == "nt" or isinstance(folder, RemotePath):
        return
    with storing(folder):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        except OSError as error:
            if error.errno not in _NO_FOLDER_SYNC:
                raise
        finally:
            os.close(handle)


def sync_names(folder: Path, levels: int) -> None:
    """Make the names in a folder durable, and those in so many folders above it that may be read.

    A process that was killed may have named a file, or made a folder, and not have synced it.
    """
    if isinstance(folder, RemotePath):
        return
    sync_folder(folder)
    for above in list(folder.absolute().parents)[:levels]:
        if os.access(above, os.R_OK):
            sync_folder(above)


def sync_tree(folder: Path) -> None:
    """Make all that lies in a folder durable, and the names."""
    for place, _, names in os.walk(folder):
        for name in names:
            with Path(place, name).open("r+b", buffering=0) as file:  # Windows syncs only what may be written
                os.fsync(file.fileno())
        sync_folder(Path(place))


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing; their names are durable when this returns."""
    if isinstance(folder, RemotePath) or folder.is_dir():
        return
    make_folder(folder.parent)
    with storing(folder):
        folder.mkdir(exist_ok=True)
    sync_names(folder, 1)


@contextmanager
def _temporary(folder: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """Yield a new file in `folder`, synced when the block ends well; what then bears its first name is removed.

    After a sync that failed nothing is tried again with this file: the system may have dropped what it could not
    write, and the next sync would succeed.
    """
    make_folder(folder)
    path = folder / f".tmp-{os.getpid()}-{secrets.token_hex(6)}"
    try:
        with path.open("xb") as file:
            yield file, path
    finally:
        with suppress(OSError):  # a leftover does no harm
            path.unlink(missing_ok=True)


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def write_named(folder: Path, write: Callable[[IO[bytes]], str]) -> Path:
    """Create a file in `folder` under the name that `write` returns once it has written the content.

    Temporary name, fsync, rename, fsync of the folder: the file is whole or not there.
    """
    if isinstance(folder, RemotePath):
        return folder.put_named(write)
    with storing(folder), _temporary(folder) as (file, temporary):
        path = folder / write(file)
        _sync(file)
        file.close()
        temporary.replace(path)
    sync_folder(folder)
    return path


def write_atomic(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Replace `path` by what `write` puts into a file, as `write_named` does."""

    def named(file: IO[bytes]) -> str:
        write(file)
        return path.name

    write_named(path.parent, named)


def link_new(path: Path, content: bytes) -> bool:
    """Create `path` with `content` if no such file exists (put-if-absent); False where it does.

    Where the file system has no hard links this holds among callers that hold the same lock.
    """
    if isinstance(path, RemotePath):
        return path.put_new(content)
    with storing(path), _temporary(path.parent) as (file, temporary):
        file.write(content)
        _sync(file)
        file.close()
        try:
            _link(temporary, path)
        except FileExistsError:
            return False
    sync_folder(path.parent)
    return True


def _link(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        temporary.rename(path)


def json_bytes(value: Any) -> bytes:
    """Return `value` as the JSON that files hold."""
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=False).encode()


def write_json(path: Path, value: Any) -> None:
    """Replace `path` by `value` as JSON, atomically and durably."""
    write_atomic(path, lambda file: file.write(json_bytes(value)))
