"""Static embeddings, without a network or torch: a text's vector is the mean of its tokens' vectors in a table."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.batches import prompted
from knowscape.encoders.positions import token_starts
from knowscape.encoders.spec import EncoderSpec
from knowscape.errors import UsageError

__all__ = ["StaticEncoder"]

_WEIGHTS, _TOKENIZER = "model.safetensors", "tokenizer.json"


class StaticEncoder:
    """A table of token vectors, as wordllama, model2vec and sentence-transformers' StaticEmbedding save it.

    `folder` holds model.safetensors and tokenizer.json, itself or in 0_StaticEmbedding.  The tensor of token vectors
    is the only one of two dimensions, or beside it stand model2vec's `mapping` (the row of each token) and `weights`
    (a factor for each token).  Special tokens are not added.  A text without tokens gets the zero vector.

    Raises UsageError where files are missing or do not fit the spec.
    """

    def __init__(self, spec: EncoderSpec, folder: Path) -> None:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        home = _home(folder)
        tensors = load_file(home / _WEIGHTS)
        self.spec = spec
        self._table = _table(tensors, home / _WEIGHTS)
        self._tokenizer = Tokenizer.from_file(str(home / _TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        # model2vec leaves unknown tokens out; the others keep their vector.
        self._left_out = _unknown(self._tokenizer) if "embeddings" in tensors else None
        self._refuse_contradictions(home)

    def encode_documents(self, texts: list[str]) -> NDArray[np.float32]:
        """Return float32[n, dimension], of length one where the spec says so; the same list gives the same bytes."""
        return self._encode(texts, self.spec.document_prompt)

    def encode_queries(self, texts: list[str]) -> NDArray[np.float32]:
        """Return float32[n, dimension], with the prompt for queries."""
        return self._encode(texts, self.spec.query_prompt)

    def token_counts(self, texts: list[str]) -> list[int]:
        """Return how many tokens each text has, after it is cut to the most that the model takes."""
        return [len(self._ids(text)) for text in self._tokenise(texts, self.spec.document_prompt)]

    def token_starts(self, texts: list[str]) -> list[NDArray[np.int64]]:
        """Return the characters at which the tokens of each text begin that have a vector, nothing cut."""
        return token_starts(self._tokenizer, texts, left_out=self._left_out)

    @property
    def room(self) -> int:
        """How many tokens of its own a document may have so that nothing of it is cut."""
        return self.spec.max_tokens - len(self.token_starts([self.spec.document_prompt])[0])

    def close(self) -> None:
        """Nothing runs long enough to be ended."""

    def _refuse_contradictions(self, home: Path) -> None:
        rows, dimension = self._table.shape
        if dimension != self.spec.dimension:
            raise UsageError(
                f"{home / _WEIGHTS} has vectors of {dimension}, {self.spec.name} of {self.spec.dimension}."
            )
        if (known := self._tokenizer.get_vocab_size()) > rows:
            raise UsageError(f"{home / _TOKENIZER} knows {known} tokens, {home / _WEIGHTS} has vectors for {rows}.")

    def _encode(self, texts: list[str], prompt: str) -> NDArray[np.float32]:
        from scipy.sparse import csr_array

        tokens = [self._ids(text) for text in self._tokenise(texts, prompt)]
        lengths = np.array([len(ids) for ids in tokens], dtype=np.int64)
        ends = np.concatenate([[0], np.cumsum(lengths)])
        ids = np.concatenate([np.empty(0, np.int64), *tokens])
        counts = csr_array((np.ones(len(ids), np.float32), ids, ends), shape=(len(texts), len(self._table)))
        out: NDArray[np.float32] = counts @ self._table
        scale = np.linalg.norm(out, axis=1) if self.spec.normalised else lengths.astype(np.float32)
        out /= np.where(scale > 0, scale, 1)[:, None]
        return out

    def _tokenise(self, texts: list[str], prompt: str) -> list[Any]:
        whole = prompted(texts, prompt, self.spec.max_tokens)
        found: list[Any] = self._tokenizer.encode_batch_fast(whole, add_special_tokens=False)
        return found

    def _ids(self, encoding: Any) -> NDArray[np.int64]:
        ids = np.array(encoding.ids, dtype=np.int64)
        if self._left_out is not None:
            ids = ids[ids != self._left_out]
        return ids[: self.spec.max_tokens]


def _home(folder: Path) -> Path:
    for home in (folder, folder / "0_StaticEmbedding"):
        if (home / _WEIGHTS).is_file() and (home / _TOKENIZER).is_file():
            return home
    raise UsageError(
        f"{folder} is no static model: it needs {_WEIGHTS} and {_TOKENIZER}, itself or in 0_StaticEmbedding."
    )


def _table(tensors: dict[str, NDArray[Any]], path: Path) -> NDArray[np.float32]:
    """Return float32[tokens, dimension]."""
    tables = [name for name, tensor in tensors.items() if tensor.ndim == 2]
    others = sorted(set(tensors) - {*tables, "mapping", "weights"})
    if len(tables) != 1 or others:
        raise UsageError(f"{path} is no single table of token vectors: it holds {', '.join(sorted(tensors))}.")
    table = tensors[tables[0]].astype(np.float32)
    if "mapping" in tensors:
        table = table[tensors["mapping"]]
    if "weights" in tensors:
        table *= tensors["weights"].astype(np.float32)[:, None]
    return np.ascontiguousarray(table)


def _unknown(tokenizer: Any) -> int | None:
    """Return the id of the token that stands for what the vocabulary lacks, where there is one."""
    model = json.loads(tokenizer.to_str())["model"]
    if "unk_id" in model:
        return None if model["unk_id"] is None else int(model["unk_id"])
    name = model.get("unk_token")
    found: int | None = None if name is None else tokenizer.token_to_id(name)
    return found
