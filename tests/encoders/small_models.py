"""Models of each architecture in small: two layers, 48 dimensions, a real tokenizer, random weights far from zero."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowscape.encoders.catalogue import DEFAULT_MODEL, entry
from knowscape.encoders.weights import fetch_weights

TEXTS = [
    "", "a", " The sun is a star.", "Die Sonne ist ein Stern.", "太阳是一颗恒星。",
    *(" ".join(["map of ideas, sun and moon; rivers?"] * n) for n in (1, 3, 9, 20)),
]  # fmt: skip
WIDTH = 48
_SIZES: dict[str, Any] = {
    "hidden_size": WIDTH, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 96,
    "initializer_range": 0.4, "vocab_size": 30527, "pad_token_id": 0, "max_position_embeddings": 128,
}  # fmt: skip
# Positions begin behind that of the padding.
_SHIFTED = {**_SIZES, "max_position_embeddings": 130, "pad_token_id": 1}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("BertConfig", _SIZES),
    "bert-tanh": ("BertConfig", {**_SIZES, "hidden_act": "gelu_new"}),
    "roberta": ("RobertaConfig", {**_SHIFTED, "type_vocab_size": 1}),
    "xlm-roberta": ("XLMRobertaConfig", {**_SHIFTED, "layer_norm_eps": 1e-5}),
    "mpnet": ("MPNetConfig", _SHIFTED),
    "distilbert": (
        "DistilBertConfig",
        {
            "dim": WIDTH, "n_heads": 4, "n_layers": 2, "hidden_dim": 96, "initializer_range": 0.4, "vocab_size": 30527,
            "max_position_embeddings": 128,
        },
    ),
    "modernbert": ("ModernBertConfig", _SIZES),
    "qwen3": ("Qwen3Config", {**_SIZES, "num_key_value_heads": 2, "head_dim": 12}),
}  # fmt: skip


@dataclass(frozen=True)
class Steps:
    """What comes after the transformer, and the prompts that are saved with it."""

    pooling: str = "mean"
    normalised: bool = True
    dense: bool = False
    include_prompt: bool = True
    prompts: Mapping[str, str] | None = None
    default_prompt: str | None = None


def save_small_model(folder: Path, kind: str, after: Steps = Steps()) -> Any:
    """Save a model below `folder`, alone in `plain` and as sentence-transformers saves it in `model`; return that."""
    import torch
    import transformers
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules

    torch.manual_seed(0)
    name, fields = KINDS[kind]
    plain = str(folder / "plain")
    transformers.AutoModel.from_config(getattr(transformers, name)(**fields)).save_pretrained(plain)
    _save_tokenizer(plain, kind)
    steps = [
        modules.Transformer(plain, max_seq_length=100),
        modules.Pooling(WIDTH, pooling_mode=after.pooling, include_prompt=after.include_prompt),
        *([modules.Dense(WIDTH, 32)] if after.dense else []),
        *([modules.Normalize()] if after.normalised else []),
    ]
    prompts = dict(after.prompts or {})
    whole = SentenceTransformer(modules=steps, device="cpu", prompts=prompts, default_prompt_name=after.default_prompt)
    whole.save(str(folder / "model"))
    return whole


def save_small_cross_encoder(folder: Path, kind: str, scores: int = 1) -> Any:
    """Save a cross-encoder as transformers saves it in `plain`, and in `model` as sentence-transformers; return that.

    A pair is cut at 100 tokens.
    """
    import torch
    import transformers
    from sentence_transformers import CrossEncoder

    torch.manual_seed(0)
    name, fields = KINDS[kind]
    plain = str(folder / "plain")
    config = getattr(transformers, name)(**fields, num_labels=scores)
    transformers.AutoModelForSequenceClassification.from_config(config).save_pretrained(plain)
    _save_tokenizer(plain, kind)
    whole = CrossEncoder(plain, device="cpu", max_length=100)
    whole.save(str(folder / "model"))
    return whole


def _save_tokenizer(folder: str, kind: str) -> None:
    import transformers

    source = fetch_weights(entry(DEFAULT_MODEL)) / "tokenizer.json"
    special = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
    # Only BERT is told which of two texts a token is of.
    names = ["input_ids", *(["token_type_ids"] if kind.startswith("bert") else []), "attention_mask"]
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(source), model_input_names=names, **special)
    tokenizer.padding_side = "left" if kind == "qwen3" else "right"
    tokenizer.save_pretrained(folder)
