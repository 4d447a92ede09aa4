"""Any architecture through sentence-transformers and torch: on NVIDIA's and Apple's processors, and on the CPU."""

from contextlib import suppress
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.batches import Batch, Batches, TokenBudget, prompted, run_batches
from knowscape.encoders.positions import room_for, token_starts, uncut
from knowscape.encoders.spec import EncoderSpec
from knowscape.errors import DeviceLostError, KnowscapeError, MissingExtraError, UsageError, first_line

__all__ = [
    "BATCH_TOKENS",
    "TransformerEncoder",
    "available_devices",
    "choose_device",
    "choose_precision",
    "load_model",
    "load_trainable",
]

# Padded tokens in one batch, to begin with: what memory does not hold is halved.
BATCH_TOKENS = {"cuda": 65_536, "mps": 16_384, "cpu": 1_024}
# Apple's processors keep a compiled graph for each shape: 16, 24, 32, 48, 64, 96 and so on.
_MPS_WIDTHS = [width for power in range(4, 18) for width in (2**power, 3 * 2 ** (power - 1))]
_OFFSET = "_flatten_position_offset"


class TransformerEncoder:
    """A model folder of sentence-transformers, or of transformers with the pooling that the spec names.

    `device` is auto (CUDA, else MPS, else the CPU), or one of available_devices().  It computes in bf16 on CUDA that
    has it, else in fp16 on CUDA, else in fp32; what follows the transformer itself, pooling first, always in fp32.
    FlashAttention without padding is used where flash_attn is installed and the architecture has it.

    Nothing is fetched, and only safetensors are read.  A model that brings its own code is refused, unless
    `trust_remote_code` says to run it.  Raises UsageError for that, for an unknown device, and where the folder
    contradicts the spec; MissingExtraError without the extra `torch`.
    """

    def __init__(
        self,
        spec: EncoderSpec,
        folder: Path,
        *,
        device: str = "auto",
        batch_tokens: int | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        self.spec = spec
        self.device = choose_device(device)
        self.precision = choose_precision(self.device)
        model = load_model(
            "SentenceTransformer", folder, self.device, precision=self.precision, trust_remote_code=trust_remote_code
        )
        self._first, *self._rest = _steps(model, spec, folder)
        self._first.max_seq_length = spec.max_tokens
        # Releases without the offset number the positions of RoBERTa's kin wrongly when texts lie end to end.
        self._flat = getattr(self._first, "can_flatten_inputs", False) and hasattr(self._first, _OFFSET)
        kind = self.device.split(":")[0]
        self._budget = TokenBudget(batch_tokens or BATCH_TOKENS[kind])
        self._widths = [width for width in _MPS_WIDTHS if width < spec.max_tokens] if kind == "mps" else []
        self._lock, self._closed = Lock(), False

    def encode_documents(self, texts: list[str]) -> NDArray[np.float32]:
        """Return float32[n, dimension], of length one where the spec says so.

        The same list gives the same bytes, unless memory ran out on the way.  Raises TextTooLargeError.
        """
        return self._encode(texts, self.spec.document_prompt)

    def encode_queries(self, texts: list[str]) -> NDArray[np.float32]:
        """Return float32[n, dimension], with the prompt for queries."""
        return self._encode(texts, self.spec.query_prompt)

    def token_counts(self, texts: list[str]) -> list[int]:
        """Return how many tokens each text has, after it is cut to the most that the model takes."""
        whole = prompted(texts, self.spec.document_prompt, self.spec.max_tokens)
        with self._lock:
            return [len(ids) for ids in self._first.tokenizer(whole, truncation=True, padding=False)["input_ids"]]

    def token_starts(self, texts: list[str]) -> list[NDArray[np.int64]]:
        """Return the characters at which the tokens of each text begin, nothing cut, without special tokens.

        Raises UsageError where the model's tokenizer cannot say it.
        """
        return token_starts(self._uncut, texts)

    @cached_property
    def room(self) -> int:
        """How many tokens of its own a document may have so that nothing of it is cut."""
        return room_for(self.spec, self._uncut)

    @cached_property
    def _uncut(self) -> Any:
        tokenizer = self._first.tokenizer
        if not tokenizer.is_fast:
            raise UsageError(
                f"The tokenizer of {self.spec.name}, {type(tokenizer).__name__}, does not say where tokens begin, so "
                "long texts cannot be cut for it. Accepted: a model with tokenizer.json."
            )
        with self._lock:
            return uncut(tokenizer.backend_tokenizer)

    def close(self) -> None:
        """End what is running in other threads soon; the encoder cannot be used again."""
        self._closed = True

    def _encode(self, texts: list[str], prompt: str) -> NDArray[np.float32]:
        out = np.zeros((len(texts), self.spec.dimension), dtype=np.float32)
        if not texts:
            return out
        tokenizer = self._first.tokenizer

        def compute(batch: Batch) -> None:
            if self._closed:
                raise DeviceLostError("The encoder was closed.")
            rows = {name: [values[row] for row in batch.rows] for name, values in tokens.items()}
            out[batch.rows] = self._forward({**self._features(rows, batch.width), **prompt_length})

        with self._lock:
            tokens = tokenizer(prompted(texts, prompt, self.spec.max_tokens), truncation=True, padding=False)
            prompt_length = self._prompt_length(prompt)
            lengths = [len(ids) for ids in tokens["input_ids"]]
            run_batches(Batches(lengths, self._budget, widths=self._widths), compute)
        return out

    def _features(self, rows: dict[str, list[list[int]]], width: int) -> dict[str, Any]:
        """Return the tensors of a batch: padded to `width`, or end to end for FlashAttention."""
        if self._flat:
            return _join(rows["input_ids"], getattr(self._first, _OFFSET))
        return _pad(rows, width, self._first.tokenizer)

    def _forward(self, features: dict[str, Any]) -> NDArray[np.float32]:
        """Return the vectors, float32[rows, dimension]."""
        import torch

        with torch.inference_mode():
            placed = {n: v.to(self.device) if isinstance(v, torch.Tensor) else v for n, v in features.items()}
            placed = self._first(placed)
            if "token_embeddings" in placed:
                placed["token_embeddings"] = placed["token_embeddings"].float()
            for step in self._rest:
                placed = step(placed)
            vectors = placed["sentence_embedding"].float()
            if self.spec.normalised:
                vectors = torch.nn.functional.normalize(vectors, dim=1)
            found: NDArray[np.float32] = vectors.cpu().numpy()
        return found

    def _prompt_length(self, prompt: str) -> dict[str, int]:
        """Return the prompt's tokens without the closing one, where a pooling leaves the prompt out."""
        if not prompt or all(getattr(step, "include_prompt", True) for step in self._rest):
            return {}
        tokenizer = self._first.tokenizer
        ids = tokenizer(prompt)["input_ids"]
        return {"prompt_length": len(ids) - (ids[-1] in tokenizer.all_special_ids)}


def _pad(rows: dict[str, list[list[int]]], width: int, tokenizer: Any) -> dict[str, Any]:
    """Return int64[n, width], padded as the tokenizer's `pad` would, at 55,000 rows of 256 a second to its 3,400."""
    import torch

    fill = {"input_ids": tokenizer.pad_token_id or 0, "token_type_ids": tokenizer.pad_token_type_id}
    padded = {}
    for name, lists in rows.items():
        padded[name] = np.full((len(lists), width), fill.get(name, 0), np.int64)
        for place, values in zip(padded[name], lists, strict=True):
            start = width - len(values) if tokenizer.padding_side == "left" else 0
            place[start : start + len(values)] = values
    return {name: torch.from_numpy(values) for name, values in padded.items()}


def _join(lists: list[list[int]], first_position: int) -> dict[str, Any]:
    """Return the rows end to end, int64[1, tokens], with what FlashAttention needs to keep them apart."""
    import torch

    lengths = np.array([len(ids) for ids in lists])
    ends = np.concatenate([[0], np.cumsum(lengths)])
    positions = np.arange(ends[-1]) - np.repeat(ends[:-1], lengths) + first_position
    of_row = np.repeat(np.arange(len(lists), dtype=np.int32), lengths)
    joined = {"input_ids": np.concatenate(lists)[None], "position_ids": positions[None], "seq_idx": of_row[None]}
    tensors = {name: torch.from_numpy(values) for name, values in joined.items()}
    for side in "qk":
        tensors |= {
            f"cu_seq_lens_{side}": torch.tensor(ends, dtype=torch.int32),
            f"max_length_{side}": int(lengths.max()),
        }
    return tensors


def available_devices() -> list[str]:
    """Return what `device` may be on this machine; raises MissingExtraError without the extra `torch`."""
    for library in ("torch", "sentence_transformers"):
        if find_spec(library) is None:
            raise MissingExtraError("A model that only torch computes", "torch")
    import torch

    devices = ["auto"]
    if torch.cuda.is_available():
        devices += ["cuda", *(f"cuda:{number}" for number in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [*devices, "cpu"]


def load_trainable(spec: EncoderSpec, folder: Path, device: str = "auto") -> Any:
    """Return a SentenceTransformer in fp32 that computes and says of itself what the spec says, to be trained.

    Nothing is fetched, and no code of the model's own is run.  The errors are those of TransformerEncoder.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize

    chosen = choose_device(device)
    try:
        steps = _steps(
            load_model("SentenceTransformer", folder, chosen, precision="f32", trust_remote_code=False), spec, folder
        )
    except KnowscapeError:
        raise
    except Exception as error:  # transformers raises many kinds for a file that it cannot read
        raise UsageError(f"{folder} holds no model that torch can read: {first_line(error)}") from error
    steps[0].max_seq_length = spec.max_tokens
    return SentenceTransformer(
        modules=[*steps, *([Normalize()] if spec.normalised else [])],
        device=chosen,
        prompts={"query": spec.query_prompt, "document": spec.document_prompt},
        similarity_fn_name=spec.similarity,
    )


def choose_device(device: str) -> str:
    """Return the device that `device` stands for; UsageError names those that are there."""
    there = available_devices()
    if device not in there:
        raise UsageError(f"There is no device {device!r} here. Accepted: {', '.join(there)}.")
    return there[1] if device == "auto" else device


def choose_precision(device: str) -> str:
    """Return what a device computes in: f32, f16 or bf16."""
    import torch

    if not device.startswith("cuda"):
        return "f32"
    with torch.cuda.device(device):
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "f16"


def load_model(kind: str, folder: Path, device: str, *, precision: str, trust_remote_code: bool) -> Any:
    """Return sentence-transformers' model of a `kind`, SentenceTransformer or CrossEncoder, with FlashAttention where
    there is one for the device and the architecture."""
    import sentence_transformers
    import torch

    _refuse_pickles(folder)
    dtypes = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}

    def load(**more: str) -> Any:
        return getattr(sentence_transformers, kind)(
            str(folder),
            device=device,
            local_files_only=True,
            trust_remote_code=trust_remote_code,
            model_kwargs={"use_safetensors": True, "dtype": dtypes[precision], **more},
        )

    # FlashAttention 2 needs a processor that has bf16.
    if precision == "bf16" and find_spec("flash_attn") is not None:
        # The architecture may have none.  Any other reason comes up again below.
        with suppress(ImportError, ValueError):
            return load(attn_implementation="flash_attention_2")
    try:
        return load()
    except ValueError as error:
        if "trust_remote_code" not in str(error):
            raise
        raise UsageError(f"{folder} brings code of its own, which is run only with trust_remote_code.") from error


def _refuse_pickles(folder: Path) -> None:
    """Refuse weights that are a pickle, also those of the steps behind the transformer: they would be read."""
    for path in (folder / "pytorch_model.bin", *folder.glob("[0-9]*_*/pytorch_model.bin")):
        if path.is_file() and not any(path.parent.glob("*.safetensors")):
            raise UsageError(f"{path} is a pickle. Accepted: model.safetensors in its place.")


def _steps(model: Any, spec: EncoderSpec, folder: Path) -> list[Any]:
    """Return the model's steps, the transformer first, as the spec has them; normalising is left to the encoder."""
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

    first, *rest = model
    if not callable(getattr(first, "tokenizer", None)):
        raise UsageError(f"{folder} begins with the step {type(first).__name__}, which is no transformer.")
    if rest and isinstance(rest[-1], Normalize):
        rest.pop()
    if not (folder / "modules.json").is_file():
        rest = [Pooling(first.get_embedding_dimension(), spec.pooling)]
    elif "message" in getattr(first, "modality_config", {}):
        raise UsageError(f"{folder} wraps its texts in a chat template, which no spec describes.")
    for step in rest:
        if isinstance(step, Pooling) and step.pooling_mode != spec.pooling:
            raise UsageError(f"{folder} pools by {step.pooling_mode}, {spec.name} by {spec.pooling}.")
        step.float()
    if (found := model.get_embedding_dimension()) not in (None, spec.dimension):
        raise UsageError(f"{folder} gives {found} dimensions, {spec.name} {spec.dimension}.")
    return [first, *rest]
