"""Paths in an object store: Amazon's S3 and what speaks like it, Google's Cloud Storage.

An object is written whole or not at all, and can be created on the condition that it is not there: that is all the
store of an atlas needs, and parts two writers where no lock can.
"""

import io
import os
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import IO, Any, cast

from knowscape.errors import KnowscapeError, MissingExtraError, StorageError, UsageError
from knowscape.files import RemotePath
from knowscape.store.refusals import endpoint, no_bucket, no_conditions, refusal

__all__ = ["ObjectPath", "atlas_path", "find_url"]

# As a path it loses a slash: typer and Path make one of two.
_URL = re.compile(r"(s3|gs):/{1,2}(?!/)(.*)", re.DOTALL)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,221}")
_PART = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._@+=-]+")
# Up to here an object is sent in one request, which leaves nothing behind where it ends early.
_ONE_REQUEST = 1 << 28
_IN_MEMORY = 1 << 26
_LIST = 1000
# A request that fails is sent again after 0.2 s, 0.4 s and so on, for so many seconds at most.
_PATIENCE, _RETRIES, _TIMEOUT = 60, 8, 120
# A creation may not be sent again blindly: what is there then is looked at first.
_TRIES, _PAUSE = 2, 0.5
_MOST_SWAPS = 100


def find_url(text: str | Path) -> str | None:
    """Return the URL of an object store that `text` is, also as a path; None where it is none."""
    found = _URL.match(str(text))
    return f"{found[1]}://{found[2].strip('/')}" if found else None


def atlas_path(text: str | Path) -> Path:
    """Return the path that `text` is, in an object store where it is a URL; UsageError for one that cannot be.

    An `ObjectPath` has of Path's methods those that the store of an atlas uses, and no other code gets one: so it goes
    for a Path here, and not in the signature of every function.
    """
    url = find_url(text)
    return Path(text) if url is None else cast(Path, ObjectPath.parse(url))


