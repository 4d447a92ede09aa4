"""Each architecture gives the vectors of sentence-transformers, shown on small models with random weights.

The weights of the catalogue's models need the hub.  The shapes and formulas are the same in small: two layers, a real
tokenizer, weights far from zero.  Needs torch and sentence-transformers: `pip install torch sentence-transformers`.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowscape.encoders.catalogue import DEFAULT_MODEL, entry
from knowscape.encoders.configuration import engine_of, why_not_native
from knowscape.encoders.load import load_encoder
from knowscape.encoders.native import NativeEncoder
from knowscape.encoders.weights import fetch_weights

pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")

TEXTS = [
    "", "a", "The sun is a star.", "Die Sonne ist ein Stern.", "太阳是一颗恒星。",
    *(" ".join(["map of ideas, sun and moon; rivers?"] * n) for n in (1, 3, 9, 20)),
]  # fmt: skip
SMALL: dict[str, Any] = {
    "hidden_size": 48, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 96,
    "initializer_range": 0.4, "vocab_size": 30527, "pad_token_id": 0,
}  # fmt: skip
DISTIL = {"dim": 48, "n_heads": 4, "n_layers": 2, "hidden_dim": 96, "initializer_range": 0.4, "vocab_size": 30527}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("BertConfig", {**SMALL, "max_position_embeddings": 128}),
    "bert-tanh": ("BertConfig", {**SMALL, "max_position_embeddings": 128, "hidden_act": "gelu_new"}),
    "roberta": ("RobertaConfig", {**SMALL, "max_position_embeddings": 130, "pad_token_id": 1, "type_vocab_size": 1}),
    "xlm-roberta": (
        "XLMRobertaConfig", {**SMALL, "max_position_embeddings": 130, "pad_token_id": 1, "layer_norm_eps": 1e-5},
    ),
    "mpnet": ("MPNetConfig", {**SMALL, "max_position_embeddings": 130, "pad_token_id": 1}),
    "distilbert": ("DistilBertConfig", {**DISTIL, "max_position_embeddings": 128}),
}  # fmt: skip


def make(folder: Path, kind: str, *, pooling: str, normalised: bool, prompts: dict[str, str]) -> Any:
    """Save a small random model as sentence-transformers saves it, and return it."""
    import torch
    import transformers
    from sentence_transformers import SentenceTransformer
    from sentence_transformers import models as modules

    torch.manual_seed(0)
    name, options = KINDS[kind]
    model = transformers.AutoModel.from_config(getattr(transformers, name)(**options))
    plain = folder / "plain"
    model.save_pretrained(plain, safe_serialization=True)
    source = fetch_weights(entry(DEFAULT_MODEL)) / "tokenizer.json"
    pad = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(source), **pad)
    tokenizer.save_pretrained(plain)
    steps = [modules.Transformer(str(plain), max_seq_length=100), modules.Pooling(48, pooling_mode=pooling)]
    whole = SentenceTransformer(modules=[*steps, *([modules.Normalize()] if normalised else [])], device="cpu")
    whole.prompts = prompts
    whole.save(str(folder / "model"))
    return whole


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("pooling", "normalised"), [("mean", True), ("cls", False)])
def test_vectors_are_those_of_sentence_transformers(tmp_path: Path, kind: str, pooling: str, normalised: bool) -> None:
    prompts = {"query": "query: ", "document": "passage: "}
    peer = make(tmp_path, kind, pooling=pooling, normalised=normalised, prompts=prompts)
    spec = load_encoder(str(tmp_path / "model")).spec
    assert (spec.pooling, spec.normalised, spec.max_tokens, spec.dimension) == (pooling, normalised, 100, 48)
    assert (spec.query_prompt, spec.document_prompt) == ("query: ", "passage: ")
    own = NativeEncoder(spec, tmp_path / "model", precision="f32")
    for encode, name in ((own.encode_documents, "document"), (own.encode_queries, "query")):
        expected = peer.encode(TEXTS, prompt_name=name, batch_size=1)
        np.testing.assert_allclose(encode(TEXTS), expected, atol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_a_step_that_the_native_engine_lacks_is_left_to_the_other(tmp_path: Path) -> None:
    make(tmp_path, "bert", pooling="mean", normalised=True, prompts={})
    path = tmp_path / "model" / "modules.json"
    steps = json.loads(path.read_text())
    steps.append({"idx": 3, "name": "3", "path": "3_Dense", "type": "sentence_transformers.models.Dense"})
    path.write_text(json.dumps(steps))
    assert why_not_native(tmp_path / "model") == "it has the module Dense"
    assert engine_of(tmp_path / "model") == "transformer"
