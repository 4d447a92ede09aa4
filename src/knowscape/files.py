"""Files that are either the old ones or the new ones, never something in between."""

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

__all__ = [
    "foreign_entries",
    "link_new",
    "read_json",
    "sha256_file",
    "sha256_text",
    "sync_folder",
    "write_atomic",
    "write_json",
    "write_named",
]

_BLOCK = 1 << 20


def sha256_text(text: str) -> str:
    """Return the hexadecimal SHA-256 of a text's UTF-8 bytes."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def sha256_file(path: Path, advance: Callable[[int], None] = lambda _: None) -> str:
    """Return the hexadecimal SHA-256 of a file, telling `advance` the bytes read so far."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            advance(len(block))
    return digest.hexdigest()


def foreign_entries(folder: Path) -> Iterator[Path]:
    """Yield what a folder that came from elsewhere must not hold: links that leave it, pipes, sockets and devices."""
    root = folder.resolve()
    for place, _, _ in os.walk(folder):
        for entry in os.scandir(place):
            if entry.is_symlink():
                if not Path(entry.path).resolve().is_relative_to(root):
                    yield Path(entry.path)
            elif not entry.is_file() and not entry.is_dir():
                yield Path(entry.path)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; a no-op where the platform cannot open folders (Windows)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _temporary(folder: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """Yield a new file in `folder`; it is synced when the block ends well, and removed when it does not."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f".tmp-{os.getpid()}-{secrets.token_hex(6)}"
    try:
        with path.open("xb") as file:
            yield file, path
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def write_named(folder: Path, write: Callable[[IO[bytes]], str]) -> Path:
    """Create a file in `folder` under the name that `write` returns once it has written the content.

    Temporary name, fsync, rename, fsync of the folder: the file is whole or not there.
    """
    with _temporary(folder) as (file, temporary):
        name = write(file)
    path = folder / name
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
    """Create `path` with `content` if no such file exists (put-if-absent); False where it does."""
    with _temporary(path.parent) as (file, temporary):
        file.write(content)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    sync_folder(path.parent)
    return True


def write_json(path: Path, value: Any) -> None:
    """Replace `path` by `value` as JSON, atomically and durably."""
    content = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=False).encode()
    write_atomic(path, lambda file: file.write(content))


def read_json(path: Path) -> Any:
    """Return the JSON value in `path`."""
    return json.loads(path.read_text(encoding="utf-8"))
