"""Small JSON files that carry the format and the digest of what they hold, so that no flipped bit passes."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from knowscape.errors import DamageError, KnowscapeError, StorageError
from knowscape.files import RemotePath, json_bytes, write_json
from knowscape.store.manifest import FORMAT
from knowscape.store.parts import damage

__all__ = ["change_signed", "read_signed", "sha256_json", "write_signed"]

Old = Callable[[Any], dict[str, Any] | None]


def sha256_json(value: Any) -> str:
    """Return the hexadecimal SHA-256 of a value as JSON with sorted keys."""
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def write_signed(path: Path, body: Mapping[str, Any]) -> None:
    """Replace `path` by `body` as JSON with `format` and `sha256`, the digest of all the rest; atomic and durable."""
    write_json(path, _signed(body))


def _signed(body: Mapping[str, Any]) -> dict[str, Any]:
    content = {**body, "format": FORMAT}
    return {**content, "sha256": sha256_json(content)}


def change_signed(path: Path, change: Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
    """Replace `path` by what `change` makes of it, of nothing where it is missing.

    In an object store it is made of the newest state, whoever else changes it.
    """
    if not isinstance(path, RemotePath):
        write_signed(path, change(read_signed(path) if path.exists() else {}))
        return

    def changed(before: bytes | None) -> bytes:
        return json_bytes(_signed(change(_parsed(before, path, _of_format_1) if before is not None else {})))

    path.put_changed(changed)


def _of_format_1(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) and value.get("format") == 1 else None


def read_signed(path: Path, old: Old = _of_format_1) -> dict[str, Any]:
    """Return what `write_signed` put into `path`; `old` makes it of a value of format 1, which has no digest.

    Raises DamageError where it is not what was written, KnowscapeError where it is too new.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        if StorageError.explains(error):
            raise StorageError.of(error, path) from error
        raise DamageError(damage(path, f"is damaged: {error}")) from error
    return _parsed(content, path, old)


def _parsed(content: bytes, path: Path, old: Old) -> dict[str, Any]:
    try:
        value = json.loads(content)
        before = old(value)
        return before if before is not None else _verified(value, path)
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
