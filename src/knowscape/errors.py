"""The errors that Knowscape raises on purpose.

Every message names the bad value, the accepted ones and the next command to type.  `exit_code` is what the
command line returns for it.
"""

import errno
import os
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "DamageError",
    "DeviceLostError",
    "Fault",
    "GateError",
    "KnowscapeError",
    "MissingExtraError",
    "StorageError",
    "TextTooLargeError",
    "UsageError",
    "WorseMapError",
    "first_line",
]


class KnowscapeError(Exception):
    """The work failed for a reason that the message explains."""

    exit_code = 1


class UsageError(KnowscapeError):
    """The request itself is wrong: an unknown option, a path that is not there, an unreadable format."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in an atlas.

    `kind` is damaged, missing, gap, duplicate, value, mismatch, stale, labels or leftover; `says` goes on where `path`
    ends, `rows` names the rows where only some are concerned, and `remedy` tells what to type.
    """

    kind: str
    path: Path
    says: str
    remedy: str
    rows: str = ""

    def __str__(self) -> str:
        return f"{self.path} {self.says}{': rows ' if self.rows else ''}{self.rows}. {self.remedy}"

    def to_json(self) -> dict[str, str]:
        return {
            "kind": self.kind, "path": str(self.path), "says": self.says, "rows": self.rows, "remedy": self.remedy,
            "sentence": str(self),
        }  # fmt: skip


class DamageError(KnowscapeError):
    """Stored data is not what was written; `fault` says more where it is known."""

    exit_code = 3

    def __init__(self, what: Fault | str) -> None:
        super().__init__(str(what))
        self.fault = what if isinstance(what, Fault) else None


_GONE = "The disk does not answer: see that it is attached and mounted"
_REFUSED = "Get the right to read and write there (ls -ld {folder}), or name another place"
_TOO_MANY_FILES = "Allow more open files (ulimit -n 4096)"
_FULL = "Make room there (df -h {folder})"
_REMEDIES = {
    errno.ENOSPC: _FULL, errno.EDQUOT: _FULL,
    errno.EFBIG: "Allow larger files (ulimit -f unlimited), or name a place on another file system",
    errno.EACCES: _REFUSED, errno.EPERM: _REFUSED, errno.EROFS: _REFUSED,
    errno.EMFILE: _TOO_MANY_FILES, errno.ENFILE: _TOO_MANY_FILES, errno.ENOMEM: "Free some memory",
    errno.EIO: _GONE, errno.ESTALE: _GONE, errno.ENODEV: _GONE, errno.ENXIO: _GONE, errno.ENOTCONN: _GONE,
    errno.EHOSTDOWN: _GONE, errno.ETIMEDOUT: _GONE, errno.ESHUTDOWN: _GONE, errno.EREMOTEIO: _GONE,
}  # fmt: skip


class StorageError(KnowscapeError):
    """The file system refused: no room, no permission, a disk that is gone.  What was committed before stays."""

    @classmethod
    def of(cls, error: OSError, path: Path | None = None) -> "StorageError":
        """Return the error for what the system said about `path`, with what to do about it."""
        where = path or (Path(error.filename) if error.filename else None)
        folder = where if where is None or os.path.isdir(where) else where.parent  # noqa: PTH112 - raises nothing
        remedy = _REMEDIES.get(error.errno or 0, "")
        todo = f"{remedy.format(folder=folder or 'FOLDER')}, then run" if remedy else "Run"
        what = ": ".join(str(part) for part in (where, error.strerror or error) if part)
        return cls(f"{what}. {todo} the same command again; what was finished is kept.")

    @staticmethod
    def explains(error: OSError) -> bool:
        """Return whether an error tells of the file system, and nothing of what a file holds."""
        return error.errno in _REMEDIES


class MissingExtraError(UsageError):
    """An optional dependency is needed and is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs an optional part of Knowscape. Install it with: pip install 'knowscape[{extra}]'"
        )
        self.extra = extra


class WorseMapError(UsageError):
    """The map that was asked for is clearly worse than the one that is there, which was kept."""

    def __init__(self, new: str, old: str, atlas: Path) -> None:
        super().__init__(
            f"The new map keeps {new} of the articles' 10 nearest neighbours, the one that is there {old}; that one "
            f"stays. To replace it all the same, type the options again with: knowscape map {atlas} --force"
        )


class GateError(KnowscapeError):
    """A model does not pass the gate that a change of models has; the index that answers stays."""

    def __init__(self, new: str, old: str, reasons: tuple[str, ...]) -> None:
        super().__init__(
            f"{new} does not pass: {'; '.join(reasons)}. {old} goes on answering. Try other queries (--queries), "
            "switch all the same (--force), or remove what was prepared: --rollback"
        )


class DeviceLostError(KnowscapeError):
    """The device that a model ran on does not compute any more."""


class TextTooLargeError(KnowscapeError):
    """A batch of a single text runs out of memory."""

    def __init__(self, tokens: int) -> None:
        super().__init__(f"A single text of {tokens} tokens does not fit into memory.")
        self.tokens = tokens


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its kind where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
