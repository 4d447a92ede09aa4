"""The encoder's fast path on CPU: BERT as an OpenVINO graph built from safetensors, without torch.

The architecture is that of Devlin et al. 2019 (post-layer-norm transformer, exact GELU); pooling is the mean over
the tokens and the result has length one, as in Reimers & Gurevych 2019.
"""

import json
from collections import deque
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.spec import EncoderSpec
from knowscape.errors import UsageError

__all__ = ["NativeEncoder"]

# Padded tokens in one batch: in fp32 on two cores 1,024 gave 227 texts/s, 2,048 218, 4,096 206; 768 was no faster.
_BATCH_TOKENS = 1024
# Longer texts are cut before they are tokenised: no word piece in use is as long as this.
_CHARACTERS_PER_TOKEN = 100


class NativeEncoder:
    """A BERT model on the CPU; bf16 where the processor computes in it, fp32 elsewhere."""

    def __init__(
        self, spec: EncoderSpec, folder: Path, *, precision: str = "auto", batch_tokens: int = _BATCH_TOKENS
    ) -> None:
        import openvino
        from tokenizers import Tokenizer

        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if config.get("model_type") != "bert":
            raise UsageError(f"{folder} holds a {config.get('model_type')!r} model; the native encoder reads 'bert'.")
        self.spec = spec
        self._batch_tokens = batch_tokens
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(spec.max_tokens)
        core = openvino.Core()
        if precision == "auto":
            precision = "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
        self.precision = precision
        options = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "THROUGHPUT"}
        compiled = core.compile_model(_Graph(config, folder / "model.safetensors").model(), "CPU", options)
        # Requests of our own and no callback: openvino's queue hands results over on a thread that waits for the
        # interpreter, and its end, which holds the interpreter, waits for that thread.
        streams = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        self._requests = [compiled.create_infer_request() for _ in range(2 * streams)]
        self._lock = Lock()

    def encode_documents(self, texts: list[str]) -> NDArray[np.float32]:
        """Return float32[n, dimension], each row of length one; the same list gives the same bytes."""
        return self._encode(texts, self.spec.document_prompt)

    def encode_queries(self, texts: list[str]) -> NDArray[np.float32]:
        """Return float32[n, dimension], each row of length one, with the prompt for queries."""
        return self._encode(texts, self.spec.query_prompt)

    def _encode(self, texts: list[str], prompt: str) -> NDArray[np.float32]:
        out = np.empty((len(texts), self.spec.dimension), dtype=np.float32)
        limit = self.spec.max_tokens * _CHARACTERS_PER_TOKEN
        tokens = [
            np.array(e.ids, np.int32) for e in self._tokenizer.encode_batch_fast([(prompt + t)[:limit] for t in texts])
        ]
        running: deque[tuple[Any, NDArray[np.int64]]] = deque()

        def finish_first() -> Any:
            request, rows = running.popleft()
            request.wait()
            out[rows] = request.get_output_tensor(0).data
            return request

        with self._lock:
            idle = list(self._requests)
            try:
                for rows in _pack([len(t) for t in tokens], self._batch_tokens):
                    request = idle.pop() if idle else finish_first()
                    request.start_async(_pad([tokens[row] for row in rows]))
                    running.append((request, rows))
            finally:  # also when interrupted: a request that runs cannot be started again
                while running:
                    finish_first()
        return out


