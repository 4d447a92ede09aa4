"""How the commands print: lines for a person, one JSON value for a machine."""

import json
import sys
from collections.abc import Mapping
from typing import Any

__all__ = ["show"]


def show(result: Mapping[str, Any], *, as_json: bool) -> None:
    """Print a result on standard output."""
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
        return
    width = max(len(name) for name in result)
    for name, value in result.items():
        text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else _plain(value)
        sys.stdout.write(f"{name.replace('_', ' '):<{width}}  {text}\n")


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_plain(inner)}" for key, inner in value.items()) or "none"
    if isinstance(value, list):
        return "; ".join(_plain(inner) for inner in value) or "none"
    return str(value)
