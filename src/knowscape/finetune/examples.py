"""What a model learns from: pairs, triplets or scored pairs in a JSONL file, one example a line."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.corpus.lines import numbered_lines, read_fields
from knowscape.errors import UsageError

__all__ = ["Example", "Examples", "groups_of", "hold_out", "read_examples", "without_texts_of"]

_FORMS = {
    "pairs": ("anchor", "positive"),
    "triplets": ("anchor", "positive", "negative"),
    "scored": ("sentence1", "sentence2", "score"),
}
_ACCEPTED = (
    'Each line is one of {"anchor": "...", "positive": "..."}, {"anchor": "...", "positive": "...", "negative": "..."} '
    'and {"sentence1": "...", "sentence2": "...", "score": 0.8}, all lines of a file being of one kind'
)


@dataclass(frozen=True, slots=True)
class Example:
    """A question or title and a text that belongs to it; of a scored pair these are its two sentences.

    `negative` is a text that does not belong to the anchor, empty where none is known; `score` is what people say of a
    scored pair, in any unit.
    """

    anchor: str
    positive: str
    negative: str = ""
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Examples:
    """Examples of one kind: pairs, triplets or scored."""

    kind: str
    items: tuple[Example, ...]

    def __len__(self) -> int:
        return len(self.items)


def read_examples(path: Path) -> Examples:
    """Return the examples in a JSONL file, in its order.

    Raises UsageError, with file and line, for a missing or empty file, a line that is not as it should be, an empty
    text, and lines of two kinds; for scored pairs also where all scores are the same.
    """
    found = [(where, *_example(where, line)) for where, line in numbered_lines(path, _ACCEPTED)]
    kind = found[0][1]
    for where, other, _ in found:
        if other != kind:
            raise UsageError(f"{where} is of the kind {other}, the lines before are {kind}. {_ACCEPTED}.")
    items = tuple(item for _, _, item in found)
    if kind == "scored" and len({item.score for item in items}) < 2:
        raise UsageError(f"{path} has the score {items[0].score:g} throughout; two different ones are needed.")
    return Examples(kind, items)


def _example(where: str, line: str) -> tuple[str, Example]:
    """Return the kind of a line and its example."""
    fields = read_fields(where, line, _ACCEPTED)
    kind = next((kind for kind, names in _FORMS.items() if set(names) == set(fields)), None)
    if kind is None:
        raise UsageError(f"{where} has the fields {', '.join(map(repr, fields)) or 'none'}. {_ACCEPTED}.")
    texts = [_text(where, name, fields[name]) for name in _FORMS[kind] if name != "score"]
    negative = texts[2] if kind == "triplets" else ""
    return kind, Example(texts[0], texts[1], negative, _score(where, fields["score"]) if kind == "scored" else 0.0)


def _text(where: str, name: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{where}: {name} is {value!r:.40}, not a text with letters in it. {_ACCEPTED}.")
    # Half of a surrogate pair is no UTF-8, which tokenizers want.
    return value.encode("utf-8", "replace").decode()


def _score(where: str, value: Any) -> float:
    try:
        number = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise UsageError(f"{where}: the score {value!r:.40} is not a number. {_ACCEPTED}.")
    return number


def groups_of(items: Sequence[Example]) -> NDArray[np.int64]:
    """Return int64[n], the group of each example: those hang together that share an anchor's or a positive's text.

    Groups are numbered from zero in the order of their first examples.
    """
    leader: dict[str, str] = {}

    def lead(text: str) -> str:
        leader.setdefault(text, text)
        while leader[text] != text:
            leader[text] = leader[leader[text]]
            text = leader[text]
        return text

    for item in items:
        leader[lead(item.positive)] = lead(item.anchor)
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(lead(item.anchor), len(numbers)) for item in items], dtype=np.int64)


def hold_out(examples: Examples, share: float, seed: int) -> tuple[Examples, Examples]:
    """Return the examples to train on, and about `share` of all, of whole groups taken at random, to score with.

    So no text of an anchor or a positive is on both sides.  Raises UsageError where fewer than two groups can be held
    out: there would be no interval.
    """
    groups = groups_of(examples.items)
    sizes = np.bincount(groups)
    held, room = set[int](), round(share * len(examples))
    for group in np.random.default_rng(seed).permutation(len(sizes)).tolist():
        if sizes[group] <= room:
            held.add(group)
            room -= int(sizes[group])
    if len(held) < 2 or len(held) == len(sizes):
        raise UsageError(
            f"The {len(examples):,} examples form {len(sizes):,} groups that share no text, the largest of "
            f"{sizes.max():,}; of those {share:.0%} cannot be held out. Give more examples, another --held-out-share, "
            "or a file of their own: --held-out FILE"
        )
    sides = [[item for item, group in zip(examples.items, groups, strict=True) if (group in held) is out]
             for out in (False, True)]  # fmt: skip
    return Examples(examples.kind, tuple(sides[0])), Examples(examples.kind, tuple(sides[1]))


def without_texts_of(examples: Examples, held: Examples) -> Examples:
    """Return the examples that share no anchor's and no positive's text with those held out."""
    known = set(_texts(held.items))
    kept = tuple(item for item in examples.items if item.anchor not in known and item.positive not in known)
    return Examples(examples.kind, kept)


def _texts(items: Iterable[Example]) -> Iterator[str]:
    for item in items:
        yield from (item.anchor, item.positive)
