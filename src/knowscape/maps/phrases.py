"""Phrases of one to three words: which documents say them, and how much like a subject they are used."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.maps.words import ARTICLES, BREAK, END, JOINERS, KINDS, STOP, WEAK, Words, too_short

__all__ = ["Phrases", "find_phrases"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

# How much a phrase counts in a title or a definition, in the rest of the first sentence, and further on.
_CENTRAL, _OPENING, _PASSING = 1.0, 0.5, 0.25
# So many words after "X is a" belong to the definition.
_DEFINITION = 10
_THROUGH = ARTICLES | JOINERS | {"and", "the"}
_MOST_PHRASES = 60_000
_LONGEST = 3
# A word in such a share of the documents, in hardly any title, and in no group of documents much less often than in
# all, is a function word in whatever language.
_COMMON, _IN_TITLES, _EVEN = 0.05, 0.03, 0.5
# A thing that stands after "a" or in the plural in at least such a share of its uses is written in the plural on the
# map; of two or three words the first share is enough, where the last of them alone has the second.
_COUNTED, _COUNTED_HEAD = 0.15, 0.25
# A noun stands at the end of a piece, or makes up the piece, in at least such a share of its uses; an adjective or a
# first name hardly ever does. A corpus is English where this share of the articles say "the".
_ENDS, _ALONE, _ENGLISH = 0.5, 0.25, 0.3
# "Bhutan" stands alone in most of its uses, "Johnson" and "Swedish" in less than a quarter of them.
_NO_NAME, _WEAKER = 0.25, 0.25


@dataclass(frozen=True, slots=True)
class Phrases:
    """Which documents say which phrases: `table` float32[documents, phrases], 1 in the title or the definition.

    `subject` float32[phrases] in (0, 1] tells how much a phrase stands alone, and in titles and definitions rather
    than in passing; `labels` is how they are written on a map, and `titled` int64[documents] the phrase that is a
    document's whole title, else -1.
    """

    table: Any
    subject: Floats
    labels: list[str]
    titled: Ints


def find_phrases(titles: Sequence[str], texts: Sequence[str], groups: NDArray[np.int32]) -> Phrases:
    """Return the phrases that are in at least two documents, three in large corpora.

    A text is cut at stop words, digits and punctuation, and phrases lie within one piece (Rose and others 2010).
    `groups` int32[documents] are large parts of the corpus, about different things.
    """
    count = len(titles)
    return _Reader(Words(titles, texts), groups).phrases(3 if count > 5_000 else 2 if count > 20 else 1)


class _Reader:
    """What is known of every place in the row of tokens."""

    def __init__(self, words: Words, groups: NDArray[np.int32]) -> None:
        self._words, self._groups, self._count = words, groups, len(groups)
        ids = words.ids
        self._singular, self._plurals = _singulars(words.words)
        self._one = self._singular[ids]
        self._content = ~self._stop_words()[ids]
        self._zone = self._zones()
        begins = self._content & ~_shifted(self._content, 1)
        begin = np.maximum.accumulate(np.where(begins, np.arange(len(ids)), 0))
        # "a 1991 film" counts as "a film".
        number = ids[np.maximum(begin - 1, 0)] == BREAK
        self._after_article = np.isin(ids[np.maximum(begin - 1 - number, 0)], words.numbers(ARTICLES))
        of = np.isin(ids[np.maximum(begin - 1, 0)], words.numbers({"of"}))
        self._after_article |= of & np.isin(ids[np.maximum(begin - 2, 0)], words.numbers(KINDS))

    def _ones(self, words: frozenset[str]) -> Ints:
        """Return the numbers of the singulars of `words`."""
        numbers = self._words.numbers(words)
        return np.unique(np.concatenate([numbers, self._singular[numbers]]))

    def _stop_words(self) -> Flags:
        words = self._words
        said = words.said(np.ones(len(words.ids), bool))
        everywhere, titled = said.getnnz(axis=0), words.said(words.in_title).getnnz(axis=0)
        stop: Flags = (everywhere > max(_COMMON * self._count, 20)) & (titled < _IN_TITLES * everywhere)
        for group in np.unique(self._groups) if stop.any() else ():
            within = said[self._groups == group][:, stop].getnnz(axis=0) / (self._groups == group).sum()
            stop[stop] = within >= _EVEN * everywhere[stop] / self._count
        stop |= np.array([too_short(word) for word in words.words])
        # Two capitals are an abbreviation where the word is hardly ever written otherwise.
        times = np.bincount(words.ids, minlength=len(words.words))
        for number, spellings in words.spellings.items():
            if len(words.words[number]) == 2 and spellings.total() > 0.8 * times[number]:
                stop[number] = False
        stop[words.numbers(STOP)] = True
        return stop

    def _zones(self) -> Floats:
        """Return how much each place counts."""
        words, ids = self._words, self._words.ids
        sentence = np.cumsum(_shifted(ids == END, 1))
        starts = ~words.in_title & _shifted(words.in_title, 1)
        first = np.zeros(self._count, np.int64)
        first[words.documents[starts]] = sentence[starts]
        opening = ~words.in_title & (sentence == first[words.documents])
        zones = np.select([words.in_title, opening], [_CENTRAL, _OPENING], _PASSING).astype(np.float32)
        copulas = np.flatnonzero(opening & np.isin(ids, words.copulas()) & ~_shifted(self._content, -1))
        _, which = np.unique(words.documents[copulas], return_index=True)
        zones[self._definitions(copulas[which], sentence)] = _CENTRAL
        return zones

    def _definitions(self, copulas: Ints, sentence: Ints) -> Ints:
        """Return the places after "X is a", up to the first stop word that follows and is no "of", "and" or "the"."""
        through = np.isin(self._words.ids, self._words.numbers(_THROUGH))
        begun, found = np.zeros(len(copulas), bool), []
        for step in range(1, _DEFINITION + 1):
            at = np.minimum(copulas + step, len(sentence) - 1)
            on = (sentence[at] == sentence[copulas]) & (self._content[at] | through[at] | ~begun)
            copulas, at, begun = copulas[on], at[on], begun[on] | self._content[at[on]]
            found.append(at)
        return np.concatenate(found)

    def phrases(self, least: int) -> Phrases:
        from scipy import sparse

        keys, starts, lengths = self._windows()
        whole = self._whole_titles(starts, lengths)
        # A whole title may be what articles are about that do not say it.
        kept, phrase, size = _frequent(keys, self._words.documents[starts], least, always=whole & (least < 3))
        uses = _Uses(starts[kept], lengths[kept], phrase, size)
        cells, inverse = np.unique(self._words.documents[uses.starts] * uses.size + uses.phrase, return_inverse=True)
        weight = np.zeros(len(cells), np.float32)
        np.maximum.at(weight, inverse, self._zone[uses.starts])
        places = np.divmod(cells, max(1, uses.size))
        table = sparse.csr_matrix((weight, places), shape=(self._count, uses.size))
        titled = np.full(self._count, -1)
        titled[self._words.documents[starts[kept & whole]]] = phrase[whole[kept]]
        return Phrases(table, self._subject(uses, table), self._labels(uses), titled)

    def _windows(self) -> tuple[Ints, Ints, Ints]:
        """Return every phrase's key, first place and length: one to three words, or two joined by "of"."""
        size, content = len(self._words.words), self._content
        one = self._one
        two, three = _shifted(one, -1), _shifted(one, -2)
        joined = _shifted(content | np.isin(self._words.ids, self._words.numbers(JOINERS)), -1)
        pair = content & _shifted(content, -1) & (one != two)
        triple = content & joined & _shifted(content, -2) & (one != two) & (one != three) & (two != three)
        found = ((content, one), (pair, one * size + two), (triple, (one * size + two) * size + three))
        starts = [np.flatnonzero(where) for where, _ in found]
        keys = np.concatenate([key[at] for at, (_, key) in zip(starts, found, strict=True)])
        return keys, np.concatenate(starts), np.repeat([1, 2, 3], [len(at) for at in starts])

    def _subject(self, uses: "_Uses", table: Any) -> Floats:
        """Return how much each phrase stands alone and is meant: in titles and definitions, not followed by "of"."""
        words, documents = self._words, np.maximum(1, table.getnnz(axis=0))
        free = np.append(~self._content, True)
        # In English the last word is the head: "film" ends a piece, "Indian" hardly ever.  Elsewhere both ends count,
        # and in English those of a name, which "Johnson" is not and "Bhutan" is, and of what may go on for four words.
        english = len(np.unique(words.documents[np.isin(words.ids, words.numbers({"the"}))])) > _ENGLISH * self._count
        lone = ~words.proper[words.ids[uses.starts]] & (uses.lengths < _LONGEST)
        alone = free[uses.starts + uses.lengths] & (free[uses.starts - 1] | (english & lone))
        usual = _ENDS if english else _ALONE
        joiner = np.append(np.isin(words.ids, words.numbers(JOINERS)), False)
        general = uses.share(joiner[uses.starts + uses.lengths], least=4)
        central = np.bincount(table.indices[table.data >= _CENTRAL], minlength=uses.size)
        meant = ((central + 0.5) / (documents + 4)) ** 0.75
        share = uses.share(alone, least=4, supposed=usual)
        first, last = uses.firsts()
        name = english & words.proper[words.ids[first]] & (first == last)
        said = np.clip(np.where(name, (share - _NO_NAME) / _NO_NAME, share / usual), 0.05, 1) ** 2
        said[(first == last) & np.isin(self._one[first], self._ones(WEAK))] *= _WEAKER
        subject: Floats = (said * meant * (1 - 0.8 * general) * self._well_formed(uses) * self._whole(uses)).astype(
            np.float32
        )
        return subject

    def _well_formed(self, uses: "_Uses") -> NDArray[np.float64]:
        """Return a factor: "species of frogs" is said for "frogs"; an English participle is no name."""
        words = self._words
        first, last = uses.firsts()
        joined = np.isin(words.ids[np.minimum(first + 1, last)], words.numbers(JOINERS))
        known = set(words.words)
        bad = np.array(
            [
                too_short(word) or (word.endswith("ed") and (word[:-1] in known or word[:-2] in known))
                for word in words.words
            ]
        )
        return np.where(bad[words.ids[last]], 0.01, np.where(joined, 0.2, 1.0))

    def _whole(self, uses: "_Uses") -> NDArray[np.float64]:
        """Return a factor that is small for a piece of one longer phrase, as "Lanka" and "song contest" are."""
        times = np.bincount(uses.phrase, minlength=uses.size)
        longest = np.zeros(uses.size)
        first, last = uses.firsts()
        for length in (2, 3):
            at = np.full(len(self._words.ids) + 1, -1)
            shorter = uses.lengths == length - 1
            at[uses.starts[shorter]] = uses.phrase[shorter]
            longer = np.flatnonzero(last - first + 1 == length)
            for part in (at[first[longer]], at[first[longer] + 1]):
                known = part >= 0
                np.maximum.at(longest, part[known], times[longer[known]])
        return np.minimum(1, 2 * (1 - longest / np.maximum(1, times)) + 0.02)

    def _labels(self, uses: "_Uses") -> list[str]:
        """Write phrases with capitals; the last word in the plural where that is usual or the thing is counted."""
        words, last = self._words, uses.starts + uses.lengths - 1
        plural = self._one[last] != words.ids[last]
        many = self._counted(uses, plural)
        spelt = {number: max(forms, key=lambda form: (forms[form], form)) for number, forms in self._odd().items()}
        labels = []
        for first, final, several in zip(*uses.firsts(), many, strict=True):
            one = int(self._one[final])
            numbers = [*words.ids[first:final].tolist(), self._plurals.get(one, one) if several else one]
            labels.append(" ".join(_written(spelt.get(number, words.words[number])) for number in numbers))
        return labels

    def _counted(self, uses: "_Uses", plural: Flags) -> Flags:
        """Return which phrases are of things that are counted; `plural` bool[uses] are uses in the plural."""
        last = uses.starts + uses.lengths - 1
        ends = ~np.append(self._content, False)[last + 1]
        one = ends & ~plural
        # Three uses more, so that a word that is hardly ever said does not count by chance.
        several = uses.share(plural, least=3)
        counted = uses.share(one & self._after_article[uses.starts], among=one, least=3) + several
        first, final = uses.firsts()
        heads = np.zeros(len(self._words.words))
        alone = first == final
        heads[self._one[final[alone]]] = counted[alone]
        head = np.where(self._words.proper[self._words.ids[final]], 0, heads[self._one[final]])
        mostly = uses.share(plural, least=0) > 0.5
        result: Flags = mostly | ((counted >= _COUNTED) & (head >= _COUNTED_HEAD))
        return result

    def _odd(self) -> dict[int, Counter[str]]:
        times = np.bincount(self._words.ids, minlength=len(self._words.words))
        return {n: forms for n, forms in self._words.spellings.items() if forms.total() > 0.5 * times[n]}

    def _whole_titles(self, starts: Ints, lengths: Ints) -> Flags:
        words = self._words
        length = np.bincount(words.documents[words.in_title], minlength=self._count) - 1
        begins = words.in_title & ~_shifted(words.in_title, 1)
        whole: Flags = begins[starts] & (lengths == length[words.documents[starts]])
        return whole


