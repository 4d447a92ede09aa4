"""From a model's name to a loaded encoder."""

import json
from pathlib import Path
from typing import Any

from knowscape.encoders.catalogue import DEFAULT_MODEL, entry
from knowscape.encoders.graph import ARCHITECTURES, POOLINGS, longest_input
from knowscape.encoders.spec import Encoder, EncoderSpec
from knowscape.encoders.weights import FILES, fetch_weights
from knowscape.errors import KnowscapeError, UsageError
from knowscape.files import sha256_file
from knowscape.progress import SILENT, Progress

__all__ = ["DEVICES", "load_encoder"]

DEVICES = ("auto", "cpu")
_POOLINGS = {"mean_tokens": "mean", "cls_token": "cls"}


def load_encoder(name: str = DEFAULT_MODEL, *, device: str = "auto", progress: Progress = SILENT) -> Encoder:
    """Return the encoder `name`: a catalogue name, or a folder with config.json, tokenizer.json, model.safetensors.

    Raises UsageError for an unknown name or device, KnowscapeError where the weights cannot be had.
    """
    from knowscape.encoders.native import NativeEncoder

    if device not in DEVICES:
        raise UsageError(f"There is no device {device!r} here. Accepted: {', '.join(DEVICES)}.")
    if Path(name).is_dir():
        try:
            return NativeEncoder(_read_spec(Path(name)), Path(name))
        except KnowscapeError:
            raise
        except Exception as error:  # each of the libraries below raises its own kind for a file it cannot read
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise UsageError(f"{name} holds no model that can be read: {reason}") from error
    known = entry(name)
    return NativeEncoder(known.spec, fetch_weights(known, progress))


def _read_spec(folder: Path) -> EncoderSpec:
    """Return the spec of a folder, read from the configuration that sentence-transformers writes, where it is there.

    Without one the model pools by the mean over tokens and gives vectors of length one.
    """
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise UsageError(f"{folder} is no model: {', '.join(missing)} missing. It needs {', '.join(FILES)}.")
    config = _json(folder / "config.json")
    kind = config.get("model_type")
    if kind not in ARCHITECTURES:
        raise UsageError(f"{folder} holds a {kind!r} model; the native encoder reads {', '.join(ARCHITECTURES)}.")
    steps = _steps(folder)
    sentences = _json(folder / "config_sentence_transformers.json")
    prompts = sentences.get("prompts") or {}
    usual = prompts.get(sentences.get("default_prompt_name") or "", "")
    limit = _json(folder / "sentence_bert_config.json").get("max_seq_length")
    limit = limit or _json(folder / "tokenizer_config.json").get("model_max_length") or longest_input(config)
    return EncoderSpec(
        name=folder.resolve().name,
        revision="local",
        weights_sha256=sha256_file(folder / "model.safetensors"),
        tokenizer_sha256=sha256_file(folder / "tokenizer.json"),
        dimension=int(config[ARCHITECTURES[kind].hidden]),
        max_tokens=min(int(limit), longest_input(config)),
        pooling=_pooling(folder),
        normalised=steps is None or "Normalize" in steps,
        similarity=str(sentences.get("similarity_fn_name") or "cosine"),
        document_prompt=str(prompts.get("document") or prompts.get("passage") or usual),
        query_prompt=str(prompts.get("query") or usual),
    )


def _steps(folder: Path) -> list[str] | None:
    """Return the names of the modules in modules.json, None without such a file; UsageError for one unknown here."""
    path = folder / "modules.json"
    if not path.is_file():
        return None
    names = [str(module["type"]).rsplit(".", 1)[-1] for module in json.loads(path.read_text(encoding="utf-8"))]
    unknown = sorted(set(names) - {"Transformer", "Pooling", "Normalize"})
    if unknown:
        raise UsageError(f"{folder} has the module {unknown[0]}, which the native encoder does not have.")
    return names


def _pooling(folder: Path) -> str:
    config = _json(folder / "1_Pooling" / "config.json")
    named = {f"pooling_mode_{name}": pooling for name, pooling in _POOLINGS.items()}
    chosen = [named.get(key, key) for key, value in config.items() if key.startswith("pooling_mode_") and value is True]
    chosen = chosen or [str(config.get("pooling_mode", "mean"))]
    if len(chosen) > 1 or chosen[0] not in POOLINGS:
        raise UsageError(f"{folder} pools by {' and '.join(chosen)}; the native encoder by {' or '.join(POOLINGS)}.")
    return chosen[0]


def _json(path: Path) -> dict[str, Any]:
    """Return what a configuration file says, nothing where there is none."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found
