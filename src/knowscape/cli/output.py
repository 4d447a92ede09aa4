"""How the commands print: lines for a person, one JSON value for a machine."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from knowscape.characters import printable

__all__ = ["show", "table"]


_WIDTH = 160


def show(result: Mapping[str, Any], *, as_json: bool) -> None:
    """Print a result on standard output."""
    if as_json:
        sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
        return
    width = max(len(name) for name in result)
    for name, value in result.items():
        text = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else _plain(value)
        sys.stdout.write(f"{name.replace('_', ' '):<{width}}  {text}\n")


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns as wide as the terminal allows; long cells go on in the next line."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _WIDTH)
    drawn = Table(box=None, pad_edge=False)
    for number, head in enumerate(heads):
        drawn.add_column(head, no_wrap=number == 0)
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    console.print(drawn)


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_plain(inner)}" for key, inner in value.items()) or "none"
    if isinstance(value, list | tuple):
        return "; ".join(_plain(inner) for inner in value) or "none"
    return printable(str(value))