@dataclass(frozen=True, slots=True)
class _Uses:
    """Where phrases are used: each use's first place, length and phrase; `size` phrases in all."""

    starts: Ints
    lengths: Ints
    phrase: Ints
    size: int

    def share(
        self, where: Flags, among: Flags | None = None, *, least: int, supposed: float = 0.0
    ) -> NDArray[np.float64]:
        """Return float64[phrases]: the share of uses `where`, with `least` more uses of which a share is `supposed`."""
        every = np.bincount(self.phrase if among is None else self.phrase[among], minlength=self.size) + least
        found = np.bincount(self.phrase[where], minlength=self.size) + least * supposed
        result: NDArray[np.float64] = found / np.maximum(1, every)
        return result

    def firsts(self) -> tuple[Ints, Ints]:
        """Return the first and the last place of every phrase's first use."""
        first = np.unique(self.phrase, return_index=True)[1]
        return self.starts[first], self.starts[first] + self.lengths[first] - 1


def _frequent(keys: Ints, documents: Ints, least: int, *, always: Flags) -> tuple[Flags, Ints, int]:
    """Return the uses of phrases that are in `least` documents or `always`, their phrases, and how many phrases."""
    _, phrase = np.unique(keys, return_inverse=True)
    count, width = int(phrase.max(initial=-1)) + 1, int(documents.max(initial=0)) + 1
    frequency = np.bincount(np.unique(phrase * width + documents) // width, minlength=count)
    kept = np.flatnonzero((frequency >= least) | (np.bincount(phrase[always], minlength=count) > 0))
    kept = np.sort(kept[np.argsort(-frequency[kept], kind="stable")[:_MOST_PHRASES]])
    place = np.full(count, -1)
    place[kept] = np.arange(len(kept))
    used: Flags = place[phrase] >= 0
    return used, place[phrase[used]], len(kept)


def _singulars(words: list[str]) -> tuple[Ints, dict[int, int]]:
    """Return the number of every word's singular, and the plurals of those singulars that have one among the words."""
    numbers = {word: number for number, word in enumerate(words)}
    singular, plurals = np.arange(len(words)), {}
    for number, word in enumerate(words):
        for ending, instead in (("ies", "y"), ("es", ""), ("s", "")):
            one = numbers.get(word.removesuffix(ending) + instead) if word.endswith(ending) else None
            if one is not None and len(words[one]) > 2 and _is_plural(words[one], ending):
                singular[number], plurals[one] = one, number
                break
    return singular, plurals


def _is_plural(one: str, ending: str) -> bool:
    hissing = one.endswith(("s", "x", "z", "ch", "sh"))
    return hissing or one.endswith("o") if ending == "es" else not hissing


def _written(word: str) -> str:
    if word in JOINERS or word != word.lower():
        return word
    return "-".join(part[:1].upper() + part[1:] for part in word.split("-"))


def _shifted(values: Any, by: int) -> Any:
    """Return `values` moved to the right, or to the left, with zeros moving in."""
    moved = np.zeros_like(values)
    if by > 0:
        moved[by:] = values[:-by]
    else:
        moved[:by] = values[-by:]
    return moved
