"""Small JSON files that carry the format and the digest of what they hold, so that no flipped bit passes."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from knowscape.errors import DamageError, KnowscapeError, StorageError
from knowscape.files import write_json
from knowscape.store.manifest import FORMAT
from knowscape.store.parts import damage

__all__ = ["read_signed", "sha256_json", "write_signed"]

Old = Callable[[Any], dict[str, Any] | None]


def sha256_json(value: Any) -> str:
    """Return the hexadecimal SHA-256 of a value as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def write_signed(path: Path, body: Mapping[str, Any]) -> None:
    """Replace `path` by `body` as JSON with `format` and `sha256`, the digest of all the rest; atomic and durable."""
    content = {**body, "format": FORMAT}
    write_json(path, {**content, "sha256": sha256_json(content)})


def _of_format_1(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) and value.get("format") == 1 else None


def read_signed(path: Path, old: Old = _of_format_1) -> dict[str, Any]:
    """Return what `write_signed` put into `path`; `old` makes it of a value of format 1, which has no digest.

    Raises DamageError where it is not what was written, KnowscapeError where it is too new.
    """
    try:
        value = json.loads(path.read_bytes())
        before = old(value)
        return before if before is not None else _verified(value, path)
    except OSError as error:
        if StorageError.explains(error):
            raise StorageError.of(error, path) from error
        raise DamageError(damage(path, f"is damaged: {error}")) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamageError(damage(path, f"is damaged: {error}")) from error


def _verified(value: Any, path: Path) -> dict[str, Any]:
    if not isinstance(value, dict) or not isinstance(value.get("format"), int):
        raise ValueError("it names no format")
    body = {key: inner for key, inner in value.items() if key != "sha256"}
    if "sha256" in value and value["sha256"] != sha256_json(body):
        raise ValueError("its digest does not match its content")
    if value["format"] > FORMAT:
        raise KnowscapeError(
            f"{path} has format {value['format']}; this version reads up to {FORMAT}. "
            "Update with: pip install -U knowscape"
        )
    if "sha256" not in value:
        raise ValueError("it has no digest")
    return body
