"""Reader of MediaWiki's XML dumps (pages-articles): the articles' plain text."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree.ElementTree import ParseError

from knowscape.corpus.document import ReadReport
from knowscape.corpus.raw import CUT_OFF, Metered, Record, open_bytes
from knowscape.errors import MissingExtraError, UsageError

__all__ = ["plain_text", "read_mediawiki"]

# https://www.mediawiki.org/wiki/Manual:Namespace_constants
_FILE, _CATEGORY = 6, 14
_MOST_EFFORT = 300_000_000
_LONGEST_TAG = 1 << 20
_OPENS = re.compile(r"<(?!(?:br|hr|wbr|li|dt|dd|t[rdh])\b)[A-Za-z!]|\[(?:https?:|//)", re.IGNORECASE)
_CLOSES = re.compile(r"</|/>|-->|(?<!\])\](?!\])")
_HEADING = re.compile(r"^=", re.MULTILINE)
_PIECES = re.compile(r"<|\[\[|&")


def read_mediawiki(path: Path, report: ReadReport) -> Iterator[Record]:
    """Yield the articles (namespace 0, no redirects) with their id, title, address and plain text.

    A dump that is cut off or not well formed ends the reading and is counted, as does a page over 64 MB.
    """
    try:
        import mwxml
        from mwxml.errors import MalformedXML
    except ImportError as error:
        raise MissingExtraError("Reading MediaWiki dumps", "mediawiki") from error
    with open_bytes(path) as opened:
        file = _Xml(opened, (b"<",))
        try:
            dump = mwxml.Dump.from_file(file)
            site = dump.site_info
        except (MalformedXML, ParseError, AssertionError, AttributeError, *CUT_OFF) as error:
            raise UsageError(f"{path} is no MediaWiki dump: {str(error) or 'its root is not <mediawiki>'}") from error
        drop = _dropped_prefixes(site)
        base = str(site.base or "").rsplit("/", 1)[0]
        pages = iter(dump.pages)
        while True:
            try:
                page = next(pages)
                source = _latest_text(page, file)
            except StopIteration:
                return
            # An id that is no number is a ValueError of the library, a page without a title an AttributeError.
            except (MalformedXML, ParseError, ValueError, AttributeError, *CUT_OFF) as error:
                report.count("TRUNCATED: the rest could not be read", f"after record {report.read}: {error}")
                return
            if page.redirect is not None or page.namespace:
                report.count("redirect or page of another namespace, skipped", str(page.title))
                continue
            if _effort(source) > _MOST_EFFORT:
                report.count("page whose markup would take minutes skipped", str(page.title))
                continue
            yield {
                "id": str(page.id),
                "title": page.title,
                "url": f"{base}/{quote(page.title.replace(' ', '_'))}" if base else "",
                "text": plain_text(source, drop),
            }


def plain_text(source: str, dropped_prefixes: frozenset[str]) -> str:
    """Return wikitext as plain text: no templates, references, tables, files or categories; links as their words."""
    import mwparserfromhell

    code: Any = mwparserfromhell.parse(source, skip_style_tags=True)
    for link in code.filter_wikilinks():
        if str(link.title).partition(":")[0].strip().lower() in dropped_prefixes and ":" in str(link.title):
            _remove(code, link)
    for tag in code.filter_tags(matches=lambda node: str(node.tag).lower() in {"table", "gallery", "ref"}):
        _remove(code, tag)
    for heading in code.filter_headings():
        _remove(code, heading)
    text: str = code.strip_code(normalize=True, collapse=True).replace("'''", "").replace("''", "")
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _remove(code: Any, node: Any) -> None:
    with suppress(ValueError):  # it stood inside another that is gone already
        code.remove(node)


def _effort(source: str) -> int:
    """Return about how many characters the parser of the markup will pass over.

    It reads the whole rest again for what opens and does not close, and the whole page for each piece that is taken
    out: 1,000 times `<b>` in 500,000 characters took over 15 s.
    """
    unclosed = max(0, len(_OPENS.findall(source)) - len(_CLOSES.findall(source)))
    return len(source) * (2 * unclosed + len(_HEADING.findall(source)) + len(_PIECES.findall(source)) // 32)


def _latest_text(page: Any, file: Metered) -> str:
    text = ""
    for revision in page:
        text = revision.text or ""
        file.new_record()
    return text


class _Xml(Metered):
    """A dump, which has no document type: that is where the entities that unfold without end are declared.

    Nor has it long tags, which the parser reads again from their beginning with each block.
    """

    _begun, _open = False, 0

    def read(self, size: int = -1) -> bytes:
        data = super().read(size)
        opens, closes = data.rfind(b"<"), data.rfind(b">")
        self._open = (
            len(data) - opens if opens > closes else 0 if closes >= 0 else self._open and self._open + len(data)
        )
        if self._open > _LONGEST_TAG:
            raise OSError(f"a tag is over {_LONGEST_TAG >> 20} MB long")
        if not self._begun:
            before, root, _ = data.partition(b"<mediawiki")
            self._begun = bool(root)
            if b"<!DOCTYPE" in before or b"<!ENTITY" in before:
                raise OSError("it declares a document type, which no dump does")
        return data


def _dropped_prefixes(site: Any) -> frozenset[str]:
    names = {"file", "image", "media", "category"}
    names |= {space.name.lower() for space in site.namespaces or [] if space.id in {_FILE, _CATEGORY} and space.name}
    return frozenset(names)
