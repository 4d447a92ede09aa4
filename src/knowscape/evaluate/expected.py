"""What a model should be, said by others than its encoder: the files beside its weights, and the catalogue."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowscape.encoders.catalogue import CATALOGUE
from knowscape.encoders.graph import ARCHITECTURES, longest_input
from knowscape.encoders.spec import EncoderSpec

__all__ = ["Expected", "expectations", "known_spec"]

_POOLINGS = {"mean_tokens": "mean", "cls_token": "cls"}


@dataclass(frozen=True, slots=True)
class Expected:
    """What `source` says about a model; None where it says nothing.

    `prompts` are those that the source names, by its own names for them; empty where it says that there are none.
    """

    source: str
    pooling: str | None = None
    normalised: bool | None = None
    max_tokens: int | None = None
    prompts: dict[str, str] | None = None


def known_spec(spec: EncoderSpec) -> EncoderSpec | None:
    """Return the catalogue's spec of the model with these weights, or else of this name and dimension."""
    specs = [entry.spec for entry in CATALOGUE.values()]
    for known in specs:
        if known.weights_sha256 and known.weights_sha256 == spec.weights_sha256:
            return known
    return next((known for known in specs if (known.name, known.dimension) == (spec.name, spec.dimension)), None)


def expectations(spec: EncoderSpec, folder: Path | None) -> list[Expected]:
    """Return what the model's folder and the catalogue say, those of them that there are."""
    found = []
    if folder is not None:
        found.append(_of_folder(folder))
    known = known_spec(spec)
    if known is not None:
        prompts = {"query": known.query_prompt, "document": known.document_prompt}
        found.append(
            Expected(
                f"the catalogue's {known.name}",
                known.pooling,
                known.normalised,
                known.max_tokens,
                {name: prompt for name, prompt in prompts.items() if prompt},
            )
        )
    return found


def _of_folder(folder: Path) -> Expected:
    """Read what sentence-transformers writes, apart from the loader: the doctor is to find the loader's faults too."""
    pooling = _json(folder / "1_Pooling" / "config.json") or {}
    chosen = [key.removeprefix("pooling_mode_") for key, on in pooling.items() if on is True and "pooling_mode" in key]
    chosen = chosen or [name for name in [pooling.get("pooling_mode")] if name]
    modules = _json(folder / "modules.json")
    limit = (_json(folder / "sentence_bert_config.json") or {}).get("max_seq_length")
    sentences = _json(folder / "config_sentence_transformers.json")
    named = (sentences.get("prompts") or {}) if sentences else {}
    return Expected(
        str(folder),
        pooling="+".join(_POOLINGS.get(name, name) for name in chosen) or None,
        normalised=None if modules is None else any(str(step["type"]).endswith(".Normalize") for step in modules),
        max_tokens=None if limit is None else min(int(limit), _positions(folder, int(limit))),
        # Many folders name no prompt for a model that was trained with one: that says nothing.
        prompts={name: str(prompt) for name, prompt in named.items() if prompt} or None,
    )


def _positions(folder: Path, otherwise: int) -> int:
    config = _json(folder / "config.json") or {}
    return longest_input(config) if config.get("model_type") in ARCHITECTURES else otherwise


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
