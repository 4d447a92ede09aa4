"""Hard negatives: texts of a corpus that the model takes for an answer and that are none.

The rule is "TopK-PercPos" of NV-Retriever (Moreira et al. 2024, arXiv:2407.15831): of the texts nearest to the anchor
those are taken that are less similar to it than 95 % of its positive is.  What is nearer may well be an answer that
nobody marked.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.spec import Encoder
from knowscape.finetune.examples import Example
from knowscape.finetune.options import FinetuneOptions
from knowscape.finetune.vectors import Encode, comparable, encode_all
from knowscape.progress import SILENT, Progress

__all__ = ["mine_negatives", "with_negatives"]

# So many of the nearest texts are looked at for each anchor.
_DEPTH = 100
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

    Looked at are the 100 nearest to the anchor.  Left out are anchors, the positives of this anchor, what is in
    `never`, and texts that are as similar to the anchor as its positive less the share `options.margin`.  The search
    is exact and holds the vectors of the corpus.
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
    mined = []
    for item, ceiling, (rows, found) in zip(items, highest, _nearest(anchors, documents), strict=True):
        names = (texts[row] for row in rows[found < ceiling])
        mined.append([name for name in names if name not in positives[item.anchor]][: options.negatives])
    return mined


def _nearest(
    anchors: NDArray[np.float32], documents: NDArray[np.float32]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Yield for each anchor the rows of the documents nearest to it, nearest first, and their similarities."""
    depth, step = min(_DEPTH, len(documents)), max(1, _BLOCK // len(documents))
    for start in range(0, len(anchors), step):
        for found in anchors[start : start + step] @ documents.T:
            rows = np.argpartition(-found, depth - 1)[:depth]
            rows = rows[np.lexsort((rows, -found[rows]))]
            yield rows, found[rows]


def with_negatives(items: Sequence[Example], mined: Sequence[Sequence[str]]) -> tuple[Example, ...]:
    """Return a triplet for each negative of each pair; a pair for which there is none stays a pair."""
    return tuple(
        replace(item, negative=negative)
        for item, negatives in zip(items, mined, strict=True)
        for negative in negatives or [""]
    )
