"""The pictures of the documentation: each is shown somewhere, small enough, and where a page says it is."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [*DOCS.rglob("*.md"), DOCS.parent / "README.md"]
SHOWN = {
    (page.parent / target).resolve()
    for page in PAGES
    for target in re.findall(r"!\[[^\]]*\]\(([^)#]+\.png)\)", page.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize("picture", sorted(DOCS.rglob("*.png")), ids=lambda path: path.name)
def test_every_picture_is_shown_and_small(picture: Path) -> None:
    assert picture.resolve() in SHOWN
    assert picture.stat().st_size <= 350_000


def test_every_picture_that_is_shown_is_there() -> None:
    assert [path for path in SHOWN if not path.is_file()] == []
    assert len([path for path in SHOWN if path.parent.name == "gallery"]) >= 10
