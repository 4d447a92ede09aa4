"""MediaWiki dumps become plain texts."""

import bz2
from itertools import pairwise
from pathlib import Path

import pytest

from knowscape.corpus.mediawiki import plain_text
from knowscape.corpus.readers import read_corpus
from knowscape.errors import UsageError

pytest.importorskip("mwxml")

HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="de">
  <siteinfo>
    <sitename>Wikipedia</sitename><dbname>dewiki</dbname><base>https://de.wikipedia.org/wiki/Wikipedia:Hauptseite</base>
    <generator>MediaWiki 1.45</generator><case>first-letter</case>
    <namespaces>
      <namespace key="0" case="first-letter" /><namespace key="1" case="first-letter">Diskussion</namespace>
      <namespace key="6" case="first-letter">Datei</namespace>
      <namespace key="14" case="first-letter">Kategorie</namespace>
    </namespaces>
  </siteinfo>
"""


def page(number: int, title: str, text: str, space: int = 0, redirect: str = "") -> str:
    target = f'<redirect title="{redirect}" />' if redirect else ""
    return (
        f"<page><title>{title}</title><ns>{space}</ns><id>{number}</id>{target}<revision><id>{number}0</id>"
        "<timestamp>2026-01-01T00:00:00Z</timestamp><contributor><username>A</username><id>1</id></contributor>"
        f'<model>wikitext</model><format>text/x-wiki</format><text bytes="1">{text}</text></revision></page>\n'
    )


DUMP = (
    HEAD
    + page(1, "Sonne &amp; Mond", "Die '''Sonne''' ist ein [[Stern|heller Stern]].&lt;ref&gt;Quelle&lt;/ref&gt;")
    + page(2, "Diskussion:Sonne", "Nein.", space=1)
    + page(3, "Sol", "#REDIRECT [[Sonne]]", redirect="Sonne")
    + page(4, "Mond", "Der Mond. [[Datei:Mond.jpg|mini|Ein [[Bild]]]] [[Kategorie:Mond]]")
    + page(5, "Leer", "{{Vorlage|Text}}")
)


@pytest.mark.parametrize("suffix", [".xml", ".xml.bz2"])
def test_articles_are_read_and_other_pages_are_counted(tmp_path: Path, suffix: str) -> None:
    data = (DUMP + "</mediawiki>").encode()
    path = tmp_path / f"dump{suffix}"
    path.write_bytes(bz2.compress(data) if suffix.endswith("bz2") else data)
    corpus = read_corpus(path)
    assert [(d.id, d.title, d.text, d.url) for d in corpus] == [
        ("1", "Sonne & Mond", "Die Sonne ist ein heller Stern.", "https://de.wikipedia.org/wiki/Sonne_%26_Mond"),
        ("4", "Mond", "Der Mond.", "https://de.wikipedia.org/wiki/Mond"),
    ]
    assert corpus.report.counts == {"redirect or page of another namespace, skipped": 2, "empty text skipped": 1}


@pytest.mark.parametrize("damage", ["cut", "cut archive", "not well formed"])
def test_a_damaged_dump_gives_what_came_before(tmp_path: Path, damage: str) -> None:
    many = "".join(page(n, f"Seite {n}", f"Text der Seite {n}.") for n in range(10, 3000))
    data = (HEAD + many + ("<page><title>x</page>" if damage == "not well formed" else "")).encode()
    path = tmp_path / "dump.xml"
    if damage == "cut archive":
        path, packed = tmp_path / "dump.xml.bz2", bz2.compress(data, 1)
        data = packed[: len(packed) * 2 // 3]
    path.write_bytes(data if damage != "cut" else data[:-100])
    corpus = read_corpus(path)
    assert 1000 < len(corpus) <= 2990
    assert any("TRUNCATED" in line for line in corpus.report.lines())


@pytest.mark.parametrize("data", [b"", b"<html></html>", b"no xml", b"<mediawiki>"])
def test_what_is_no_dump_is_an_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "dump.xml").write_bytes(data)
    with pytest.raises(UsageError, match=r"dump\.xml"):
        read_corpus(tmp_path / "dump.xml")


def test_entities_that_unfold_without_end_are_refused(tmp_path: Path) -> None:
    names = "abcdefghij"
    bomb = "".join(f'<!ENTITY {after} "{("&" + before + ";") * 10}">' for before, after in pairwise(names))
    xml = f'<!DOCTYPE m [<!ENTITY a "{"x" * 100}">{bomb}]>' + HEAD + page(1, "T", "&j;") + "</mediawiki>"
    (tmp_path / "dump.xml").write_text(xml)
    with pytest.raises(UsageError, match=r"no document|no MediaWiki dump"):
        read_corpus(tmp_path / "dump.xml")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("A {{infobox|a={{b}}}}star.", "A star."),
        ("{| class=x\n| cell\n|}\nAfter.", "After."),
        ("== Heading ==\nBody ''it''.", "Body it."),
        ("[https://example.org words] and [[a]]s", "words and as"),
        ("x<!-- hidden -->y <math>a^2</math>", "xy"),
        ("* one\n* two", "one\ntwo"),
        ("5 &lt; 6 &nbsp;&amp; more", "5 < 6 \xa0& more"),
        ("{{unclosed [[link|words", "{{unclosed [[link|words"),
    ],
)
def test_wikitext_becomes_plain_text(source: str, text: str) -> None:
    assert plain_text(source, frozenset({"file"})) == text
