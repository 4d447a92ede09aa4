"""Where headings, paragraphs and sentences of a text begin, by rules that pass over the text once."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BEHIND_HEADING", "HEADING", "PARAGRAPH", "SENTENCE", "WITHIN", "places"]

# How well a text may be cut at a place, from worst to best.
BEHIND_HEADING, WITHIN, SENTENCE, PARAGRAPH, HEADING = range(-1, 4)

_LINE_BREAKS = re.compile(r"[\n\r\u2028\u2029]\s*+")
_MARKED = re.compile(r"#{1,6}[ \t]+\S[^\n]{0,200}|(={2,6})[ \t]*[^=\n][^\n]{0,200}?\1[ \t\r]*")
_LONGEST_TITLE = 80
_ITEM = re.compile(r"(?:[-*+•‣◦\u2013|]|\(?(?:\d{1,3}|[A-Za-z])[.)])[ \t]")
_MARKS, _WIDE = ".!?…؟۔।॥։።", "。！？｡"  # noqa: RUF001
_CLOSING, _WIDE_CLOSING = "\"'”’»)]}", "」』）】》"  # noqa: RUF001
_OPENING = "\"'“‘„«‹([{*_¿¡"  # noqa: RUF001
_PAUSES = ",;，；"  # noqa: RUF001
# What may follow marks: quotes and brackets, then notes (`[1]`).  A run of marks begins where no mark stands before it,
# so a long one is looked at once.  Last, a full stop whose white space was lost.
_CLOSED = rf"[{re.escape(_CLOSING + _WIDE_CLOSING)}]*+(?:\[[\w ]{{1,20}}\])*+"
_END = re.compile(
    rf"(?<![{_MARKS}])[{_MARKS}]++{_CLOSED}\s++|[{_WIDE}]++{_CLOSED}\s*+|(?<=[^\W\d_]{{3}})[.!?](?=[A-Z][a-z])"
)
_OPENED = re.compile(rf"[{re.escape(_OPENING)}]*+(\w*+)")
_DOTTED = re.compile(r"(?:[^\W\d_]{1,2}\.)+[^\W\d_]{1,2}")
_LONGEST_WORD = 24


def _words(said: str) -> frozenset[str]:
    return frozenset(said.split())


# Words with a full stop that is no end: always, before a number, and unless a word follows that begins sentences.
_ALWAYS = _words(
    "adm al approx brig bzw ca capt cf cmdr col d.h dipl dr e.g esp et fr gen gov hon i.e ing lt maj messrs mlle mme "
    "mr mrs ms mt phd prof rep resp rev sen sgt st u.a viz vs z.b z.t"
)
_BEFORE_NUMBERS = _words(
    "abb app apr art aug bd ch chap dec eq eqs feb fig figs jan jul jun kap mar no nos nov nr oct op p par pp s sec "
    "sep sept tab vol vols"
)
_SOMETIMES = _words("bros co corp dept est etc inc jr ltd sr univ")
_BEGIN_SENTENCES = _words(
    "A After All Although An And As At Both But By During Each For From He Her His However I If In It Its Many Most "
    "No On One Our Several She Since So Some Such That The Their Then There These They This Those Though Thus To "
    "Under Until We When Where While With You Das Der Die Ein Eine El Elle Er Es Il La Las Le Les Los Sie Un Une"
)


@dataclass(frozen=True, slots=True)
class _Line:
    """The characters of a line, from its first word to its line break."""

    begin: int
    end: int
    blank_after: bool


def places(text: str) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Return where a text may be cut, int64[n] ascending, and how well, int8[n]: HEADING, PARAGRAPH, SENTENCE, ...

    A heading is a line of Markdown (`## ...`) or of a wiki (`== ... ==`), or a short line between blank ones that ends
    with no full stop; the place behind it is BEHIND_HEADING.  A single line break ends a paragraph in a block of lines
    that mostly end as sentences do, and before an item of a list or a table; elsewhere it is white space, as in text
    that was wrapped by hand.  Each place is the first character of what follows.  The beginning and the end of the text
    are not among them.
    """
    levels = dict.fromkeys(_sentence_places(text), SENTENCE)
    lines = list(_lines(text))
    headings = _headings(text, lines)
    levels |= {lines[row].begin: PARAGRAPH for row in _paragraphs(text, lines)}
    levels |= {lines[row].begin: HEADING for row in headings}
    levels |= {lines[row + 1].begin: BEHIND_HEADING for row in headings if row + 1 < len(lines)}
    inside = {place for row in headings for place in range(lines[row].begin + 1, lines[row].end) if place in levels}
    found = sorted(place for place in levels if 0 < place < len(text) and place not in inside)
    return np.array(found, np.int64), np.array([levels[place] for place in found], np.int8)


