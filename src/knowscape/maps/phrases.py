"""Phrases of one to three words: where they stand in titles and texts, and how much like a subject they are used."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Phrases", "find_phrases"]

type Ints = NDArray[np.int64]
type Floats = NDArray[np.float32]
type Flags = NDArray[np.bool_]

# How much a phrase counts in a title or a definition, in the first sentence, and further on.
_CENTRAL, _FIRST, _PASSING = 1.0, 0.5, 0.25
# So many words after "X is a" belong to the definition.
_DEFINITION = 12
_BREAK, _END = 0, 1
_MOST_PHRASES = 60_000
# A word in so many of the articles, and in hardly any title, is a function word in whatever language.
_COMMON, _COMMON_SHORT, _SHORT, _IN_TITLES = 0.15, 0.05, 3, 0.03

_ARTICLES = frozenset({"a", "an"})
_JOINERS = frozenset({"of", "de", "di", "du", "da", "do", "von", "del", "des", "der"})
_COPULAS = frozenset({"is", "are", "was", "were"})
_STOP = frozenset(
    """
    a an the this that these those it its he him his himself she her hers they them their theirs we us our you your i
    me my who whom whose which what when where why how and or but nor not no so if then than as at by for from in into
    of off on onto out over to up with within without about above across after against along among around before behind
    below beneath beside between beyond during except inside near outside per since through throughout till toward
    towards under until upon via while because although though unless whereas whether is are was were be been being am
    has have had having do does did done can could may might must shall should will would also both each either neither
    every any all some such same other others another many much more most few fewer less least several own only just
    even ever never always often sometimes usually still yet again already almost very too quite rather there here now
    once twice today one two three four five six seven eight nine ten eleven twelve hundred hundreds thousand thousands
    million millions billion first second third last next new old like unlike according based born died known called
    named used made located situated refer refers became become becomes considered including included include includes
    use uses using make makes make making take takes taken give gives given get gets got let lets keep keeps say says
    said see seen set form formed found part parts well early late later former various different certain common
    commonly mainly especially particularly originally currently approximately generally typically mostly people things
    thing way ways something nothing everything anything someone anyone everyone
    january february march april may june july august september october november december monday tuesday wednesday
    thursday friday saturday sunday day days month months year years decade decades century centuries
    """.split()
)


@dataclass(frozen=True, slots=True)
class Phrases:
    """Which documents say which phrases: `table` float32[documents, phrases], 1 in the title or the definition.

    `subject` float32[phrases] in (0, 1] tells how much a phrase stands alone and in titles and definitions, rather
    than within longer phrases and in passing; `words` are the phrases' dictionary forms and `labels` how they are
    written on a map; `titled` int64[documents] is the phrase that is a document's whole title, else -1.
    """

    table: Any
    subject: Floats
    words: list[tuple[str, ...]]
    labels: list[str]
    titled: Ints


def find_phrases(titles: Sequence[str], texts: Sequence[str]) -> Phrases:
    """Return the phrases of at least two documents, of at least three in large corpora.

    A text is cut at stop words, digits and punctuation, and phrases lie within one piece (Rose and others 2010, RAKE).
    Function words that are not English are known by being in many documents and in hardly any title.
    """
    tokens = _Tokens(titles, texts)
    return _Counted(tokens).phrases(len(titles), least=3 if len(titles) > 5_000 else 2 if len(titles) > 20 else 1)


@cache
def _token_pattern() -> re.Pattern[str]:
    """Return what a token is: a word with its combining marks, the end of a sentence, or anything that is no space."""
    marks = "".join(chr(c) for c in range(0x300, 0x10000) if unicodedata.category(chr(c)).startswith("M"))
    letter = rf"[^\W\d_][{re.escape(marks)}]*"
    word = rf"(?:{letter})+(?:['’\-](?:{letter})+)*"
    return re.compile(rf"({word})(?![\d_])|([.!?。！？](?:\s|$))|[^\s]")


class _Tokens:
    """All titles and texts as one row of word numbers; 0 is a break and 1 the end of a sentence."""

    def __init__(self, titles: Sequence[str], texts: Sequence[str]) -> None:
        numbers = count(2)
        self._numbers: dict[str, int] = {}
        self._next = numbers
        self.odd: dict[int, Counter[str]] = {}
        self._after_title: Counter[int] = Counter()
        ids: list[int] = []
        documents: list[int] = []
        zones: list[int] = []
        for row, (title, text) in enumerate(zip(titles, texts, strict=True)):
            head, body = self._read(title), self._read(text)
            self._learn_copula(head, body)
            for zone, part in enumerate((head, body)):
                ids += part
                ids.append(_END)
                documents += [row] * (len(part) + 1)
                zones += [zone] * (len(part) + 1)
        self.ids, self.documents = np.array(ids, np.int64), np.array(documents, np.int64)
        self.in_title = np.array(zones, np.int64) == 0
        self.words = ["", "", *self._numbers]

    def numbers(self, words: frozenset[str]) -> Ints:
        return np.array(sorted(self._numbers[word] for word in words if word in self._numbers), np.int64)

    def copulas(self) -> Ints:
        """Return the English ones and the words that often follow an article's title where its text begins with it."""
        enough = max(3, 0.05 * self._after_title.total())
        learned = [word for word, times in self._after_title.items() if times >= enough]
        return np.union1d(self.numbers(_COPULAS), np.array(learned, np.int64))

    def _read(self, text: str) -> list[int]:
        found: list[int] = []
        for match in _token_pattern().finditer(text):
            group = match.lastindex
            found.append(_BREAK if group is None else _END if group == 2 else self._number(match.group()))
        return found

    def _number(self, written: str) -> int:
        if written[-2:] in ("'s", "’s"):
            written = written[:-2]
        word = written.lower()
        number = self._numbers.get(word)
        if number is None:
            number = self._numbers[word] = next(self._next)
        if written != word and written[1:] != word[1:]:
            self.odd.setdefault(number, Counter())[written] += 1
        return number

    def _learn_copula(self, title: list[int], body: list[int]) -> None:
        after = body[len(title)] if title and body[: len(title)] == title and len(body) > len(title) else _BREAK
        if after > _END:
            self._after_title[after] += 1


