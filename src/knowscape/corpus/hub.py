"""Reader of datasets on the Hugging Face hub, streamed through the `datasets` library."""

from collections.abc import Iterator
from typing import Any

from knowscape.corpus.document import ReadReport
from knowscape.corpus.raw import Record
from knowscape.errors import KnowscapeError, MissingExtraError, UsageError

__all__ = ["PREFIX", "read_hub"]

PREFIX = "hf:"


def read_hub(address: str, report: ReadReport) -> Iterator[Record]:
    """Yield the rows of `hf:OWNER/NAME[:CONFIG]`: its split `train`, or the first where it has none.

    Raises UsageError for an address of another form, KnowscapeError where the hub does not give it, or stops giving.
    """
    name, _, config = address.removeprefix(PREFIX).partition(":")
    if name.count("/") != 1 or not all(name.split("/")):
        raise UsageError(f"{address!r} names no dataset. Accepted: {PREFIX}OWNER/NAME or {PREFIX}OWNER/NAME:CONFIG")
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("Reading datasets of the hub", "datasets") from error
    try:
        splits: Any = datasets.load_dataset(name, config or None, streaming=True)
        yield from splits["train" if "train" in splits else next(iter(splits))]
    except Exception as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise KnowscapeError(
            f"{address} could not be read after {report.read:,} records: {lines[0]}. "
            "Is the name right, and can the hub be reached? Nothing was changed; run the same command again."
        ) from error
