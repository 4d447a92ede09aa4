"""Titles and texts as one long row of word numbers, in whatever script they are written."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ARTICLES", "BREAK", "END", "JOINERS", "KINDS", "STOP", "WEAK", "Words", "too_short"]

BREAK, END = 0, 1
_ENDS, _END = ".!?\u3002\uff01\uff1f", ". "

# A name begins with a small letter in less than this share of its uses.
_PROPER = 0.15

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
# English too: "a species of beetle" counts beetles.
KINDS = frozenset({"species", "genus", "genera", "kind", "type", "class", "breed"})
# Said of so many things that alone it is no name for any: "star systems" is one, "systems" none.
_WEAK = """
system service genus process method phenomenon relation name family effect approach form formation structure element
group work term concept list code category class model unit measure property set order activity condition area site
location event subject figure title use cost field object man woman masculine feminine starting record thing function
result feature version type level rule practice operation development management issue role degree region
"""
WEAK = frozenset(_WEAK.split())


class Words:
    """`ids` int64[tokens]: numbers of `words`, lower case; 0 is a break in the text, 1 the end of a sentence.

    `documents` int64[tokens] and `in_title` bool[tokens] tell where a token stands, `spellings` how a word is written
    where it is neither lower case nor only its first letter is a capital, and `proper` bool[words] which words hardly
    ever begin with a small letter; abbreviations are none.
    """

    def __init__(self, titles: Sequence[str], texts: Sequence[str]) -> None:
        forms: defaultdict[str, int] = defaultdict()
        forms.default_factory = forms.__len__
        number, find = forms.__getitem__, _token().findall
        row: list[int] = [number(_END)]
        lengths: list[int] = []
        for title, text in zip(titles, texts, strict=True):
            for piece in (title, text):
                before = len(row)
                # The space makes the last full stop one that ends a sentence.
                row += map(number, find(piece + " "))
                row.append(0)
                lengths.append(len(row) - before)
        of_form = self._read_forms(list(forms), np.bincount(row))
        self.ids = of_form[row[1:]]
        self.documents = np.repeat(np.repeat(np.arange(len(titles)), 2), lengths)
        self.in_title = np.repeat(np.tile([True, False], len(titles)), lengths)
        self._after_title = self._count_after_titles(lengths)

    def numbers(self, words: Iterable[str]) -> NDArray[np.int64]:
        """Return the numbers of those `words` that occur."""
        return np.array(sorted(self._numbers[word] for word in words if word in self._numbers), np.int64)

    def copulas(self) -> NDArray[np.int64]:
        """Return the English ones, and the words that often follow an article's title where its text begins with it."""
        enough = max(3, 0.05 * self._after_title.total())
        learned = [word for word, times in self._after_title.items() if times >= enough]
        return np.union1d(self.numbers(COPULAS), np.array(learned, np.int64))

    def said(self, where: NDArray[np.bool_]) -> Any:
        """Return sparse float32[documents, words]: 1 where a document says a word, in the tokens `where` only."""
        from scipy import sparse

        places = self.documents[where], self.ids[where]
        shape = int(self.documents[-1]) + 1, len(self.words)
        table = sparse.csr_matrix((np.ones(len(places[0]), np.float32), places), shape=shape)
        table.data[:] = 1
        return table

    def _read_forms(self, forms: list[str], times: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return every form's number, and note how words are written; `forms` are tokens as they stand in a text."""
        self._numbers: dict[str, int] = {}
        self.spellings: dict[int, Counter[str]] = {}
        numbers, small = np.full(len(forms), BREAK, np.int64), np.zeros(len(forms), bool)
        is_word = _word().fullmatch
        for form, written in enumerate(forms):
            if written[0] in _ENDS:
                numbers[form] = END if len(written) > 1 else BREAK
            elif is_word(written):
                plain = written[:-2] if written[-2:] in ("'s", "\u2019s") else written
                word = plain.lower()
                number = numbers[form] = self._numbers.setdefault(word, len(self._numbers) + 2)
                small[form] = plain == word
                if plain[1:] != word[1:]:
                    self.spellings.setdefault(int(number), Counter())[plain] += int(times[form])
        self.words = ["", "", *self._numbers]
        self.proper: NDArray[np.bool_] = np.bincount(numbers, times * small) < _PROPER * np.bincount(numbers, times)
        self.proper[list(self.spellings)] = False
        return numbers

    def _count_after_titles(self, lengths: list[int]) -> Counter[int]:
        """Count the words that follow an article's title where its text begins with it."""
        found: Counter[int] = Counter()
        ids, start = self.ids.tolist(), 0
        for head, body in zip(lengths[::2], lengths[1::2], strict=True):
            text, size = start + head, head - 1
            if 0 < size < body and ids[start : start + size] == ids[text : text + size] and ids[text + size] > END:
                found[ids[text + size]] += 1
            start = text + body
        return found


@cache
def _word() -> re.Pattern[str]:
    """Return what a word is: letters with their combining marks, hyphens and apostrophes between them."""
    marks = "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code))[0] == "M")
    letter = rf"[^\W\d_][{re.escape(marks)}]*+"
    return re.compile(rf"(?:{letter})++(?:['\u2019\-](?:{letter})++)*+")


@cache
def _token() -> re.Pattern[str]:
    """Return what a token is: a word, the end of a sentence with its space, letters with digits, or any other sign."""
    return re.compile(rf"{_word().pattern}(?![\d_])|[{_ENDS}]\s|\w+|\S")


def too_short(word: str) -> bool:
    """Return whether a word is too short for a name: under three letters, under two where a script has no capitals."""
    return len(word) < (3 if word.upper() != word else 2)
