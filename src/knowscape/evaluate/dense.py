"""Exact search by vectors: every query against every document, however many documents there are."""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.spec import Encoder
from knowscape.encoders.vectors import comparable, encode_all, encode_slices
from knowscape.errors import KnowscapeError
from knowscape.evaluate.retrieval import RetrievalSet
from knowscape.evaluate.runs import DEPTH, Run
from knowscape.progress import SILENT, Progress

__all__ = ["dense_run", "rank_exactly"]

# Similarities held at a time: 64 MB of float32.
_BLOCK = 1 << 24


def dense_run(
    encoder: Encoder, data: RetrievalSet, k: int = DEPTH, *, name: str = "Retrieval", progress: Progress = SILENT
) -> Run:
    """Return the `k` documents nearest to each judged query, by the similarity that the model is meant for.

    A document is ranked for a query even where both have the same id.  Documents are encoded in slices and forgotten:
    memory grows with queries x (k + dimension) and not with the documents' vectors.
    """
    kind = encoder.spec.similarity
    # Equal similarities rank by falling id, as in trec_eval: then the order of the corpus does not matter.
    ids = sorted(data.documents, reverse=True)
    queries = encode_all(
        encoder.encode_queries, list(data.queries.values()), name=f"{name}, queries", progress=progress
    )

    def slices() -> Iterator[NDArray[np.float32]]:
        texts = [data.documents[document] for document in ids]
        for part in encode_slices(encoder.encode_documents, texts, name=f"{name}, documents", progress=progress):
            yield comparable(part, kind)

    found = rank_exactly(comparable(queries, kind), slices(), k)
    return {
        query: [(ids[row], float(score)) for row, score in zip(rows, scores, strict=True)]
        for query, (rows, scores) in zip(data.queries, found, strict=True)
    }


def rank_exactly(
    queries: NDArray[np.float32], slices: Iterable[NDArray[np.float32]], k: int
) -> list[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Return for each query the rows int64[k] of the documents with the largest dot product, best first, and those.

    `queries` float32[q, d]; `slices` are the documents' vectors float32[n, d] in the order of their rows.  Among equal
    ones the lower row comes first.  Memory: one block of at most 2^24 similarities, or one query's.
    Raises KnowscapeError where a similarity is not finite.
    """
    rows = [np.empty(0, np.int64) for _ in queries]
    scores = [np.empty(0, np.float32) for _ in queries]
    # A later row must have more than the last of the best so far.
    least = np.full(len(queries), -np.inf, np.float32)
    first = 0
    for documents in slices:
        step = max(1, _BLOCK // max(1, len(documents)))
        for start in range(0, len(queries), step):
            block = queries[start : start + step] @ documents.T
            if not np.isfinite(block).all():
                raise KnowscapeError("A similarity is not a number. Look at the model with: knowscape doctor --model")
            better = block > least[start : start + step, None]
            for number in np.flatnonzero(better.any(axis=1)):
                query, columns = start + number, np.flatnonzero(better[number])
                pool = np.concatenate([scores[query], block[number, columns]])
                order = np.argsort(-pool, kind="stable")[:k]
                rows[query] = np.concatenate([rows[query], columns + first])[order]
                scores[query] = pool[order]
                if len(order) == k:
                    least[query] = pool[order[-1]]
        first += len(documents)
    return list(zip(rows, scores, strict=True))
