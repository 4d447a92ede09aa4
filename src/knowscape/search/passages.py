"""A corpus in passages that its encoder takes whole: short texts as they are, long ones cut."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from knowscape.corpus.chunking import ChunkOptions, chunk
from knowscape.corpus.document import Corpus
from knowscape.encoders.spec import Tokens
from knowscape.errors import UsageError
from knowscape.progress import SILENT, Progress

__all__ = ["split"]

# Characters that are tokenised and cut before the next ones are read.
_SLICE = 4_000_000
# The most bytes that a character has in Unicode's compatibility forms (U+FDFA), and so the most tokens.
_LONGEST_FORM = 33

Span = tuple[int, int]


def split(
    corpus: Corpus, encoder: Tokens, options: ChunkOptions = ChunkOptions(), progress: Progress = SILENT
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the passages of all texts: rows of the corpus, int64[n] ascending, and spans of characters, int64[n, 2].

    A passage has at most `options.max_tokens` tokens, and no more than the encoder has room for behind its prompt:
    each is tokenised again by itself, and cut again where it has more tokens than it had in its text.  A text that fits
    is one passage, whole.  Raises UsageError where the prompt leaves no room.
    """
    if encoder.room < 1:
        raise UsageError(
            f"{encoder.spec.name} takes {encoder.spec.max_tokens} tokens, which its prompt for documents fills: "
            f"{encoder.spec.document_prompt!r}. Accepted: a shorter prompt, or another model with: --model NAME"
        )
    texts = corpus.table["text"]
    most = min(options.max_tokens, encoder.room) + len(encoder.token_starts([encoder.spec.document_prompt])[0])
    lengths = pc.utf8_length(texts).to_numpy().astype(np.int64)
    fits = _tokens_at_most(texts, lengths, encoder.spec.document_prompt) <= most
    documents = [np.flatnonzero(fits)]
    spans = [np.stack([np.zeros_like(documents[0]), lengths[fits]], axis=1)]
    cut = partial(_cut, encoder=encoder, options=options, most=most)
    with progress.stage("Cutting into passages", total=len(corpus), done=len(documents[0])) as stage:
        for rows in _slices(np.flatnonzero(~fits), lengths):
            found = cut(texts.take(pa.array(rows)).to_pylist())
            documents.append(np.repeat(rows, [len(passages) for passages in found]))
            spans.append(np.array([span for passages in found for span in passages], np.int64))
            stage.advance(len(rows))
    order = np.argsort(np.concatenate(documents), kind="stable")
    return np.concatenate(documents)[order], np.concatenate(spans)[order]


def _tokens_at_most(texts: pa.ChunkedArray, lengths: NDArray[np.int64], prompt: str) -> NDArray[np.int64]:
    """Return what no text behind the prompt exceeds in tokens, without tokenising any.

    A character of ASCII is at most one token, another one at most _LONGEST_FORM, and some tokenizers add a first one.
    """
    beyond = pc.binary_length(texts).to_numpy() - lengths + len(prompt.encode()) - len(prompt)
    found: NDArray[np.int64] = len(prompt) + lengths + (_LONGEST_FORM - 1) * beyond + 1
    return found


def _slices(rows: NDArray[np.int64], lengths: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield rows whose texts have about _SLICE characters together."""
    numbers = np.cumsum(lengths[rows]) // _SLICE
    yield from (part for part in np.split(rows, np.flatnonzero(np.diff(numbers)) + 1) if len(part))


def _cut(texts: list[str], encoder: Tokens, options: ChunkOptions, most: int) -> list[list[Span]]:
    """Return the passages of each text, in order; none has more than `most` tokens behind the prompt."""
    prompt = encoder.spec.document_prompt
    found: list[list[Span]] = [[] for _ in texts]
    waiting = [(row, 0, len(text)) for row, text in enumerate(texts)]
    while waiting:
        pieces = [texts[row][begin:end] for row, begin, end in waiting]
        starts = encoder.token_starts([prompt + piece for piece in pieces])
        again = []
        for (row, begin, end), piece, behind in zip(waiting, pieces, starts, strict=True):
            spans = _spans(piece, behind - len(prompt), most, options)
            if spans == [(0, len(piece))]:
                found[row].append((begin, end))
            else:
                again += [(row, begin + a, begin + b) for a, b in spans]
        waiting = again
    return [sorted(passages) for passages in found]


def _spans(text: str, starts: NDArray[np.int64], most: int, options: ChunkOptions) -> list[Span]:
    """Return where a text is cut; `starts` are from its beginning, those of the prompt before it below zero."""
    own = starts[starts >= 0]
    return chunk(text, own, replace(options, max_tokens=max(1, most - (len(starts) - len(own)))))