class _Counted:
    """What is known of every place in the row of tokens, and the phrases that begin there."""

    def __init__(self, tokens: _Tokens) -> None:
        self._tokens = tokens
        self._ids = tokens.ids
        self._stop = self._stop_words()
        self._canonical, self._plural = _plurals(tokens.words)
        self._zone = self._zones()
        content = ~self._stop[self._ids]
        self._content = content
        # The token before the piece that a token lies in tells whether the piece began with "a".
        begins = np.where(content & ~_shifted(content, 1, False), np.arange(len(content)), 0)
        before = _shifted(self._ids, 1, _BREAK)[np.maximum.accumulate(begins)]
        self._counted_thing = content & np.isin(before, tokens.numbers(_ARTICLES))

    def _stop_words(self) -> Flags:
        tokens, size = self._tokens, len(self._tokens.words)
        documents = int(tokens.documents[-1]) + 1 if len(tokens.documents) else 0

        def frequency(where: Flags) -> Ints:
            pairs = np.unique(tokens.documents[where] * size + tokens.ids[where])
            return np.bincount(pairs % size, minlength=size)

        everywhere, titled = frequency(np.ones(len(tokens.ids), bool)), frequency(tokens.in_title)
        lengths = np.array([len(word) for word in tokens.words])
        limit = np.where(lengths <= _SHORT, _COMMON_SHORT, _COMMON) * documents
        stop: Flags = (everywhere > np.maximum(limit, 20)) & (titled < _IN_TITLES * everywhere)
        stop[tokens.numbers(_STOP)] = True
        stop |= np.array([_too_short(word) for word in tokens.words])
        acronyms = [number for number, forms in tokens.odd.items() if lengths[number] > 1 and forms.total() > 2]
        stop[[number for number in acronyms if lengths[number] == 2]] = False
        stop[tokens.numbers(_STOP)] = True
        return stop

    def _zones(self) -> Floats:
        """Return how much each place counts."""
        tokens, places = self._tokens, np.arange(len(self._ids))
        body = ~tokens.in_title
        sentence = np.cumsum(_shifted(self._ids == _END, 1, False))
        first_sentence = np.full(int(tokens.documents[-1]) + 1 if len(places) else 0, -1)
        starts = body & ~_shifted(body, 1, False)
        first_sentence[tokens.documents[starts]] = sentence[starts]
        opening = body & (sentence == first_sentence[tokens.documents])
        copula = opening & np.isin(self._ids, tokens.copulas())
        last = np.maximum.accumulate(np.where(copula, places, -_DEFINITION - 1))
        defining = opening & (places - last <= _DEFINITION) & (sentence[np.maximum(last, 0)] == sentence)
        weights = np.select([tokens.in_title | defining, opening], [_CENTRAL, _FIRST], _PASSING)
        return weights.astype(np.float32)

    def phrases(self, documents: int, least: int) -> Phrases:
        from scipy import sparse

        keys, starts, lengths = self._windows()
        ends = starts + lengths - 1
        rows = self._tokens.documents[starts]
        kept, phrase = _frequent(keys, rows, least)
        starts, ends, rows, lengths = starts[kept], ends[kept], rows[kept], lengths[kept]
        size = int(phrase.max()) + 1 if len(phrase) else 0
        weight = self._zone[starts]
        cells, inverse = np.unique(rows * size + phrase, return_inverse=True)
        heaviest = np.zeros(len(cells), np.float32)
        np.maximum.at(heaviest, inverse, weight)
        table = sparse.csr_matrix((heaviest, (cells // max(size, 1), cells % max(size, 1))), shape=(documents, size))
        use = _Uses(starts, ends, phrase, size)
        alone = self._bounded(starts - 1) & self._bounded(ends + 1)
        words = [self._words(start, length) for start, length in zip(*use.example(lengths), strict=True)]
        return Phrases(
            table, self._subjects(use, alone, table), words, self._labels(use, words), self._titled(use, documents)
        )

    def _windows(self) -> tuple[Ints, Ints, Ints]:
        """Return every phrase's key, first place and length."""
        size, content = len(self._tokens.words), self._content
        ids = self._canonical[self._ids]
        same = [self._tokens.documents * 2 + self._tokens.in_title]
        joins = np.isin(self._ids, self._tokens.numbers(_JOINERS))
        one, two, three = ids, np.append(ids[1:], 0), np.append(ids[2:], [0, 0])[: len(ids)]
        c2, c3 = _shifted(content, -1, False), _shifted(content, -2, False)
        del same
        inside = content & c2
        triple = content & c3 & (c2 | _shifted(joins, -1, False))
        parts = ((content, one, 1), (inside, one * size + two, 2), (triple, (one * size + two) * size + three, 3))
        keys = np.concatenate([key[where] for where, key, _ in parts])
        starts = np.concatenate([np.flatnonzero(where) for where, _, _ in parts])
        lengths = np.concatenate([np.full(int(where.sum()), length) for where, _, length in parts])
        return keys, starts, lengths
