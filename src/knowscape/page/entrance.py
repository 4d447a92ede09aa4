"""The way in where a token is asked for: a page that takes it from the link, or from the reader."""

from pathlib import Path

__all__ = ["ENTER", "ENTRANCE_FILES", "entrance_file"]

# The link is this and the token behind a #, which a browser sends to nobody: it stands in no log and no Referer.
ENTER = "/enter"
ENTRANCE_FILES = {"index.html": "text/html; charset=utf-8", "enter.js": "text/javascript", "enter.css": "text/css"}


def entrance_file(name: str) -> bytes:
    """Return what one of ENTRANCE_FILES holds."""
    return Path(__file__).with_name("entrance").joinpath(name).read_bytes()
