"""A map handed to others: a folder for any web host, a file that opens by double-click, a cell of a notebook."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowscape.atlas import Atlas
from knowscape.build import make_page
from knowscape.errors import UsageError
from knowscape.files import write_atomic
from knowscape.page.single import MOST_ARTICLES, single_file
from knowscape.page.widget import show_page
from knowscape.progress import SILENT, Progress

__all__ = ["Shared", "share", "show"]

_FILE = (".html", ".htm")


@dataclass(frozen=True, slots=True)
class Shared:
    """What was written: where, of how many articles, files and bytes, and how it is opened."""

    out: str
    articles: int
    files: int
    bytes: int
    open_with: str


def share(atlas: Atlas, out: Path, *, model: str | None = None, progress: Progress = SILENT) -> Shared:
    """Write the page of an atlas to `out`, made anew: one file where its name ends in .html, otherwise a folder.

    The folder is for any web host, at any address.  The file opens by double-click and loads nothing; it holds up to
    50,000 articles.  UsageError beyond that, where the map is missing, old or of three dimensions, and where `out` is
    a folder that holds something else than a page.
    """
    out, articles = out.resolve(), len(atlas.documents(model))
    if out.suffix.lower() in _FILE:
        page = _one_file(atlas, lambda: f"knowscape export {atlas.path} --format html -o {out.stem}", model, progress)
        write_atomic(out, lambda file: file.write(page))
        return Shared(str(out), articles, 1, len(page), f"double-click on {out.name}")
    if not _may_be_replaced(out):
        raise UsageError(
            f"{out} holds something else than a page, and would be lost. Name a new folder, an empty one, or a file "
            "that ends in .html"
        )
    make_page(atlas, model=model, out=out, progress=progress)
    sizes = [path.stat().st_size for path in out.rglob("*") if path.is_file()]
    return Shared(str(out), articles, len(sizes), sum(sizes), f"python -m http.server --directory {out}")


def show(atlas: Atlas, *, model: str | None = None, height: int = 640) -> Any:
    """Return a widget that shows the map in a notebook, `height` pixels high; its `selected` are ids of articles.

    MissingExtraError without the extra `notebook`; UsageError as for a file of `share`.
    """
    page = _one_file(atlas, lambda: f"knowscape serve {atlas.path}", model, SILENT)
    return show_page(page.decode(), atlas.documents(model).ids, height=height)


def _one_file(atlas: Atlas, instead: Callable[[], str], model: str | None, progress: Progress) -> bytes:
    """Return the page as one file; UsageError, with the command to type `instead`, where it would be too large."""
    articles = len(atlas.documents(model))
    if articles > MOST_ARTICLES:
        raise UsageError(
            f"{atlas.path} has {articles:,} articles; one file holds up to {MOST_ARTICLES:,}. Type instead: {instead()}"
        )
    with tempfile.TemporaryDirectory(prefix="knowscape-") as folder:
        return single_file(make_page(atlas, model=model, out=Path(folder) / "page", progress=progress)).encode()


def _may_be_replaced(out: Path) -> bool:
    """Return whether nothing but a page would be lost."""
    if not out.exists():
        return True
    return out.is_dir() and (((out / "files.json").is_file() and (out / "data").is_dir()) or not any(out.iterdir()))
