"""Post-layer-norm transformers as OpenVINO graphs, built from safetensors without torch.

BERT (Devlin et al. 2019), RoBERTa and XLM-R (Liu et al. 2019, Conneau et al. 2020), DistilBERT (Sanh et al. 2019) and
MPNet (Song et al. 2020) differ in the names of their tensors, in where positions begin, and in MPNet's relative bias.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.openvino import openvino
from knowscape.errors import UsageError

__all__ = [
    "ARCHITECTURES",
    "POOLINGS",
    "Classifier",
    "build_cross_graph",
    "build_graph",
    "longest_input",
    "read_classifier",
]

POOLINGS = ("mean", "cls")


@dataclass(frozen=True, slots=True)
class _Architecture:
    """Names of tensors below a layer, of the configuration's fields, the row of the first position, and the head.

    The head turns the first token into one score: a dense layer with its activation, then the classifier.
    """

    layer: str = "encoder.layer.{}."
    query: str = "attention.self.query"
    key: str = "attention.self.key"
    value: str = "attention.self.value"
    merge: str = "attention.output.dense"
    attention_norm: str = "attention.output.LayerNorm"
    inner: str = "intermediate.dense"
    outer: str = "output.dense"
    output_norm: str = "output.LayerNorm"
    hidden: str = "hidden_size"
    heads: str = "num_attention_heads"
    layers: str = "num_hidden_layers"
    activation: str = "hidden_act"
    first_position: int = 0
    head: str = "classifier.dense"
    head_activation: str = "tanh"
    classifier: str = "classifier.out_proj"


_ROBERTA = _Architecture(first_position=2)
ARCHITECTURES = {
    "bert": _Architecture(head="pooler.dense", classifier="classifier"),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "mpnet": _Architecture(
        query="attention.attn.q",
        key="attention.attn.k",
        value="attention.attn.v",
        merge="attention.attn.o",
        attention_norm="attention.LayerNorm",
        first_position=2,
    ),
    "distilbert": _Architecture(
        layer="transformer.layer.{}.",
        query="attention.q_lin",
        key="attention.k_lin",
        value="attention.v_lin",
        merge="attention.out_lin",
        attention_norm="sa_layer_norm",
        inner="ffn.lin1",
        outer="ffn.lin2",
        output_norm="output_layer_norm",
        hidden="dim",
        heads="n_heads",
        layers="n_layers",
        activation="activation",
        head="pre_classifier",
        head_activation="relu",
        classifier="classifier",
    ),
}
_PREFIXES = ("bert.", "roberta.", "mpnet.", "distilbert.")
_TYPES = "embeddings.token_type_embeddings.weight"
_GELU = {"gelu": "erf", "gelu_new": "tanh", "gelu_pytorch_tanh": "tanh"}
# MPNet's relative positions: half of the buckets for each direction, exact up to half of those, then logarithmic.
_BUCKETS, _FARTHEST = 32, 128


def longest_input(config: Mapping[str, Any]) -> int:
    """Return how many tokens the model has positions for."""
    architecture = ARCHITECTURES[config["model_type"]]
    return int(config["max_position_embeddings"]) - architecture.first_position


def build_graph(config: Mapping[str, Any], weights: Path, *, pooling: str, normalised: bool) -> Any:
    """Return the model: ids int32[batch, tokens] and mask float32[batch, tokens] to vectors float32[batch, hidden].

    Raises UsageError for an architecture, activation or pooling that is not among those above.
    """
    architecture = _architecture(config)
    if pooling not in POOLINGS:
        raise UsageError(f"The native encoder pools by {' or '.join(POOLINGS)}, not by {pooling!r}.")
    return _Graph(config, architecture, weights).model(pooling, normalised)


def build_cross_graph(config: Mapping[str, Any], weights: Path, *, types: bool) -> Any:
    """Return the model up to its classifier: ids, mask as above and, with `types`, int32[batch, tokens] that are 0 in
    the query and 1 in the text, to features float32[batch, hidden].

    Raises UsageError for an architecture or activation that is not among those above, or where a tensor is missing.
    """
    return _Graph(config, _architecture(config), weights).cross_model(types=types)


@dataclass(frozen=True, slots=True)
class Classifier:
    """The last layer of a cross-encoder, float32[hidden] and a bias: a score is features @ weight + bias.

    `types` says whether the model tells the tokens of the two texts apart.
    """

    weight: NDArray[np.float32]
    bias: float
    types: bool


def read_classifier(config: Mapping[str, Any], weights: Path) -> Classifier:
    """Return the last layer; UsageError where there is none, or where it gives more than one score."""
    from safetensors import safe_open

    name = _architecture(config).classifier
    with safe_open(str(weights), "np") as opened:
        names = {_without_prefix(one): one for one in opened.keys()}  # noqa: SIM118 - no mapping
        if f"{name}.weight" not in names or f"{name}.bias" not in names:
            raise UsageError(f"The weights lack the tensor {name}; they are not those of a cross-encoder.")
        weight, bias = (opened.get_tensor(names[f"{name}.{part}"]).astype(np.float32) for part in ("weight", "bias"))
        table = names.get(_TYPES)
        types = table is not None and opened.get_slice(table).get_shape()[0] > 1
    if len(weight) != 1:
        raise UsageError(f"The model gives {len(weight)} scores for a pair; what re-ranks gives one.")
    return Classifier(weight[0], float(bias[0]), types)


def _architecture(config: Mapping[str, Any]) -> _Architecture:
    kind = config.get("model_type")
    if kind not in ARCHITECTURES:
        raise UsageError(f"The native encoder reads {', '.join(ARCHITECTURES)}; this is a {kind!r} model.")
    return ARCHITECTURES[kind]


class _Graph:
    def __init__(self, config: Mapping[str, Any], architecture: _Architecture, weights: Path) -> None:
        from safetensors.numpy import load_file

        self._op: Any = openvino().opset13
        self._names = architecture
        self._epsilon = float(config.get("layer_norm_eps", 1e-12))
        self._hidden = int(config[architecture.hidden])
        self._heads = int(config[architecture.heads])
        self._layers = int(config[architecture.layers])
        self._activation = str(config.get(architecture.activation, "gelu"))
        if self._activation not in (*_GELU, "relu"):
            raise UsageError(f"The activation {self._activation!r} is not known. Known: {', '.join(_GELU)}, relu.")
        self._weights = {_without_prefix(name): tensor for name, tensor in load_file(weights).items()}
        self._refuse_contradictions(config)

    def _refuse_contradictions(self, config: Mapping[str, Any]) -> None:
        """Raise UsageError for what would give wrong vectors, or fail only when the first long text comes."""
        kind = config.get("position_embedding_type", "absolute")
        if kind != "absolute":
            raise UsageError(f"The native encoder knows absolute positions; this model has {kind!r} ones.")
        if self._hidden % self._heads:
            raise UsageError(f"A hidden size of {self._hidden} does not divide into {self._heads} attention heads.")
        there, named = len(self._tensor("embeddings.position_embeddings.weight")), config["max_position_embeddings"]
        if there < int(named):
            raise UsageError(f"The weights have {there} positions, config.json names {named}.")

    def model(self, pooling: str, normalised: bool) -> Any:
        op = self._op
        ids, mask = self._inputs()
        x = self._encoded(ids, mask)
        pooled = self._mean(x, mask) if pooling == "mean" else self._first(x)
        if normalised:
            pooled = op.normalize_l2(pooled, self._constant(np.array([1])), 1e-24, "add")
        return openvino().Model([pooled.output(0)], [ids, mask], "encoder")

    def cross_model(self, *, types: bool) -> Any:
        op = self._op
        inputs = [*self._inputs(), *([op.parameter([-1, -1], np.int32, "types")] if types else [])]
        dense = self._linear(self._first(self._encoded(*inputs, first_only=True)), self._names.head)
        features = op.tanh(dense) if self._names.head_activation == "tanh" else op.relu(dense)
        return openvino().Model([features.output(0)], inputs, "cross-encoder")

    def _inputs(self) -> list[Any]:
        return [self._op.parameter([-1, -1], kind, name) for kind, name in ((np.int32, "ids"), (np.float32, "mask"))]

    def _encoded(self, ids: Any, mask: Any, types: Any = None, *, first_only: bool = False) -> Any:
        """Return each token's vector after the last layer, float32[batch, tokens, hidden], or only the first token's.

        The last layer is then computed for that one alone, which saves most of it.
        """
        op = self._op
        length = op.gather(op.shape_of(ids, "i32"), self._integers(1), self._constant(np.int32(0)))
        x = self._embeddings(ids, length, types)
        # Chosen, not computed as (mask - 1) * 1e9: in bf16 that does not cancel to zero for the tokens that are seen,
        # and swamps their scores (cosine to fp32 0.15 at the least).
        seen = op.greater(self._axis(self._axis(mask, 1), 1), self._constant(np.float32(0)))
        bias = op.select(seen, self._constant(np.float32(0)), self._constant(np.float32(-1e9)))
        bias = self._with_relative(bias, length)
        *lower, last = (self._names.layer.format(layer) for layer in range(self._layers))
        for prefix in lower:
            x = self._layer(x, bias, prefix)
        if not first_only:
            return self._layer(x, bias, last)
        return self._layer(x, self._only_first(bias, 2), last, self._only_first(x, 1))

    def _only_first(self, x: Any, axis: int) -> Any:
        start, stop, step = self._integers(0), self._integers(1), self._integers(1)
        return self._op.slice(x, start, stop, step, self._integers(axis))

    def _embeddings(self, ids: Any, length: Any, types: Any) -> Any:
        """Return the sum of what words, positions and types say; without `types` all are of the first."""
        op, first = self._op, self._names.first_position
        table = self._tensor("embeddings.position_embeddings.weight")
        stop = op.add(length, self._integers(first))
        positions = op.slice(self._constant(table), self._integers(first), stop, self._integers(1), self._integers(0))
        words = self._constant(self._tensor("embeddings.word_embeddings.weight"))
        x = op.add(op.gather(words, ids, self._constant(np.int32(0))), positions)
        if types is not None:
            x = op.add(x, op.gather(self._constant(self._tensor(_TYPES)), types, self._constant(np.int32(0))))
        elif _TYPES in self._weights:
            x = op.add(x, self._constant(self._tensor(_TYPES)[0]))
        return self._norm(x, "embeddings.LayerNorm")

    def _with_relative(self, bias: Any, length: Any) -> Any:
        """Add MPNet's bias by distance [heads, tokens, tokens], where the model has one."""
        name = "encoder.relative_attention_bias.weight"
        if name not in self._weights:
            return bias
        op = self._op
        longest = len(self._tensor("embeddings.position_embeddings.weight")) - self._names.first_position
        table = self._tensor(name)[_relative_buckets(longest)].transpose(2, 0, 1)
        ends = op.concat([length, length], 0)
        start, step, axes = (self._constant(np.array(v, np.int32)) for v in ([0, 0], [1, 1], [1, 2]))
        return op.add(bias, op.slice(self._constant(np.ascontiguousarray(table)), start, ends, step, axes))

    def _layer(self, x: Any, bias: Any, prefix: str, only: Any = None) -> Any:
        """Return the vectors of the tokens `only` after this layer; of all tokens where None are named."""
        op, names = self._op, self._names
        only = x if only is None else only
        query = self._split(self._linear(only, prefix + names.query))
        key, value = (self._split(self._linear(x, prefix + name)) for name in (names.key, names.value))
        attended = op.transpose(
            op.scaled_dot_product_attention(query, key, value, bias), self._constant(np.array([0, 2, 1, 3]))
        )
        merged = op.reshape(attended, self._constant(np.array([0, 0, self._hidden])), True)
        x = self._norm(op.add(only, self._linear(merged, prefix + names.merge)), prefix + names.attention_norm)
        inner = self._linear(x, prefix + names.inner)
        inner = op.relu(inner) if self._activation == "relu" else op.gelu(inner, _GELU[self._activation])
        return self._norm(op.add(x, self._linear(inner, prefix + names.outer)), prefix + names.output_norm)

    def _mean(self, x: Any, mask: Any) -> Any:
        op, over = self._op, self._constant(np.array([1]))
        column = self._axis(mask, 2)
        return op.divide(op.reduce_sum(op.multiply(x, column), over), op.reduce_sum(column, over))

    def _first(self, x: Any) -> Any:
        return self._op.gather(x, self._constant(np.int32(0)), self._constant(np.int32(1)))

    def _split(self, x: Any) -> Any:
        shape = np.array([0, 0, self._heads, self._hidden // self._heads])
        return self._op.transpose(
            self._op.reshape(x, self._constant(shape), True), self._constant(np.array([0, 2, 1, 3]))
        )

    def _linear(self, x: Any, name: str) -> Any:
        product = self._op.matmul(x, self._constant(self._tensor(f"{name}.weight")), False, True)
        return self._op.add(product, self._constant(self._tensor(f"{name}.bias")))

    def _norm(self, x: Any, name: str) -> Any:
        centred = self._op.mvn(x, self._constant(np.array([2])), True, self._epsilon, "inside_sqrt")
        scaled = self._op.multiply(centred, self._constant(self._tensor(f"{name}.weight")))
        return self._op.add(scaled, self._constant(self._tensor(f"{name}.bias")))

    def _axis(self, x: Any, axis: int) -> Any:
        return self._op.unsqueeze(x, self._constant(np.int64(axis)))

    def _integers(self, *values: int) -> Any:
        return self._constant(np.array(values, np.int32))

    def _constant(self, value: Any) -> Any:
        return self._op.constant(np.ascontiguousarray(value) if np.ndim(value) else np.array(value))

    def _tensor(self, name: str) -> NDArray[np.float32]:
        if name not in self._weights:
            raise UsageError(f"The weights lack the tensor {name}; they are not those of the model in config.json.")
        return self._weights[name].astype(np.float32)


def _without_prefix(name: str) -> str:
    return next((name.removeprefix(prefix) for prefix in _PREFIXES if name.startswith(prefix)), name)


def _relative_buckets(length: int) -> NDArray[np.int64]:
    """Return int64[length, length]: MPNet's bucket of the way from a token (row) to another (column)."""
    distance = np.arange(length)[None, :] - np.arange(length)[:, None]
    half, exact = _BUCKETS // 2, _BUCKETS // 4
    far = np.abs(distance)
    logarithmic = np.log(np.maximum(far, 1) / exact) / np.log(_FARTHEST / exact) * (half - exact)
    bucket = np.where(far < exact, far, np.minimum(exact + logarithmic.astype(np.int64), half - 1))
    result: NDArray[np.int64] = np.where(distance > 0, half, 0) + bucket
    return result
