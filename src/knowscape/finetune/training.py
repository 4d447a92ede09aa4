"""The weights learn, by torch: AdamW, a rate that rises and falls, and checkpoints to go on from."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from shutil import copyfile
from typing import Any

from knowscape.encoders.configuration import read_spec
from knowscape.encoders.spec import EncoderSpec
from knowscape.encoders.transformer import load_trainable
from knowscape.errors import KnowscapeError
from knowscape.finetune.batches import all_batches
from knowscape.finetune.checkpoints import Checkpoints
from knowscape.finetune.examples import Example, Examples
from knowscape.finetune.losses import at_dimensions, order_loss, ranking_loss, triplet_loss
from knowscape.finetune.options import FinetuneOptions
from knowscape.progress import SILENT, Progress

__all__ = ["Trainer", "rate"]

_WEIGHT_DECAY, _LONGEST_GRADIENT = 0.01, 1.0
# Cosines are multiplied by it before the softmax: a temperature of 0.05 (Gao et al. 2021, arXiv:2104.08821).
_SCALE = 20.0
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")


def rate(step: int, steps: int, warmup: float) -> float:
    """Return the share of the highest learning rate at a step from 0: up in a line to 1, then down in a line to 0."""
    rising = round(warmup * steps)
    return (step + 1) / rising if step < rising else (steps - step) / (steps - rising)


class Trainer:
    """A model in training; `steps` are done, of so many as there are `batches`.

    It computes in fp32, on CUDA that has it in bf16 with weights in fp32.  The seed of each step is a function of its
    number, so that training which goes on from a checkpoint gives the weights of training that was never stopped: to
    the bit on the CPU, where a run has the same number of threads.
    """

    def __init__(
        self, spec: EncoderSpec, folder: Path, examples: Examples, options: FinetuneOptions, *, device: str = "auto"
    ) -> None:
        import torch

        self._spec, self._folder, self._items, self._options = spec, folder, examples.items, options
        self._loss = options.loss_for(examples.kind)
        self._dimensions = options.dimensions(spec.dimension)
        self.batches = all_batches(examples.items, options, self._loss)
        torch.manual_seed(options.seed)  # weights that the folder lacks are made at random
        self._model = load_trainable(spec, folder, device)
        self.device = str(self._model.device)
        self._weights = dict(self._model.named_parameters())
        # Biases and the weights of norms are not drawn to zero.
        parts = [[w for w in self._weights.values() if (w.ndim > 1) is decays] for decays in (True, False)]
        self._optimiser = torch.optim.AdamW(
            [{"params": part, "weight_decay": decay} for part, decay in zip(parts, (_WEIGHT_DECAY, 0.0), strict=True)]
        )
        self.steps, self.seconds = 0, 0.0

    def run(self, checkpoints: Checkpoints, *, progress: Progress = SILENT) -> None:
        """Train to the end, from the newest checkpoint where there is one.

        Raises KnowscapeError where the loss is no number any more, or a batch does not fit into memory.
        """
        self._continue(checkpoints)
        before, start = self.seconds, time.monotonic()
        self._model.train()
        with progress.stage("Training, examples", total=self._rows(0, None), done=self._rows(0, self.steps)) as stage:
            while self.steps < len(self.batches):
                with self._memory():
                    self._step()
                stage.advance(len(self.batches[self.steps - 1]))
                self.seconds = before + time.monotonic() - start
                if checkpoints.due() or self.steps == len(self.batches):
                    checkpoints.save(self.steps, self._tensors(), self.seconds)
        self._model.eval()

    def _rows(self, first: int, last: int | None) -> int:
        return sum(len(rows) for rows in self.batches[first:last])

    def save(self, folder: Path) -> None:
        """Write the model as sentence-transformers does, with its base's tokenizer.json, prompts and pooling.

        Raises KnowscapeError where what is there then is not read as the base is.
        """
        self._model.save(str(folder), create_model_card=False)
        copyfile(self._folder / "tokenizer.json", folder / "tokenizer.json")
        found = read_spec(folder)
        for field in (
            "dimension",
            "max_tokens",
            "pooling",
            "normalised",
            "similarity",
            "document_prompt",
            "query_prompt",
        ):
            if (now := getattr(found, field)) != (was := getattr(self._spec, field)):
                raise KnowscapeError(
                    f"The trained model would be read with {field} {now!r}, not {was!r} as {self._spec.name}. "
                    "This is a fault of Knowscape or of this version of sentence-transformers: pip install -U knowscape"
                )

    def _step(self) -> None:
        import torch

        torch.manual_seed((self._options.seed << 32) + self.steps)
        for group in self._optimiser.param_groups:
            group["lr"] = self._options.learning_rate * rate(self.steps, len(self.batches), self._options.warmup)
        loss = self._loss_of([self._items[row] for row in self.batches[self.steps]])
        if not torch.isfinite(loss):
            raise KnowscapeError(
                f"At step {self.steps + 1:,} the loss is {loss.item()}. Train more slowly, into another folder: "
                f"--learning-rate {self._options.learning_rate / 4:g}"
            )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._weights.values(), _LONGEST_GRADIENT)
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self.steps += 1

    def _loss_of(self, items: Sequence[Example]) -> Any:
        """Return the loss of a batch, the mean over the dimensions to train."""
        import torch

        cosine = self._spec.similarity == "cosine"
        scale = _SCALE if cosine else 1.0
        query, document = self._spec.query_prompt, self._spec.document_prompt
        compute: Callable[..., Any]
        if self._loss == "cosent":
            prompt = query if document else document
            vectors = [self._embed([i.anchor for i in items], prompt), self._embed([i.positive for i in items], prompt)]
            scores = torch.tensor([item.score for item in items], device=self.device)
            compute = partial(order_loss, scores=scores, scale=scale)
        else:
            texts = [item.positive for item in items] + [item.negative for item in items if item.negative]
            vectors = [self._embed([item.anchor for item in items], query), self._embed(texts, document)]
            compute = partial(ranking_loss, scale=scale)
        if self._loss == "triplet":
            vectors = [vectors[0], *vectors[1].split(len(items))]
            compute = triplet_loss
        return at_dimensions(compute, vectors, self._dimensions, normalised=cosine)

    def _embed(self, texts: list[str], prompt: str) -> Any:
        """Return the vectors of texts, float32[n, dimension], through which gradients flow."""
        import torch

        features = self._model.preprocess(texts, prompt=prompt or None)
        placed = {n: v.to(self.device) if isinstance(v, torch.Tensor) else v for n, v in features.items()}
        half = self.device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False)
        with torch.autocast("cuda", torch.bfloat16) if half else nullcontext():
            return self._model(placed)["sentence_embedding"].float()

    def _tensors(self) -> dict[str, Any]:
        """Return what a checkpoint holds: the weights, and of each that was trained what the optimiser knows."""
        kept = {f"weights/{name}": weight for name, weight in self._weights.items()}
        for name, weight in self._weights.items():
            kept |= {f"{key}/{name}": value for key, value in self._optimiser.state.get(weight, {}).items()}
        return {name: tensor.detach().cpu().contiguous() for name, tensor in kept.items()}

    def _continue(self, checkpoints: Checkpoints) -> None:
        import torch

        if (found := checkpoints.newest()) is None:
            return
        self.steps, tensors, self.seconds = found
        with torch.no_grad():
            for name, weight in self._weights.items():
                weight.copy_(tensors[f"weights/{name}"])
                if f"step/{name}" in tensors:
                    known = {key: tensors[f"{key}/{name}"] for key in _MOMENTS}
                    self._optimiser.state[weight] = {
                        key: value if key == "step" else value.to(self.device) for key, value in known.items()
                    }

    @contextmanager
    def _memory(self) -> Iterator[None]:
        import torch

        try:
            yield
        except torch.OutOfMemoryError as error:
            raise KnowscapeError(
                f"A batch of {self._options.batch_size} examples does not fit into the memory of {self.device}. Train "
                f"with smaller ones, into another folder: --batch-size {max(2, self._options.batch_size // 2)}"
            ) from error