def _pack(lengths: list[int], budget: int) -> list[NDArray[np.int64]]:
    """Return batches of rows, longest first, each within `budget` padded tokens."""
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    batches, start = [], 0
    while start < len(order):
        size = max(1, budget // max(1, lengths[order[start]]))
        batches.append(order[start : start + size])
        start += size
    return batches


def _pad(tokens: list[NDArray[np.int32]]) -> list[NDArray[Any]]:
    ids = np.zeros((len(tokens), len(tokens[0])), np.int32)
    mask = np.zeros(ids.shape, np.float32)
    for row, values in enumerate(tokens):
        ids[row, : len(values)] = values
        mask[row, : len(values)] = 1
    return [ids, mask]


class _Graph:
    """The BERT graph: inputs ids int32[batch, tokens] and mask float32[batch, tokens], output the text vectors."""

    def __init__(self, config: dict[str, Any], weights: Path) -> None:
        from openvino import opset13
        from safetensors.numpy import load_file

        self._op: Any = opset13
        self._config = config
        tensors = load_file(weights)
        self._weights = {name.removeprefix("bert."): tensor.astype(np.float32) for name, tensor in tensors.items()}
        self._hidden = int(config["hidden_size"])
        self._heads = int(config["num_attention_heads"])

    def model(self) -> Any:
        import openvino

        op = self._op
        ids = op.parameter([-1, -1], np.int32, "ids")
        mask = op.parameter([-1, -1], np.float32, "mask")
        x = self._embeddings(ids)
        bias = op.multiply(
            op.subtract(self._axis(self._axis(mask, 1), 1), self._constant(np.float32(1))),
            self._constant(np.float32(1e9)),
        )
        for layer in range(int(self._config["num_hidden_layers"])):
            x = self._layer(x, bias, f"encoder.layer.{layer}.")
        return openvino.Model([self._pool(x, mask).output(0)], [ids, mask], "bert")

    def _embeddings(self, ids: Any) -> Any:
        op, table = self._op, self._weights
        length = op.gather(
            op.shape_of(ids, "i32"), self._constant(np.array([1], np.int32)), self._constant(np.int32(0))
        )
        zero, one = self._constant(np.array([0], np.int32)), self._constant(np.array([1], np.int32))
        positions = op.slice(self._constant(table["embeddings.position_embeddings.weight"]), zero, length, one, zero)
        words = op.gather(self._constant(table["embeddings.word_embeddings.weight"]), ids, self._constant(np.int32(0)))
        kinds = self._constant(table["embeddings.token_type_embeddings.weight"][0])
        return self._norm(op.add(op.add(words, positions), kinds), "embeddings.LayerNorm")

    def _layer(self, x: Any, bias: Any, prefix: str) -> Any:
        op = self._op
        query, key, value = (
            self._split(self._linear(x, f"{prefix}attention.self.{n}")) for n in ("query", "key", "value")
        )
        attended = op.transpose(
            op.scaled_dot_product_attention(query, key, value, bias), self._constant(np.array([0, 2, 1, 3]))
        )
        merged = op.reshape(attended, self._constant(np.array([0, 0, self._hidden])), True)
        x = self._norm(
            op.add(x, self._linear(merged, f"{prefix}attention.output.dense")),
            f"{prefix}attention.output.LayerNorm",
        )
        inner = op.gelu(self._linear(x, f"{prefix}intermediate.dense"), "erf")
        return self._norm(op.add(x, self._linear(inner, f"{prefix}output.dense")), f"{prefix}output.LayerNorm")

    def _pool(self, x: Any, mask: Any) -> Any:
        op, over = self._op, self._constant(np.array([1]))
        column = self._axis(mask, 2)
        mean = op.divide(op.reduce_sum(op.multiply(x, column), over), op.reduce_sum(column, over))
        return op.normalize_l2(mean, over, 1e-24, "add")

    def _split(self, x: Any) -> Any:
        shape = np.array([0, 0, self._heads, self._hidden // self._heads])
        return self._op.transpose(
            self._op.reshape(x, self._constant(shape), True), self._constant(np.array([0, 2, 1, 3]))
        )

    def _linear(self, x: Any, name: str) -> Any:
        product = self._op.matmul(x, self._constant(self._weights[f"{name}.weight"]), False, True)
        return self._op.add(product, self._constant(self._weights[f"{name}.bias"]))

    def _norm(self, x: Any, name: str) -> Any:
        epsilon = float(self._config.get("layer_norm_eps", 1e-12))
        centred = self._op.mvn(x, self._constant(np.array([2])), True, epsilon, "inside_sqrt")
        scaled = self._op.multiply(centred, self._constant(self._weights[f"{name}.weight"]))
        return self._op.add(scaled, self._constant(self._weights[f"{name}.bias"]))

    def _axis(self, x: Any, axis: int) -> Any:
        return self._op.unsqueeze(x, self._constant(np.int64(axis)))

    def _constant(self, value: Any) -> Any:
        return self._op.constant(np.ascontiguousarray(value) if np.ndim(value) else np.array(value))