def _lines(text: str) -> Iterator[_Line]:
    begin = 0
    for found in _LINE_BREAKS.finditer(text):
        breaks = found[0].count("\n") or found[0].count("\r") + found[0].count("\u2028")
        yield _Line(begin, found.start(), breaks > 1 or "\u2029" in found[0])
        begin = found.end()
    if begin < len(text):
        yield _Line(begin, len(text), False)


def _headings(text: str, lines: list[_Line]) -> list[int]:
    """Return the rows of the lines that are headings; of short lines one after the other only the last can be one."""
    titles = [
        line.blank_after and (row == 0 or lines[row - 1].blank_after) and _is_title(text, line)
        for row, line in enumerate(lines)
    ]
    return [
        row
        for row, (line, following) in enumerate(zip(lines, [*titles[1:], False], strict=False))
        if (titles[row] and not following and row + 1 < len(lines)) or _MARKED.fullmatch(text, line.begin, line.end)
    ]


def _is_title(text: str, line: _Line) -> bool:
    if line.end - line.begin > _LONGEST_TITLE:
        return False
    words = text[line.begin : line.end].strip()
    first = words[:1]
    return first.isalnum() and not first.islower() and words[-1] not in _MARKS + _WIDE + _PAUSES


def _paragraphs(text: str, lines: list[_Line]) -> Iterator[int]:
    """Yield the rows of lines that begin a paragraph or an item; not the first."""
    block: list[int] = []
    for row, line in enumerate(lines):
        block.append(row)
        if not line.blank_after and row + 1 < len(lines):
            continue
        ended = sum(_is_end(text, lines[one].end) for one in block[:-1])
        for one in block[1:]:
            if 2 * ended >= len(block) - 1 or _ITEM.match(text, lines[one].begin):
                yield one
        if row + 1 < len(lines):
            yield row + 1
        block = []


def _is_end(text: str, end: int) -> bool:
    """Return whether a line that ends here ends as a sentence does."""
    tail = text[max(0, end - 8) : end].rstrip().rstrip(_CLOSING + _WIDE_CLOSING + "*_")
    return bool(tail) and tail[-1] in _MARKS + _WIDE + ":;：；"  # noqa: RUF001


def _sentence_places(text: str) -> Iterator[int]:
    return (found.end() for found in _END.finditer(text) if _ends_sentence(text, found))


def _ends_sentence(text: str, found: re.Match[str]) -> bool:
    """Return whether these marks end a sentence, by the words before and behind; where in doubt they do not."""
    begin, end = found.span()
    if text[begin] in _WIDE:
        return not (found[0][-1] in "」』" and text[end : end + 1] in ("と", "っ"))  # "... said"
    opened = _OPENED.match(text, end)
    following = opened[1] if opened else ""
    if following[:1].islower():
        return False
    if found[0].rstrip().strip(_CLOSING + _WIDE_CLOSING) != ".":  # other marks, or notes
        return True
    before = text[max(0, begin - _LONGEST_WORD) : begin]
    word = "" if not before or before[-1].isspace() else before.split()[-1].lstrip(_OPENING)
    return _ends_with(word, following)


def _ends_with(word: str, following: str) -> bool:
    """Return whether a sentence ends with this word and a full stop, where this other word follows."""
    small = word.lower()
    if small in _ALWAYS or (small in _BEFORE_NUMBERS and following[:1].isdigit()):
        return False
    if (len(word) == 1 and word.isupper()) or (len(word) < 3 and word.isdigit()):  # initials; ordinals, list numbers
        return False
    if small in _SOMETIMES or _DOTTED.fullmatch(word):
        return not following or following in _BEGIN_SENTENCES
    return True