class ObjectPath(RemotePath):
    """An object, or all whose names begin with this one and a slash; `url` is s3://BUCKET/PATH or gs://BUCKET/PATH."""

    def __init__(self, root: str, key: str) -> None:
        self.root, self.key = root, key

    @classmethod
    def parse(cls, url: str) -> "ObjectPath":
        """Return the path of a URL; UsageError where it has no bucket, no path in it, or an odd one."""
        scheme, _, rest = url.partition("://")
        bucket, _, key = rest.partition("/")
        if not _BUCKET.fullmatch(bucket) or not all(_PART.fullmatch(part) for part in key.split("/")):
            raise UsageError(
                f"{url!r:.300} is no place for an atlas. Accepted: {scheme}://BUCKET/PATH, of letters, digits and "
                f". _ - @ + =, for example: {scheme}://maps/wiki.atlas"
            )
        if bucket.endswith("--x-s3"):
            raise UsageError(
                f"{bucket} is a directory bucket, which does not list its objects in their order. Name a general "
                "purpose bucket."
            )
        return cls(f"{scheme}://{bucket}", key)

    def __str__(self) -> str:
        return f"{self.root}/{self.key}"

    def __repr__(self) -> str:
        return f"ObjectPath({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectPath) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __lt__(self, other: object) -> bool:
        return str(self) < str(other)

    def __truediv__(self, name: str) -> "ObjectPath":
        return ObjectPath(self.root, f"{self.key}/{name}")

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    @property
    def parent(self) -> "ObjectPath":
        return ObjectPath(self.root, self.key.rpartition("/")[0])

    def resolve(self) -> "ObjectPath":
        return self

    def is_relative_to(self, other: object) -> bool:
        return f"{self}/".startswith(f"{other}/")

    def is_symlink(self) -> bool:
        return False

    def exists(self) -> bool:
        return self.is_dir() or self.is_file()

    def is_file(self) -> bool:
        try:
            self.stat()
        except FileNotFoundError:
            return False
        return True

    def is_dir(self) -> bool:
        with self._asking():
            return any(self._store().list(prefix=self.key, chunk_size=1))

    def stat(self) -> os.stat_result:
        """Return length and time of an object; all else is 0."""
        with self._asking():
            meta = self._store().head(self.key)
        times = [meta["last_modified"].timestamp()] * 3
        return os.stat_result((0, 0, 0, 0, 0, 0, meta["size"], *times))

    def iterdir(self) -> Iterator["ObjectPath"]:
        """Yield what lies directly below; FileNotFoundError where nothing does."""
        with self._asking():
            found = self._store().list_with_delimiter(self.key)
        keys = [*found["common_prefixes"], *(meta["path"] for meta in found["objects"])]
        if not keys:
            raise FileNotFoundError(f"There is nothing at {self}")
        yield from (ObjectPath(self.root, key) for key in keys)

    def glob(self, pattern: str) -> Iterator["ObjectPath"]:
        """Yield the objects directly below whose names fit `pattern`, which begins with letters, in their order."""
        plain = f"{self.key}/{re.split(r'[*?[]', pattern)[0]}"
        with self._asking():
            for chunk in self._store().list(prefix=self.key, offset=plain, chunk_size=_LIST):
                for key in (meta["path"] for meta in chunk):
                    if not key.startswith(plain):  # and none that comes after it
                        return
                    if fnmatchcase(key[len(self.key) + 1 :], pattern) and "/" not in key[len(plain) :]:
                        yield ObjectPath(self.root, key)

    def walk(self) -> Iterator[str]:
        """Yield the names of all objects below, as they go on behind this one."""
        with self._asking():
            for chunk in self._store().list(prefix=self.key, chunk_size=_LIST):
                yield from (meta["path"][len(self.key) + 1 :] for meta in chunk)

    def read_bytes(self) -> bytes:
        with self._asking():
            return bytes(self._store().get(self.key).bytes())

    def open(self, mode: str = "rb", buffering: int = 0) -> "_Reader":
        """Return the object to be read; it is written by the methods below."""
        if mode != "rb" or buffering:
            raise ValueError(f"An object cannot be opened with {mode!r} and a buffer of {buffering}.")
        return _Reader(self, self.stat().st_size)

    def read_range(self, first: int, length: int) -> memoryview:
        with self._asking():
            return memoryview(self._store().get_range(self.key, start=first, length=length))

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove an object; where there is none nothing happens, whatever `missing_ok` says."""
        with suppress(FileNotFoundError), self._asking():
            self._store().delete(self.key)

    def put_named(self, write: Callable[[IO[bytes]], str]) -> Path:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
            target = self / write(cast(IO[bytes], file))
            size = file.tell()
            file.seek(0)
            with self._asking():
                self._store().put(target.key, file, use_multipart=size > _ONE_REQUEST)
        return cast(Path, target)

    def put_new(self, content: bytes) -> bool:
        for left in reversed(range(_TRIES)):
            try:
                with self._asking():
                    self._store().put(self.key, content, mode="create")
                return True
            except _exceptions().AlreadyExistsError:
                break
            except StorageError:  # it may have come there all the same
                if not left:
                    raise
            _pause()
        try:
            return self.read_bytes() == content
        except FileNotFoundError:  # the store was asked by two at once, and refused both
            return False

    def try_conditions(self) -> None:
        """Raise UsageError where the store creates what is there already, and would let writers undo each other."""
        probe = self / ".conditional"
        probe.put_new(b"created once")
        if probe.put_new(b"created twice"):
            raise no_conditions(self.root, "it created an object twice")

    def put_changed(self, change: Callable[[bytes | None], bytes]) -> None:
        for left in reversed(range(_MOST_SWAPS)):
            try:
                with self._asking():
                    try:
                        found = self._store().get(self.key)
                    except FileNotFoundError:
                        self._store().put(self.key, change(None), mode="create")
                    else:
                        before, version = bytes(found.bytes()), _version(found.meta)
                        self._store().put(self.key, change(before), mode=version)
                return
            except (_exceptions().AlreadyExistsError, _exceptions().PreconditionError) as error:
                if not left:
                    raise KnowscapeError(
                        f"Others change {self} again and again. Run the same command again."
                    ) from error
                _pause()

    def _store(self) -> Any:
        return _connect(self.root)

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Say what a refusal means; what is not there is a FileNotFoundError, a condition not met obstore's own."""
        known = _exceptions()
        try:
            yield
        except FileNotFoundError as error:
            if "<Code>NoSuchBucket<" in str(error):
                raise no_bucket(self.root) from error
            raise FileNotFoundError(f"There is no {self}") from error
        except (known.AlreadyExistsError, known.PreconditionError):
            raise
        except known.BaseError as error:
            raise refusal(str(self), str(error)) from error


class _Reader(io.RawIOBase):
    """An object that is read from any byte on, each reading being a request."""

    def __init__(self, path: ObjectPath, size: int) -> None:
        self._path, self._size, self._at = path, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        count = max(0, min(len(view), self._size - self._at))
        if count:
            view[:count] = self._path.read_range(self._at, count)
            self._at += count
        return count


def _version(meta: Any) -> dict[str, Any]:
    return {name: meta[name] for name in ("e_tag", "version") if meta[name] is not None}


def _pause() -> None:
    time.sleep(_PAUSE * random.random())


@cache
def _connect(root: str) -> Any:
    """Return the bucket, with the credentials and the address that the environment gives."""
    from obstore.store import GCSStore, S3Store

    scheme, _, bucket = root.partition("://")
    kind: Any = S3Store if scheme == "s3" else GCSStore
    backoff = {"init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=15), "base": 2}
    return kind(
        bucket,
        client_options={"allow_http": endpoint().startswith("http://"), "timeout": timedelta(seconds=_TIMEOUT)},
        retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_PATIENCE), "backoff": backoff},
    )


def _exceptions() -> Any:
    try:
        from obstore import exceptions
    except ImportError as error:
        raise MissingExtraError("An object store", "cloud") from error
    return exceptions
