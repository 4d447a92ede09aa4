"""Lines of a text file with their place, so that an error can say where."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from knowscape.errors import StorageError, UsageError

__all__ = ["numbered_lines", "read_fields"]


def numbered_lines(path: Path, accepted: str) -> Iterator[tuple[str, str]]:
    """Yield the place, for messages, and the text of each line that is not empty; `accepted` says what a line holds.

    Raises UsageError for a file that is missing, empty or not in UTF-8.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {path}. {accepted}.")
    empty = True
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    empty = False
                    yield f"{path}, line {number}", line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not in UTF-8: {error}. {accepted}.") from error
    except OSError as error:
        raise StorageError.of(error, path) from error
    if empty:
        raise UsageError(f"{path} is empty. {accepted}.")


def read_fields(where: str, line: str, accepted: str) -> dict[str, Any]:
    """Return the JSON object in a line; UsageError for what is none."""
    try:
        found: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is not JSON: {error}. {accepted}.") from error
    if not isinstance(found, dict):
        raise UsageError(f"{where} is no object. {accepted}.")
    return found
