"""Long texts in passages that a model takes whole: cut where the text itself pauses, at no more tokens than asked."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from knowscape.corpus.sentences import BEHIND_HEADING, HEADING, SENTENCE, WITHIN, places
from knowscape.errors import UsageError

__all__ = ["LONGEST_TOKEN", "ChunkOptions", "chunk"]

# Characters of one token: a longer one, or white space, counts as several, so that no passage is long in characters.
LONGEST_TOKEN = 100
_SPACES = tuple(code for code in range(0x3001) if chr(code).isspace())
_CLAUSE_ENDS, _WIDE_CLAUSE_ENDS = frozenset(",;:\u2013\u2014)"), frozenset("，、；：")  # noqa: RUF001
# Marks, modifiers and halves of surrogate pairs belong to what stands before them.
_JOINER, _JOINED = "\u200d", frozenset(("Mn", "Me", "Mc", "Sk", "Cs"))


@dataclass(frozen=True, slots=True)
class ChunkOptions:
    """How large passages are: at most `max_tokens` tokens, and about half of that at the least.

    `overlap` is the share of `max_tokens` that a passage may repeat of the one before: whole sentences where one fits,
    nothing at a heading.  Raises UsageError for an overlap that is not at least 0 and under a half.
    """

    max_tokens: int = 256
    overlap: float = 0.15

    def __post_init__(self) -> None:
        if self.max_tokens < 1 or not 0 <= self.overlap < 0.5:
            raise UsageError(
                f"max_tokens is {self.max_tokens}, which must be at least 1, and overlap {self.overlap}, which must "
                "be at least 0 and under 0.5."
            )


@dataclass(frozen=True, slots=True)
class _Units:
    """What is not cut any more: unit i is the characters from `places[i]` to `places[i + 1]`, int64[n + 1].

    `levels` int8[n + 1] say how well the text is cut there, `tokens` int64[n + 1] how many tokens begin before.
    """

    places: NDArray[np.int64]
    levels: NDArray[np.int8]
    tokens: NDArray[np.int64]


def chunk(text: str, starts: NDArray[np.int64], options: ChunkOptions = ChunkOptions()) -> list[tuple[int, int]]:
    """Return the passages of a text as spans of its characters, in order, without white space at their ends.

    `starts` int64[n], ascending, are the characters at which its tokens begin, without special tokens.  A text that
    fits gives one span, the whole.  No passage has more than `max_tokens` tokens, unless a single character has, nor
    more than LONGEST_TOKEN characters for each of them; each character but white space is in at least one.  Passages
    end at headings, where there is one in their second half, else at paragraphs, else at sentences, else at a word.
    The last one brings at least a quarter of `max_tokens` anew, where the text lets it.
    """
    most = options.max_tokens
    if len(starts) <= most and len(text) <= most * LONGEST_TOKEN:
        return [(0, len(text))]
    units = _units(text, _counted(text, starts), options)
    spans = (_trimmed(text, int(units.places[a]), int(units.places[b])) for a, b in _packed(units, options))
    return [span for span in spans if span[0] < span[1]] or [(0, 0)]


def _counted(text: str, starts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the starts as they count: behind a token's own white space, and those of long tokens several times."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    solid = np.append(np.flatnonzero(~np.isin(codes, _SPACES)), len(text))
    moved = solid[np.searchsorted(solid, starts)]
    edges = np.concatenate([[0], moved, [len(text)]])
    more = [
        np.arange(edges[row] + LONGEST_TOKEN, edges[row + 1], LONGEST_TOKEN)
        for row in np.flatnonzero(np.diff(edges) > LONGEST_TOKEN)
    ]
    return np.sort(np.concatenate([moved, *more])) if more else moved


def _units(text: str, starts: NDArray[np.int64], options: ChunkOptions) -> _Units:
    """Return sentences, and pieces of those that have more than a quarter of a passage's tokens."""
    quarter = max(1, options.max_tokens // 4)
    size = min(quarter, max(1, int(options.max_tokens * options.overlap))) if options.overlap else quarter
    found, levels = places(text)
    found, levels = np.concatenate([[0], found, [len(text)]]), np.concatenate([[HEADING], levels, [HEADING]])
    tokens = np.searchsorted(starts, found)
    more = [
        place
        for row in np.flatnonzero(np.diff(tokens) > quarter)
        for place in _pieces(text, starts, (int(tokens[row]), int(tokens[row + 1])), size)
    ]
    within = np.setdiff1d(np.array(more, np.int64), found)
    order = np.argsort(np.concatenate([found, within]), kind="stable")
    found = np.concatenate([found, within])[order]
    levels = np.concatenate([levels, np.full(len(within), WITHIN)])[order]
    return _Units(found, levels.astype(np.int8), np.searchsorted(starts, found))


def _pieces(text: str, starts: NDArray[np.int64], sentence: tuple[int, int], size: int) -> Iterator[int]:
    """Yield where to cut a sentence, its first token and the one behind, into pieces of at most `size` tokens."""
    first, last = sentence
    while last - first > size:
        window = starts[first + (size + 1) // 2 : first + size + 1].tolist()
        place = max(window, key=lambda start: (start > starts[first], _strength(text, start), start))
        if place == starts[first]:  # a single character of many tokens
            behind = int(np.searchsorted(starts, place, side="right"))
            if behind >= last:
                return
            place = int(starts[behind])
        yield place
        first = int(np.searchsorted(starts, place))


def _strength(text: str, place: int) -> int:
    """Return how well a sentence is cut here: 4 at a line break, 3 behind a comma, 2 at a word, 0 in a character."""
    before, at = text[place - 1], text[place]
    if before in "\n\r":
        return 4
    if before.isspace():
        return 3 if text[place - 2 : place - 1] in _CLAUSE_ENDS else 2
    if before in _WIDE_CLAUSE_ENDS:
        return 3
    joined = _JOINER in (before, at) or unicodedata.category(at) in _JOINED
    return 0 if joined else 1


def _packed(units: _Units, options: ChunkOptions) -> Iterator[tuple[int, int]]:
    """Yield passages as the first unit and the one behind the last."""
    tokens, last, most = units.tokens, len(units.places) - 1, options.max_tokens
    begin = end = 0
    while tokens[last] - tokens[begin] > most and end < last:
        if tokens[min(end + 1, last)] - tokens[begin] > most:
            begin = end  # what is repeated leaves no room for what is new
        behind = _break(units, begin, end, most)
        yield begin, behind
        rest = int(tokens[last] - tokens[behind])
        repeated = int(most * options.overlap)
        begin, end = _back(units, begin, behind, min(repeated, most - rest) if rest <= most else repeated), behind
    if end < last:
        yield begin, last


def _break(units: _Units, begin: int, done: int, most: int) -> int:
    """Return the place, after `done`, where the passage that begins with a unit ends best."""
    tokens, levels = units.tokens, units.levels
    used = tokens[begin]
    furthest = max(done + 1, int(np.searchsorted(tokens, used + most, side="right")) - 1)
    latest = int(np.searchsorted(tokens, min(used + most, tokens[-1] - most // 4), side="right")) - 1
    earliest = max(done + 1, int(np.searchsorted(tokens, used + (most + 1) // 2)))
    good = levels[earliest : min(latest, furthest) + 1]
    if len(good) and good.max() > BEHIND_HEADING:
        return earliest + int(np.flatnonzero(good == good.max())[-1])
    other = np.flatnonzero(levels[done + 1 : furthest + 1] > BEHIND_HEADING)
    return done + 1 + int(other[-1]) if len(other) else furthest


def _back(units: _Units, begin: int, end: int, most: int) -> int:
    """Return the unit with which the passage after `end` begins: `end`, or before, by at most so many tokens."""
    tokens, levels = units.tokens, units.levels
    if levels[end] == HEADING or most < 1:
        return end
    earliest = max(begin + 1, int(np.searchsorted(tokens, tokens[end] - most)))
    headings = np.flatnonzero(levels[earliest:end] == HEADING)
    earliest += int(headings[-1]) if len(headings) else 0
    for least in (SENTENCE, min(SENTENCE, int(levels[end]))):
        found = np.flatnonzero(levels[earliest:end] >= max(WITHIN, least))
        if len(found):
            return earliest + int(found[0])
    return end


def _trimmed(text: str, begin: int, end: int) -> tuple[int, int]:
    piece = text[begin:end]
    begin += len(piece) - len(piece.lstrip())
    return begin, begin + len(piece.strip())
