"""Cross-encoders on the CPU in OpenVINO, without torch."""

import json
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.batches import prompted
from knowscape.encoders.configuration import tells_texts_apart
from knowscape.encoders.engine import CANARIES, NativeEngine
from knowscape.encoders.graph import build_cross_graph, read_classifier
from knowscape.encoders.spec import CrossSpec

__all__ = ["NativeCrossEncoder"]

_QUERY = CANARIES[2]


class NativeCrossEncoder:
    """A cross-encoder of one of ARCHITECTURES, with one score, on the CPU.

    `precision` is f32, bf16 or auto, as for the native encoder: a few pairs must get the same features in bf16.  The
    last layer, which turns features into a score, is always computed in fp32.
    """

    def __init__(
        self,
        spec: CrossSpec,
        folder: Path,
        *,
        precision: str = "auto",
        batch_tokens: int | None = None,
        threads: int | None = None,
    ) -> None:
        from tokenizers import Tokenizer

        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        weights = folder / "model.safetensors"
        self.spec = spec
        self._classifier = read_classifier(config, weights)
        self._types = self._classifier.types and tells_texts_apart(folder)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(spec.max_tokens, strategy="longest_first")
        self._engine = NativeEngine(
            partial(build_cross_graph, config, weights, types=self._types),
            len(self._classifier.weight),
            self._tokenise(_QUERY, list(CANARIES)),
            precision=precision,
            batch_tokens=batch_tokens,
            threads=threads,
        )

    @property
    def precision(self) -> str:
        """What is computed in: f32 or bf16."""
        return self._engine.precision

    def score(self, query: str, texts: list[str]) -> NDArray[np.float32]:
        """Return float32[n], higher for a text that answers the query better: logits."""
        features = self._engine.compute(self._tokenise(query, texts))
        # Summed row by row: a matrix product may add equal rows up in another order, and equal texts are to tie.
        scores: NDArray[np.float32] = (features * self._classifier.weight).sum(axis=1) + self._classifier.bias
        return scores.astype(np.float32, copy=False)

    def close(self) -> None:
        """End what is running in other threads soon; the cross-encoder cannot be used again."""
        self._engine.close()

    def _tokenise(self, query: str, texts: list[str]) -> list[NDArray[np.int32]]:
        """Return int32[1, tokens] for each pair, or int32[2, tokens] with which of the two texts a token is of."""
        [asked] = prompted([query], "", self.spec.max_tokens)
        pairs = [(asked, text) for text in prompted(texts, "", self.spec.max_tokens)]
        encoded = self._tokenizer.encode_batch_fast(pairs)
        return [np.array([e.ids, e.type_ids] if self._types else [e.ids], np.int32) for e in encoded]
