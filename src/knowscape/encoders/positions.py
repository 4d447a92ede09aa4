"""Where in a text each of its tokens begins, and how many a text may have, by a tokenizer that cuts nothing."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.spec import EncoderSpec

__all__ = ["TokenizerFile", "room_for", "token_starts", "uncut"]

# Characters that are tokenised as one, and at once: what is known of a token takes some 200 bytes.
_LONGEST, _AT_ONCE = 1 << 16, 1 << 20


class TokenizerFile:
    """The tokens of a model's texts by its tokenizer.json alone: the model itself is not loaded."""

    def __init__(self, spec: EncoderSpec, path: Path) -> None:
        from tokenizers import Tokenizer

        self.spec = spec
        self._tokenizer = uncut(Tokenizer.from_file(str(path)))

    @property
    def room(self) -> int:
        """How many tokens of its own a document may have so that nothing of it is cut."""
        return room_for(self.spec, self._tokenizer)

    def token_starts(self, texts: list[str]) -> list[NDArray[np.int64]]:
        """Return the characters at which the tokens of each text begin, nothing cut, without special tokens."""
        return token_starts(self._tokenizer, texts)


def uncut(tokenizer: Any) -> Any:
    """Return a copy that cuts and pads nothing: both are settings of the object, which other threads use."""
    from tokenizers import Tokenizer

    copy = Tokenizer.from_str(tokenizer.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy


def room_for(spec: EncoderSpec, tokenizer: Any) -> int:
    """Return how many tokens a document may have beside the prompt's and the special ones."""
    special = len(tokenizer.encode("a").ids) - len(tokenizer.encode("a", add_special_tokens=False).ids)
    return spec.max_tokens - special - len(token_starts(tokenizer, [spec.document_prompt])[0])


def token_starts(tokenizer: Any, texts: Sequence[str], *, left_out: int | None = None) -> list[NDArray[np.int64]]:
    """Return the characters at which the tokens of each text begin, int64[tokens], ascending, without special tokens.

    `tokenizer` is one that cuts nothing; the token `left_out` is not counted.  One that is
    white space alone may begin where the text ends.  A text of over 65,536 characters is tokenised in pieces that end
    before white space, or after so many characters where there is none.
    """
    found: list[list[NDArray[np.int64]]] = [[np.empty(0, np.int64)] for _ in texts]
    for batch in _batches(texts):
        encodings = tokenizer.encode_batch([texts[row][a:b] for row, a, b in batch], add_special_tokens=False)
        for (row, begin, _), encoding in zip(batch, encodings, strict=True):
            starts = np.fromiter((start for start, _ in encoding.offsets), np.int64, len(encoding))
            if left_out is not None:
                starts = starts[np.array(encoding.ids, np.int64) != left_out]
            found[row].append(begin + starts)
    return [np.maximum.accumulate(np.concatenate(pieces)) for pieces in found]


def _batches(texts: Sequence[str]) -> Iterator[list[tuple[int, int, int]]]:
    """Yield pieces as row, first character and the one behind the last."""
    batch: list[tuple[int, int, int]] = []
    characters = 0
    for row, text in enumerate(texts):
        begin = 0
        while begin < len(text):
            end = _end(text, begin)
            batch.append((row, begin, end))
            characters += end - begin
            begin = end
            if characters >= _AT_ONCE:
                yield batch
                batch, characters = [], 0
    if batch:
        yield batch


def _end(text: str, begin: int) -> int:
    end = begin + _LONGEST
    if end >= len(text):
        return len(text)
    space = max(text.rfind(white, begin + _LONGEST // 2, end) for white in " \n")
    return space if space > begin else end
