"""From a model's name to a loaded encoder."""

import json
from pathlib import Path
from typing import Any

from knowscape.encoders.catalogue import DEFAULT_MODEL, entry
from knowscape.encoders.spec import Encoder, EncoderSpec
from knowscape.encoders.weights import FILES, fetch_weights
from knowscape.errors import KnowscapeError, UsageError
from knowscape.files import sha256_file
from knowscape.progress import SILENT, Progress

__all__ = ["DEVICES", "load_encoder"]

DEVICES = ("auto", "cpu")


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
            raise UsageError(f"{name} holds no BERT model that can be read: {reason}") from error
    known = entry(name)
    return NativeEncoder(known.spec, fetch_weights(known, progress))


def _read_spec(folder: Path) -> EncoderSpec:
    """Return the spec of a sentence-transformers folder, read from its own configuration."""
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise UsageError(f"{folder} is no model: {', '.join(missing)} missing. It needs {', '.join(FILES)}.")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    pooling = _optional(folder / "1_Pooling" / "config.json")
    if pooling and not pooling.get("pooling_mode_mean_tokens", False):
        raise UsageError(f"{folder} does not pool by the mean over tokens, which is what the native encoder does.")
    limit = _optional(folder / "sentence_bert_config.json").get("max_seq_length")
    return EncoderSpec(
        name=folder.resolve().name,
        revision="local",
        weights_sha256=sha256_file(folder / "model.safetensors"),
        tokenizer_sha256=sha256_file(folder / "tokenizer.json"),
        dimension=int(config["hidden_size"]),
        max_tokens=min(int(limit or 512), int(config["max_position_embeddings"])),
    )


def _optional(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found
