"""The catalogue: complete, pinned, and what each entry says is what the model's own configuration would say."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from knowscape.encoders.catalogue import CATALOGUE, DEFAULT_MODEL, Entry, entry
from knowscape.encoders.configuration import contradictions, engine_of, read_spec, with_digests
from knowscape.encoders.graph import ARCHITECTURES
from knowscape.encoders.load import find_model
from knowscape.encoders.weights import fetch_weights
from knowscape.errors import UsageError

ASKED = """all-MiniLM-L6-v2 all-MiniLM-L12-v2 all-mpnet-base-v2 all-distilroberta-v1 paraphrase-MiniLM-L3-v2
msmarco-distilbert-base-v4 multi-qa-mpnet-base-dot-v1 paraphrase-multilingual-MiniLM-L12-v2
paraphrase-multilingual-mpnet-base-v2 bge-small-en-v1.5 bge-base-en-v1.5 bge-large-en-v1.5 e5-small-v2 e5-base-v2
e5-large-v2 multilingual-e5-small bge-m3 Qwen3-Embedding-0.6B embeddinggemma-300m llama-embed-nemotron-8b
allenai-specter S-PubMedBert-MS-MARCO wordllama""".split()  # noqa: SIM905 - a list would fill a page
# The kind of each model, and the names that its authors give its prompts; all others are BERT without named prompts.
KINDS = {
    "all-mpnet-base-v2": "mpnet", "all-distilroberta-v1": "roberta", "msmarco-distilbert-base-v4": "distilbert",
    "multi-qa-mpnet-base-dot-v1": "mpnet", "paraphrase-multilingual-mpnet-base-v2": "xlm-roberta",
    "bge-m3": "xlm-roberta", "Qwen3-Embedding-0.6B": "qwen3", "embeddinggemma-300m": "gemma3_text",
    "llama-embed-nemotron-8b": "llama",
}  # fmt: skip
MODES = {"mean": "mean_tokens", "cls": "cls_token", "lasttoken": "lasttoken"}
ENTRIES = pytest.mark.parametrize("known", CATALOGUE.values(), ids=list(CATALOGUE))
OTHERS = pytest.mark.parametrize(
    "known", [one for one in CATALOGUE.values() if one.engine != "static"], ids=lambda one: one.spec.name
)


def test_every_model_that_was_asked_for_is_there_and_the_default_is_the_smallest_with_scores() -> None:
    assert list(CATALOGUE) == ASKED
    assert entry(DEFAULT_MODEL).spec.name == DEFAULT_MODEL


@ENTRIES
def test_an_entry_is_complete_and_pinned(known: Entry) -> None:
    spec = known.spec
    assert re.fullmatch(r"[0-9a-f]{40}", spec.revision) or known.engine == "static"
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", known.repository)
    assert spec.dimension > 0
    assert spec.max_tokens > 0
    assert known.shape.parameters > 0
    assert known.shape.megabytes > 0
    assert all((known.licence, known.languages, known.good_for))
    assert all(0 < size <= spec.dimension for size in known.matryoshka)
    assert known.engine == "static" or known.shape.flop_per_token > 1e6
    # Weights of at most four bytes each, and not less than two.
    assert 1.7 <= known.shape.megabytes / known.shape.parameters <= 4.3


def test_a_repository_is_another_name_for_its_model_and_an_unknown_one_lists_those_there_are() -> None:
    assert entry("BAAI/bge-m3") is entry("bge-m3")
    with pytest.raises(UsageError, match=r"no model 'bge-m4'.*all-MiniLM-L6-v2.*hf:OWNER/NAME"):
        entry("bge-m4")


def published(known: Entry, folder: Path, tokenizer: Path) -> Path:
    """Write the configuration that a model's repository holds, as sentence-transformers lays it out."""
    spec, kind = known.spec, KINDS.get(known.spec.name, "bert")
    hidden = ARCHITECTURES[kind].hidden if kind in ARCHITECTURES else "hidden_size"
    first = ARCHITECTURES[kind].first_position if kind in ARCHITECTURES else 0
    (folder / "1_Pooling").mkdir(parents=True)
    steps = ["Transformer", "Pooling", *(["Normalize"] if spec.normalised else [])]
    files = {
        "config.json": {
            "model_type": kind, hidden: spec.dimension, "max_position_embeddings": spec.max_tokens + first + 10
        },
        "1_Pooling/config.json": {
            "word_embedding_dimension": spec.dimension,
            **{f"pooling_mode_{name}": pooling == spec.pooling for pooling, name in MODES.items()},
        },
        "modules.json": [{"type": f"sentence_transformers.models.{step}"} for step in steps],
        "sentence_bert_config.json": {"max_seq_length": spec.max_tokens, "do_lower_case": False},
        "config_sentence_transformers.json": {
            "prompts": {"query": spec.query_prompt, "document": spec.document_prompt},
            "default_prompt_name": None, "similarity_fn_name": spec.similarity,
        },
    }  # fmt: skip
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    shutil.copyfile(tokenizer, folder / "tokenizer.json")
    save_file({"one": np.zeros((2, 2), np.float32), "two": np.zeros(2, np.float32)}, folder / "model.safetensors")
    return folder


@pytest.fixture(scope="module")
def tokenizer() -> Path:
    return fetch_weights(entry(DEFAULT_MODEL)) / "tokenizer.json"


@OTHERS
def test_prompts_pooling_and_all_else_are_those_of_the_models_own_format(
    known: Entry, tokenizer: Path, tmp_path: Path
) -> None:
    folder = published(known, tmp_path / known.spec.name, tokenizer)
    own = read_spec(folder, revision=known.spec.revision)
    assert own == with_digests(known.spec, folder)
    assert contradictions(known.spec, folder) == []
    assert engine_of(folder) == known.engine


@pytest.mark.parametrize(
    ("file", "change", "says"),
    [
        (
            "1_Pooling/config.json",
            {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True},
            "pooling: .*'mean'.*'cls'",
        ),
        (
            "config_sentence_transformers.json",
            {"prompts": {"query": "search: "}},
            "query_prompt: .*'query: '.*'search: '",
        ),
        ("sentence_bert_config.json", {"max_seq_length": 128}, "max_tokens: .*512.*128"),
        ("config.json", {"hidden_size": 768}, "dimension: .*384.*768"),
    ],
    ids=["pooling", "prompt", "tokens", "dimension"],
)  # fmt: skip
def test_where_a_model_contradicts_its_entry_both_values_are_named(
    tokenizer: Path, tmp_path: Path, file: str, change: dict[str, object], says: str
) -> None:
    folder = published(entry("e5-small-v2"), tmp_path / "e5", tokenizer)
    known = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**known, **change}))
    [sentence] = contradictions(entry("e5-small-v2").spec, folder)
    assert re.search(says, sentence)


def test_code_of_a_models_authors_runs_only_where_the_user_says_so() -> None:
    with pytest.raises(UsageError, match=r"runs code of its authors.*--trust-remote-code"):
        find_model("llama-embed-nemotron-8b")
