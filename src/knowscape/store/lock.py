"""One writer at a time: a lock that names its holder and ends with it."""

import errno
import fcntl
import hashlib
import os
import shlex
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

from knowscape.errors import KnowscapeError, StorageError
from knowscape.files import link_new, storing, write_atomic

__all__ = ["locked"]

_HELD = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}
_NO_LOCKS = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL}
_COMMAND_LENGTH = 200


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock in the file `path`; KnowscapeError names the host, process, time and command that hold it.

    It is the system's own (flock), so it ends with its process, however that ends.  Where the file system has none,
    a lock of this machine parts its processes, and a file `path` + "-host" its hosts; that one stays when a host
    dies, and the error says how to remove it.
    """
    with storing(path):
        file = _open(path)
    with file:
        if _acquire(file, path):
            with storing(path):
                _sign(file)
            yield
        else:
            with _without_flock(path):
                yield


def _open(path: Path) -> FileIO:
    """Open or create a file, but not what a link of that name leads to: it is going to be written to.

    Without a buffer: what a full disk refused would be tried again when the file is closed.
    """
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666), "r+b", 0)


def _acquire(file: FileIO, path: Path) -> bool:
    """Take the lock; False where the file system has none, KnowscapeError where another process has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _NO_LOCKS:
            return False
        if error.errno not in _HELD:
            raise StorageError.of(error, path) from error
        file.seek(0)
        holder = file.read().decode(errors="replace") or "another process"
        raise KnowscapeError(
            f"{path.parent} is being written by {holder}. Wait until it has ended, then run the same command again."
        ) from None
    return True


def _sign(file: FileIO) -> None:
    file.seek(0)
    file.truncate()
    file.write(_holder().encode())


def _holder() -> str:
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])[:_COMMAND_LENGTH]
    since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    said = f"{_host()} process {os.getpid()} since {since}: {command}"
    return "".join(letter if letter.isprintable() else "?" for letter in said)


def _host() -> str:
    return os.uname().nodename


@contextmanager
def _without_flock(path: Path) -> Iterator[None]:
    """Hold a lock of this machine, and the file that names it to others."""
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    here, there = Path(tempfile.gettempdir()) / f"knowscape-{name}.lock", path.with_name(path.name + "-host")
    with storing(here):
        file = _open(here)
    with file:
        if not _acquire(file, path):
            raise KnowscapeError(f"Neither {path.parent} nor {here.parent} has locks. Name another place with -o.")
        with storing(here):
            _sign(file)
        _claim(there)
        try:
            yield
        finally:
            there.unlink(missing_ok=True)


def _claim(there: Path) -> None:
    """Create the file that names this host; what this host left there is of a process that is dead."""
    if link_new(there, _holder().encode()):
        return
    holder = there.read_text(errors="replace")
    if not holder.startswith(f"{_host()} process "):
        raise KnowscapeError(
            f"{there.parent} is being written by {holder}. Wait until it has ended; if that host is gone, type: "
            f"rm {shlex.quote(str(there))}"
        )
    write_atomic(there, lambda file: file.write(_holder().encode()))
