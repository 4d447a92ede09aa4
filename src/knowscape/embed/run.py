"""Embed what is missing on this machine, and commit it about every 30 seconds."""

import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from knowscape.embed.plan import plan_slices
from knowscape.encoders.spec import Encoder
from knowscape.progress import SILENT, Progress
from knowscape.store.vectors import VectorStore

__all__ = ["embed"]

_COMMIT_SECONDS = 30.0
_COMMIT_ROWS = 8192


def embed(
    texts: Sequence[str],
    ids: Sequence[str],
    digests: Sequence[str],
    *,
    encoder: Encoder,
    store: VectorStore,
    queries: bool = False,
    progress: Progress = SILENT,
) -> int:
    """Encode every text without a vector and return how many there were.

    Commits after 8,192 rows or 30 s, whichever comes first; what is committed is never computed again.
    """
    done = store.done()
    slices = plan_slices(digests, done)
    count = sum(len(part.rows) for part in slices)
    if not count:
        return 0
    encode: Callable[[list[str]], NDArray[np.float32]] = encoder.encode_queries if queries else encoder.encode_documents
    name = "Embedding questions" if queries else "Embedding"
    with (
        store.writing(encoder.spec.about()) as append,
        progress.stage(name, total=len(set(digests)), done=len(set(digests)) - count) as stage,
    ):
        rows: list[int] = []
        vectors: list[NDArray[np.float32]] = []
        last = time.monotonic()
        for number, part in enumerate(slices):
            vectors.append(encode([texts[row] for row in part.rows]))
            rows.extend(part.rows)
            stage.advance(len(part.rows))
            overdue = time.monotonic() - last >= _COMMIT_SECONDS or len(rows) >= _COMMIT_ROWS
            if overdue or number == len(slices) - 1:
                append([ids[row] for row in rows], [digests[row] for row in rows], np.concatenate(vectors))
                rows, vectors, last = [], [], time.monotonic()
    return count
