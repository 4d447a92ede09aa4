"""What a model's folder says of itself, in the files that sentence-transformers writes."""

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from knowscape.encoders.graph import ARCHITECTURES, POOLINGS, longest_input, read_classifier
from knowscape.encoders.spec import CrossSpec, EncoderSpec
from knowscape.errors import UsageError
from knowscape.files import sha256_file

__all__ = [
    "contradictions",
    "engine_of",
    "largest_tensor",
    "read_cross_spec",
    "read_spec",
    "tells_texts_apart",
    "weights_bytes",
    "why_not_native",
    "why_not_native_cross",
    "with_digests",
]

_POOLINGS = {"mean_tokens": "mean", "cls_token": "cls", "lasttoken": "lasttoken"}
_NATIVE_MODULES = {"Transformer", "Pooling", "Normalize"}
_WEIGHTS = "*.safetensors"


def engine_of(folder: Path) -> str:
    """Return which engine runs the model in a folder: static, native, or transformer for all that those two do not."""
    if _is_static(folder):
        return "static"
    return "transformer" if why_not_native(folder) else "native"


def why_not_native(folder: Path) -> str | None:
    """Return in a few words what the native engine lacks for the model in a folder, None where it lacks nothing."""
    if reason := _why_not_graph(folder, _NATIVE_MODULES):
        return reason
    if _pooling(folder) not in POOLINGS:
        return f"it pools by {_pooling(folder)}"
    return _why_not_weights(folder)


def _why_not_graph(folder: Path, modules: set[str]) -> str | None:
    kind = _json(folder / "config.json").get("model_type", "bert")
    if kind not in ARCHITECTURES:
        return f"a {kind!r} model"
    unknown = sorted(set(_steps(folder) or []) - modules)
    return f"it has the module {unknown[0]}" if unknown else None


def _why_not_weights(folder: Path) -> str | None:
    return "its weights are in several files" if len(_weights(folder)) > 1 else None


def _is_static(folder: Path) -> bool:
    """Return whether a model is one table of token vectors; wordllama's has no configuration at all."""
    config = folder / "config.json"
    if config.is_file() or "StaticEmbedding" in (_steps(folder) or []):
        return "StaticEmbedding" in (_steps(folder) or []) or _json(config).get("model_type") == "model2vec"
    return len(_weights(folder)) == 1 and len(_shapes(_weights(folder)[0])) == 1


def _shapes(weights: Path) -> list[list[int]]:
    from safetensors import safe_open

    with safe_open(str(weights), "np") as opened:
        return [list(opened.get_slice(name).get_shape()) for name in opened.keys()]  # noqa: SIM118 - no mapping


def weights_bytes(folder: Path) -> int:
    """Return the size of a model's weights in bytes."""
    return sum(path.stat().st_size for path in _weights(folder))


def largest_tensor(folder: Path) -> int:
    """Return the numbers in the largest tensor of a model's weights."""
    return max((math.prod(shape) for path in _weights(folder) for shape in _shapes(path)), default=0)


def read_spec(folder: Path, *, name: str | None = None, revision: str = "local") -> EncoderSpec:
    """Return the spec of a model's folder, read from its own configuration.

    Without one the model pools by the mean over tokens and gives vectors of length one.  Raises UsageError where a file
    is missing.
    """
    return with_digests(_described(folder, name or folder.resolve().name, revision), folder)


def _described(folder: Path, name: str, revision: str) -> EncoderSpec:
    """Return the spec without the digests of the files, which take a read of all weights."""
    engine = engine_of(folder)
    _refuse_missing(folder, ["tokenizer.json"] if engine == "static" else ["config.json", "tokenizer.json"])
    steps, sentences = _steps(folder), _json(folder / "config_sentence_transformers.json")
    prompts = sentences.get("prompts") or {}
    usual = prompts.get(sentences.get("default_prompt_name") or "", "")
    return EncoderSpec(
        name=name,
        revision=revision,
        weights_sha256="",
        tokenizer_sha256="",
        dimension=_dimension(folder, engine),
        max_tokens=_max_tokens(folder, engine),
        pooling=_pooling(folder),
        normalised=steps is None or "Normalize" in steps,
        similarity=str(sentences.get("similarity_fn_name") or "cosine"),
        document_prompt=str(prompts.get("document") or prompts.get("passage") or usual),
        query_prompt=str(prompts.get("query") or usual),
    )


def read_cross_spec(folder: Path, *, name: str | None = None, revision: str = "local") -> CrossSpec:
    """Return the spec of a cross-encoder's folder.

    Raises UsageError where a file is missing, or where the model is no cross-encoder with one score: a library would
    give it a last layer of random numbers.
    """
    _refuse_missing(folder, ["config.json", "tokenizer.json"])
    config = _json(folder / "config.json")
    if why_not_native_cross(folder) is None:
        read_classifier(config, _weights(folder)[0])
    elif not _names_a_cross_encoder(folder, config):
        raise UsageError(
            f"{folder} is no cross-encoder: its config.json names no model that classifies sequences. "
            "Those known by name: knowscape models --rerank"
        )
    weights, tokenizer = _digests(folder)
    return CrossSpec(name or folder.resolve().name, revision, weights, tokenizer, _max_tokens(folder, "native"))


