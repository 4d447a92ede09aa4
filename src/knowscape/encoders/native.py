"""The encoder's fast path on CPU: a transformer in OpenVINO, without torch."""

import json
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.batches import prompted
from knowscape.encoders.engine import CANARIES, NativeEngine
from knowscape.encoders.graph import build_graph
from knowscape.encoders.positions import room_for, token_starts, uncut
from knowscape.encoders.spec import EncoderSpec

__all__ = ["NativeEncoder"]


class NativeEncoder:
    """A model of one of ARCHITECTURES on the CPU.

    `precision` is f32, bf16 or auto: bf16 where the processor computes in it and a few texts get the same vectors as
    in fp32, else fp32.
    """

    def __init__(
        self,
        spec: EncoderSpec,
        folder: Path,
        *,
        precision: str = "auto",
        batch_tokens: int | None = None,
        threads: int | None = None,
    ) -> None:
        from tokenizers import Tokenizer

        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        weights = folder / "model.safetensors"
        build = partial(build_graph, config, weights, pooling=spec.pooling, normalised=spec.normalised)
        self.spec = spec
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(spec.max_tokens)
        canaries = self._tokenise(list(CANARIES), "")
        self._engine = NativeEngine(
            build, spec.dimension, canaries, precision=precision, batch_tokens=batch_tokens, threads=threads
        )

    @property
    def precision(self) -> str:
        """What is computed in: f32 or bf16."""
        return self._engine.precision

    def encode_documents(self, texts: list[str]) -> NDArray[np.float32]:
        """Return float32[n, dimension], of length one where the spec says so; the same list gives the same bytes."""
        return self._engine.compute(self._tokenise(texts, self.spec.document_prompt))

    def encode_queries(self, texts: list[str]) -> NDArray[np.float32]:
        """Return float32[n, dimension], with the prompt for queries."""
        return self._engine.compute(self._tokenise(texts, self.spec.query_prompt))

    def close(self) -> None:
        """End what is running in other threads soon; the encoder cannot be used again."""
        self._engine.close()

    def token_counts(self, texts: list[str]) -> list[int]:
        """Return how many tokens each text has, after it is cut to the most that the model takes."""
        return [tokens.shape[1] for tokens in self._tokenise(texts, self.spec.document_prompt)]

    def token_starts(self, texts: list[str]) -> list[NDArray[np.int64]]:
        """Return the characters at which the tokens of each text begin, nothing cut, without special tokens."""
        return token_starts(self._uncut, texts)

    @cached_property
    def room(self) -> int:
        """How many tokens of its own a document may have so that nothing of it is cut."""
        return room_for(self.spec, self._uncut)

    @cached_property
    def _uncut(self) -> Any:
        return uncut(self._tokenizer)

    def _tokenise(self, texts: list[str], prompt: str) -> list[NDArray[np.int32]]:
        whole = prompted(texts, prompt, self.spec.max_tokens)
        return [np.array([e.ids], np.int32) for e in self._tokenizer.encode_batch_fast(whole)]
