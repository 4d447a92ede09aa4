"""The errors that Knowscape raises on purpose.

Every message names the bad value, the accepted ones and the next command to type.  `exit_code` is what the
command line returns for it.
"""

__all__ = [
    "DamageError",
    "DeviceLostError",
    "KnowscapeError",
    "MissingExtraError",
    "TextTooLargeError",
    "UsageError",
    "first_line",
]


class KnowscapeError(Exception):
    """The work failed for a reason that the message explains."""

    exit_code = 1


class UsageError(KnowscapeError):
    """The request itself is wrong: an unknown option, a path that is not there, an unreadable format."""

    exit_code = 2


class DamageError(KnowscapeError):
    """Stored data is not what was written."""

    exit_code = 3


class MissingExtraError(UsageError):
    """An optional dependency is needed and is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs an optional part of Knowscape. Install it with: pip install 'knowscape[{extra}]'"
        )
        self.extra = extra


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
