"""Titles and texts as one long row of word numbers, in whatever script they are written."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["ARTICLES", "BREAK", "END", "JOINERS", "STOP", "Words", "too_short"]

BREAK, END = 0, 1

ARTICLES = frozenset({"a", "an"})
JOINERS = frozenset({"of", "de", "del", "der", "des", "di", "do", "du", "von"})
COPULAS = frozenset({"is", "are", "was", "were"})
# English only: what is too general for a name, or stands beside names and is no part of them. In other languages
# the words that are in many articles and in hardly any title do this work.
_STOP = """
a an the this that these those it its he him his himself she her hers they them their theirs we us our you your i me
my who whom whose which what when where why how and or but nor not no so if then than as at by for from in into of off
on onto out over to up with within without about above across after against along among around before behind below
beneath beside between beyond during except inside near outside per since through throughout till toward towards under
until upon via while because although though unless whereas whether is are was were be been being am has have had
having do does did done can could may might must shall should will would also both each either neither every any all
some such same other others another many much more most few fewer less least several own only just even ever never
always often sometimes usually still yet again already almost very too quite rather there here now once twice today
one two three four five six seven eight nine ten eleven twelve hundred hundreds thousand thousands million millions
billion first next last like unlike according based born died known called named used made located situated refer
refers became become becomes considered including included include includes use uses using make makes making take
takes taken give gives given get gets got let lets keep keeps say says said see seen found well later former formerly
various different certain common commonly mainly especially particularly originally currently approximately generally
typically mostly people person thing things way ways something nothing everything anything someone anyone everyone
held written built led won drawn grown begun ran notable usual type types kind kinds part parts member members example
examples january february march april june july august september october november december monday tuesday wednesday
thursday friday saturday serving starring featuring consisting containing following belonging sunday day days month
months year years decade decades century centuries
"""
STOP = frozenset(_STOP.split())


class Words:
    """`ids` int64[tokens]: numbers of `words`, lower case; 0 is a break in the text, 1 the end of a sentence.

    `documents` int64[tokens] and `in_title` bool[tokens] tell where a token stands, `spellings` how a word is written
    where it is neither lower case nor only its first letter is a capital.
    """

    def __init__(self, titles: Sequence[str], texts: Sequence[str]) -> None:
        self._numbers: dict[str, int] = {}
        self._after_title: Counter[int] = Counter()
        self.spellings: dict[int, Counter[str]] = {}
        ids: list[int] = []
        lengths: list[int] = []
        for title, text in zip(titles, texts, strict=True):
            head, body = self._read(title), self._read(text)
            self._note_copula(head, body)
            lengths += (len(head) + 1, len(body) + 1)
            ids += [*head, END, *body, END]
        self.ids = np.array(ids, np.int64)
        self.documents = np.repeat(np.repeat(np.arange(len(titles)), 2), lengths)
        self.in_title = np.repeat(np.tile([True, False], len(titles)), lengths)
        self.words = ["", "", *self._numbers]

    def numbers(self, words: Iterable[str]) -> NDArray[np.int64]:
        """Return the numbers of those `words` that occur."""
        return np.array(sorted(self._numbers[word] for word in words if word in self._numbers), np.int64)

    def copulas(self) -> NDArray[np.int64]:
        """Return the English ones, and the words that often follow an article's title where its text begins with it."""
        enough = max(3, 0.05 * self._after_title.total())
        learned = [word for word, times in self._after_title.items() if times >= enough]
        return np.union1d(self.numbers(COPULAS), np.array(learned, np.int64))

    def frequencies(self, where: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return int64[words]: in how many documents each word is, counting the tokens `where` only."""
        size = len(self.words)
        pairs = np.unique(self.documents[where] * size + self.ids[where])
        return np.bincount(pairs % size, minlength=size)

    def _read(self, text: str) -> list[int]:
        found: list[int] = []
        for match in _token().finditer(text):
            group = match.lastindex
            found.append(BREAK if group is None else END if group == 2 else self._number(match.group()))
        return found

    def _number(self, written: str) -> int:
        if written[-2:] in ("'s", "\u2019s"):
            written = written[:-2]
        word = written.lower()
        number = self._numbers.setdefault(word, len(self._numbers) + 2)
        if written[1:] != word[1:]:
            self.spellings.setdefault(number, Counter())[written] += 1
        return number

    def _note_copula(self, title: list[int], body: list[int]) -> None:
        if title and len(body) > len(title) and body[: len(title)] == title and body[len(title)] > END:
            self._after_title[body[len(title)]] += 1


@cache
def _token() -> re.Pattern[str]:
    """Return what a token is: a word with its combining marks, the end of a sentence, or anything that is no space."""
    marks = "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code))[0] == "M")
    letter = rf"[^\W\d_][{re.escape(marks)}]*"
    word = rf"(?:{letter})+(?:['\u2019\-](?:{letter})+)*"
    return re.compile(rf"({word})(?![\d_])|([.!?\u3002\uff01\uff1f](?=\s|$))|[^\s]")


def too_short(word: str) -> bool:
    """Return whether a word is too short for a name: under three letters, under two where a script has no capitals."""
    return len(word) < (3 if word.upper() != word else 2)
