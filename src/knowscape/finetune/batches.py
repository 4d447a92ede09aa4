"""Which examples are learnt from together, and when; a function of the examples, the options and nothing else."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from knowscape.errors import UsageError
from knowscape.finetune.examples import Example
from knowscape.finetune.options import FinetuneOptions

__all__ = ["all_batches"]


def all_batches(items: Sequence[Example], options: FinetuneOptions, loss: str) -> list[list[int]]:
    """Return the rows of each batch of all epochs, each epoch in an order of its own.

    For the loss mnr no batch holds a text twice, nor two positives of one anchor, which would be each other's
    negatives.  A batch of one example is left out, since it has nothing to be compared with.  Raises UsageError where
    none is left.
    """
    texts = _texts(items) if loss == "mnr" else [()] * len(items)
    batches = []
    for epoch in range(options.epochs):
        order = np.random.default_rng([options.seed, epoch]).permutation(len(items)).tolist()
        batches += [rows for rows in _epoch(order, texts, options.batch_size) if len(rows) > 1]
    if not batches:
        raise UsageError(
            f"The {len(items):,} examples to train on form no batch of two that share no text. Give more examples."
        )
    return batches


def _texts(items: Sequence[Example]) -> list[tuple[str, ...]]:
    """Return for each example the texts that no other of its batch may have, all positives of its anchor included."""
    positives = defaultdict[str, set[str]](set)
    for item in items:
        positives[item.anchor].add(item.positive)
    return [
        tuple({item.anchor, *positives[item.anchor], *([item.negative] if item.negative else [])}) for item in items
    ]


def _epoch(order: Sequence[int], texts: Sequence[tuple[str, ...]], size: int) -> list[list[int]]:
    """Return batches in which each text comes once; an example goes behind the last batch that has a text of its."""
    batches: list[list[int]] = []
    last: dict[str, int] = {}
    first_open = 0
    for row in order:
        number = max([first_open, *(last[text] + 1 for text in texts[row] if text in last)])
        while number < len(batches) and len(batches[number]) == size:
            number += 1
        if number == len(batches):
            batches.append([])
        batches[number].append(row)
        last.update(dict.fromkeys(texts[row], number))
        while first_open < len(batches) and len(batches[first_open]) == size:
            first_open += 1
    return batches
