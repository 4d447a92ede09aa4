"""Any cross-encoder through sentence-transformers and torch: on NVIDIA's and Apple's processors, and on the CPU."""

from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.batches import Batch, Batches, TokenBudget, prompted, run_batches
from knowscape.encoders.spec import CrossSpec
from knowscape.encoders.transformer import BATCH_TOKENS, choose_device, choose_precision, load_model
from knowscape.errors import DeviceLostError, UsageError

__all__ = ["TransformerCrossEncoder"]


class TransformerCrossEncoder:
    """A model folder that sentence-transformers' CrossEncoder reads, and that gives one score for a pair.

    `device`, precision, FlashAttention, and what is refused, are those of TransformerEncoder.
    """

    def __init__(
        self,
        spec: CrossSpec,
        folder: Path,
        *,
        device: str = "auto",
        batch_tokens: int | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        self.spec = spec
        self.device = choose_device(device)
        self.precision = choose_precision(self.device)
        self._model = load_model(
            "CrossEncoder", folder, self.device, precision=self.precision, trust_remote_code=trust_remote_code
        )
        if (scores := self._model.num_labels) != 1:
            raise UsageError(f"{folder} gives {scores} scores for a pair; what re-ranks gives one.")
        self._model.max_seq_length = spec.max_tokens
        self._budget = TokenBudget(batch_tokens or BATCH_TOKENS[self.device.split(":")[0]])
        self._lock, self._closed = Lock(), False

    def score(self, query: str, texts: list[str]) -> NDArray[np.float32]:
        """Return float32[n], higher for a text that answers the query better: logits.  Raises TextTooLargeError."""
        import torch

        out = np.zeros(len(texts), dtype=np.float32)
        if not texts:
            return out
        [asked] = prompted([query], "", self.spec.max_tokens)
        cut = prompted(texts, "", self.spec.max_tokens)

        def compute(batch: Batch) -> None:
            if self._closed:
                raise DeviceLostError("The cross-encoder was closed.")
            out[batch.rows] = self._model.predict(
                [[asked, cut[row]] for row in batch.rows],
                batch_size=len(batch.rows),
                activation_fn=torch.nn.Identity(),
                show_progress_bar=False,
            )

        with self._lock:
            tokens = self._model.tokenizer([asked] * len(texts), cut, truncation=True, padding=False)
            run_batches(Batches([len(ids) for ids in tokens["input_ids"]], self._budget), compute)
        return out

    def close(self) -> None:
        """End what is running in other threads soon; the cross-encoder cannot be used again."""
        self._closed = True
