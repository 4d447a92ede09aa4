"""The page as one file that opens by double-click: scripts, styles, typeface and data inside, and nothing loaded."""

import base64
import gzip
import re
from collections.abc import Iterator
from pathlib import Path

from knowscape.errors import KnowscapeError
from knowscape.page.policy import inside_alone, with_policy

__all__ = ["MOST_ARTICLES", "single_file"]

# A file of 50,000 articles of 100 words is some 20 MB, which browsers open in a second or two.
MOST_ARTICLES = 50_000
_LINK = re.compile(r"\s*<link\b[^>]*>")
_SCRIPT = re.compile(r"\s*<script\b[^>]*></script>")
_LICENCES = ("licences.md", "source-serif-4-OFL.txt")


def single_file(folder: Path) -> str:
    """Return the page in `folder`, which `build_page` made, as one HTML text.

    `web/src/source.ts` reads the data: each file lies under its own path, as gzip in base64.  A text is unpacked only
    when its block of articles is looked at.
    """
    front = Path(__file__).with_name("dist")
    try:
        script, style = ((front / "file" / name).read_text(encoding="utf-8") for name in ("page.js", "page.css"))
        page = (front / "index.html").read_text(encoding="utf-8")
        icon = base64.b64encode((front / "mark.svg").read_bytes()).decode()
    except FileNotFoundError as error:
        raise KnowscapeError(
            f"This installation lacks {error.filename}. Install again with: pip install --force-reinstall knowscape"
        ) from None
    _inlined(script, "script")
    _inlined(style, "style")
    page = with_policy(_SCRIPT.sub("", _LINK.sub("", page)), inside_alone(script, style))
    head = f'    <link rel="icon" href="data:image/svg+xml;base64,{icon}" />\n    <style>{style}</style>\n  </head>'
    page = page.replace("</head>", head.lstrip(" "), 1)
    data = "\n".join([*_licences(front), *_packed(folder)])
    return page.replace("</body>", f'{data}\n<script type="module">{script}</script>\n  </body>', 1)


def _inlined(content: str, tag: str) -> None:
    """Raise KnowscapeError where a content would end its own tag; the build of the page avoids that."""
    if re.search(rf"</{tag}|<!--", content, re.IGNORECASE):
        raise KnowscapeError(f"A {tag} of the page cannot stand inside a file. Please report this with your version.")


def _packed(folder: Path) -> Iterator[str]:
    for path in sorted((folder / "data").rglob("*")):
        if path.is_file():
            packed = base64.b64encode(gzip.compress(path.read_bytes(), 9, mtime=0)).decode()
            yield f'<script type="text/plain" id="{path.relative_to(folder).as_posix()}">{packed}</script>'


def _licences(front: Path) -> Iterator[str]:
    """Yield the licences of what is inside, which have to go with it."""
    for name in _LICENCES:
        text = (front / name).read_text(encoding="utf-8").replace("</script", "<\\/script")
        yield f'<script type="text/plain" id="{name}">\n{text}</script>'
