"""Hard negatives: texts of a corpus that the model takes for an answer and that are none.

The rule is "TopK-PercPos" of NV-Retriever (Moreira et al. 2024, arXiv:2407.15831): of the texts nearest to the anchor
those are taken that are less similar to it than 95 % of its positive is.  What is nearer may well be an answer that
nobody marked.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.spec import Encoder
from knowscape.encoders.vectors import Encode, comparable, encode_all
from knowscape.finetune.examples import Example
from knowscape.finetune.options import FinetuneOptions
from knowscape.progress import SILENT, Progress

__all__ = ["mine_negatives", "with_negatives"]

# Similarities held at a time: 64 MB of float32.
_BLOCK = 1 << 24


def mine_negatives(
    encoder: Encoder,
    items: Sequence[Example],
    corpus: Iterable[str],
    options: FinetuneOptions,
    *,
    never: Iterable[str] = (),
    progress: Progress = SILENT,
) -> list[list[str]]:
    """Return for each pair the texts of a corpus to tell from its positive, nearest first, `options.negatives` at most.

    Left out are anchors, the positives of this anchor, what is in `never`, and texts that are as similar to the anchor
    as its positive less the share `options.margin`.  The search is exact and holds the vectors of the corpus.
    """
    positives = defaultdict[str, set[str]](set)
    for item in items:
        positives[item.anchor].add(item.positive)
    barred = {*positives, *never}
    texts = [text for text in dict.fromkeys(corpus) if text.strip() and text not in barred]
    if not texts:
        return [[] for _ in items]

    def vectors(encode: Encode, some: Sequence[str], name: str) -> NDArray[np.float32]:
        return comparable(encode_all(encode, some, name=name, progress=progress), encoder.spec.similarity)

    documents = vectors(encoder.encode_documents, texts, "Corpus")
    anchors = vectors(encoder.encode_queries, [item.anchor for item in items], "Anchors")
    answers = vectors(encoder.encode_documents, [item.positive for item in items], "Positives")
    similar = np.einsum("nd,nd->n", anchors, answers)
    highest = similar - options.margin * np.abs(similar)
    row_of, step = {text: row for row, text in enumerate(texts)}, max(1, _BLOCK // len(texts))
    mined: list[list[str]] = []
    for start in range(0, len(items), step):
        for found in anchors[start : start + step] @ documents.T:
            known = [row_of[text] for text in positives[items[len(mined)].anchor] if text in row_of]
            found[known] = np.inf
            mined.append([texts[row] for row in _nearest_below(found, highest[len(mined)], options.negatives)])
    return mined


def _nearest_below(found: NDArray[np.float32], ceiling: float, count: int) -> NDArray[np.int64]:
    """Return the rows of the largest similarities below a ceiling, `count` at most, largest first."""
    below = np.flatnonzero(found < ceiling)
    if len(below) > count:
        least = np.partition(found[below], -count)[-count]
        below = below[found[below] >= least]
    return below[np.argsort(-found[below], kind="stable")][:count]


def with_negatives(items: Sequence[Example], mined: Sequence[Sequence[str]]) -> tuple[Example, ...]:
    """Return a triplet for each negative of each pair; a pair for which there is none stays a pair."""
    return tuple(
        replace(item, negative=negative)
        for item, negatives in zip(items, mined, strict=True)
        for negative in negatives or [""]
    )