def why_not_native_cross(folder: Path) -> str | None:
    """Return in a few words what the native engine lacks for the cross-encoder in a folder, None for nothing."""
    if reason := _why_not_graph(folder, {"Transformer"}):
        return reason
    if _json(folder / "config_sentence_transformers.json").get("default_prompt_name"):
        return "it puts a prompt before its texts"
    return _why_not_weights(folder)


def tells_texts_apart(folder: Path) -> bool:
    """Return whether the model is given which of two texts a token is of: its tokenizer's own list says so, or none."""
    names = _json(folder / "tokenizer_config.json").get("model_input_names")
    return not names or "token_type_ids" in names


def _names_a_cross_encoder(folder: Path, config: dict[str, Any]) -> bool:
    named = _json(folder / "config_sentence_transformers.json").get("model_type") == "CrossEncoder"
    return named or str((config.get("architectures") or [""])[0]).endswith("ForSequenceClassification")


def with_digests(spec: EncoderSpec, folder: Path) -> EncoderSpec:
    """Return the spec with the SHA-256 of the folder's files; of several files of weights, that of their digests."""
    weights, tokenizer = _digests(folder)
    return replace(spec, weights_sha256=weights, tokenizer_sha256=tokenizer)


def _digests(folder: Path) -> tuple[str, str]:
    digests = [sha256_file(path) for path in _weights(folder)]
    weights = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    tokenizer = _find(folder, "tokenizer.json")
    return weights, sha256_file(tokenizer) if tokenizer else ""


def _refuse_missing(folder: Path, needed: list[str]) -> None:
    missing = [file for file in needed if not _find(folder, file)] + ([] if _weights(folder) else ["model.safetensors"])
    if missing:
        raise UsageError(
            f"{folder} is no model: {', '.join(missing)} missing. "
            "It needs config.json, tokenizer.json, model.safetensors."
        )


def contradictions(spec: EncoderSpec, folder: Path) -> list[str]:
    """Return where a spec is not what the model's folder says of itself, one sentence each.

    A prompt that the folder does not name contradicts nothing: many models name theirs in prose only.
    """
    own = _described(folder, spec.name, spec.revision)
    found = [
        f"{field}: the spec says {getattr(spec, field)!r}, the model's own configuration {getattr(own, field)!r}."
        for field in ("dimension", "pooling", "normalised", "similarity")
        if getattr(spec, field) != getattr(own, field)
    ]
    if spec.max_tokens > own.max_tokens:
        found.append(f"max_tokens: the spec says {spec.max_tokens:,}, the model takes {own.max_tokens:,}.")
    for field in ("query_prompt", "document_prompt"):
        if getattr(own, field) and getattr(spec, field) != getattr(own, field):
            found.append(f"{field}: the spec says {getattr(spec, field)!r}, the model {getattr(own, field)!r}.")
    return found


def _dimension(folder: Path, engine: str) -> int:
    if engine == "static":
        return max(shape[-1] for shape in _shapes(_weights(folder)[0]))
    dense = sorted(folder.glob("*_Dense/config.json"))
    if dense:
        return int(_json(dense[-1])["out_features"])
    config = _json(folder / "config.json")
    architecture = ARCHITECTURES.get(config["model_type"])
    return int(config[architecture.hidden if architecture else "hidden_size"])


def _max_tokens(folder: Path, engine: str) -> int:
    config = _json(folder / "config.json")
    native = config.get("model_type") in ARCHITECTURES
    longest = longest_input(config) if native else int(config.get("max_position_embeddings") or 8192)
    limit = _json(folder / "sentence_bert_config.json").get("max_seq_length")
    limit = limit or _json(folder / "tokenizer_config.json").get("model_max_length") or longest
    return longest if engine == "static" else min(int(limit), longest)


def _steps(folder: Path) -> list[str] | None:
    """Return the names of the modules in modules.json, None without such a file."""
    path = folder / "modules.json"
    if not path.is_file():
        return None
    return [str(module["type"]).rsplit(".", 1)[-1] for module in json.loads(path.read_text(encoding="utf-8"))]


def _pooling(folder: Path) -> str:
    """Return mean, cls, lasttoken, or the configuration's own name of another one."""
    config = _json(folder / "1_Pooling" / "config.json")
    named = {f"pooling_mode_{name}": pooling for name, pooling in _POOLINGS.items()}
    chosen = [named.get(key, key) for key, value in config.items() if key.startswith("pooling_mode_") and value is True]
    return " and ".join(chosen) or str(config.get("pooling_mode", "mean"))


def _weights(folder: Path) -> list[Path]:
    """Return the files of weights; those of modules after the transformer are in folders of their own."""
    return sorted(folder.glob(_WEIGHTS)) or sorted(folder.glob(f"*_StaticEmbedding/{_WEIGHTS}"))


def _find(folder: Path, name: str) -> Path | None:
    found = [path for path in (folder / name, *sorted(folder.glob(f"*_StaticEmbedding/{name}"))) if path.is_file()]
    return found[0] if found else None


def _json(path: Path) -> dict[str, Any]:
    """Return what a configuration file says, nothing where there is none."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found
