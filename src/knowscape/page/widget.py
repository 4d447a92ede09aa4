"""The page in a cell of a notebook, through anywidget."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from knowscape.errors import MissingExtraError

__all__ = ["show_page"]


def show_page(page: str, ids: Sequence[str], *, height: int) -> Any:
    """Return a widget that shows a page that is one file; `ids` are those of its articles, by row.

    `selected`, a list of ids, can be observed: those that the reader has selected, or else the open one.
    """
    return _widget_class()(page, list(ids), height)


@cache
def _widget_class() -> Any:
    try:
        import anywidget
        import traitlets
    except ImportError as error:
        raise MissingExtraError("A map in a notebook", "notebook") from error

    class MapWidget(anywidget.AnyWidget):
        """A map; `rows` are those of the articles that the reader has selected or opened, `selected` their ids."""

        _esm = Path(__file__).with_name("widget.js")
        page = traitlets.Unicode().tag(sync=True)
        height = traitlets.Int().tag(sync=True)
        rows = traitlets.List(traitlets.Int()).tag(sync=True)
        selected = traitlets.List(traitlets.Unicode(), read_only=True)

        def __init__(self, page: str, ids: list[str], height: int) -> None:
            self._ids = ids
            super().__init__(page=page, height=height)

        def __repr__(self) -> str:
            return f"MapWidget({len(self._ids):,} articles)"

        @traitlets.observe("rows")
        def _follow(self, change: Any) -> None:
            ids = [self._ids[row] for row in change.new if 0 <= row < len(self._ids)]
            self.set_trait("selected", ids)

    return MapWidget
