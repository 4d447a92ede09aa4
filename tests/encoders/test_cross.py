"""Cross-encoders: the scores follow the formulas, models are found by name, and what is none is refused.

That each architecture gives the scores of sentence-transformers is shown in test_cross_architectures.py.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from test_hub import COMMIT, hub
from test_native import bert_states, random_bert

from knowscape.encoders import cross, engine
from knowscape.encoders.catalogue import DEFAULT_MODEL, entry
from knowscape.encoders.cross import find_cross_encoder, load_cross_encoder
from knowscape.encoders.cross_catalogue import CROSS_ENCODERS, DEFAULT_CROSS_ENCODER, CrossEntry, cross_entry
from knowscape.encoders.cross_native import NativeCrossEncoder
from knowscape.encoders.load import EngineOptions
from knowscape.encoders.weights import fetch_weights
from knowscape.errors import DeviceLostError, KnowscapeError, MissingExtraError, UsageError
from knowscape.search.index import Hit
from knowscape.search.rerank import rerank

HIDDEN, HEADS, LAYERS, TOKENS = 32, 2, 2, 64
TEXTS = [
    "", "a", "The sun is a star.", "Die Sonne ist ein Stern.", "太阳是一颗恒星。",
    *("Rivers carry water and sand to the sea. " * n for n in (1, 2, 5, 20)),
]  # fmt: skip
LONG = "Which star shines, and why does it not burn out? " * 9


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers with a pooler and a classifier, random weights and the real tokenizer; 64 tokens."""
    folder, random = tmp_path_factory.mktemp("cross") / "tiny", np.random.default_rng(5)
    folder.mkdir()
    shutil.copyfile(fetch_weights(entry(DEFAULT_MODEL)) / "tokenizer.json", folder / "tokenizer.json")
    tensors = {f"bert.{name}": tensor for name, tensor in random_bert(random, HIDDEN, LAYERS).items()}
    sizes = {"bert.pooler.dense": (HIDDEN, HIDDEN), "classifier": (1, HIDDEN)}
    for name, (rows, columns) in sizes.items():
        tensors |= {f"{name}.weight": random.normal(scale=0.3, size=(rows, columns)).astype(np.float32)}
        tensors |= {f"{name}.bias": random.normal(size=rows).astype(np.float32)}
    save_file(tensors, folder / "model.safetensors")
    config = {
        "model_type": "bert", "hidden_size": HIDDEN, "num_attention_heads": HEADS, "num_hidden_layers": LAYERS,
        "max_position_embeddings": TOKENS, "architectures": ["BertForSequenceClassification"],
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def native(folder: Path, **options: Any) -> NativeCrossEncoder:
    return NativeCrossEncoder(find_cross_encoder(str(folder))[0], folder, **{"precision": "f32", **options})


def by_the_formulas(folder: Path, query: str, text: str, *, types: bool = True) -> float:
    """BERT's score of a pair in float64; of a pair too long the longer loses tokens, one after the other."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    asked, told = (tokenizer.encode(one, add_special_tokens=False).ids for one in (query, text))
    shorter = min(asked, told, key=len)
    while len(asked) + len(told) + 3 > TOKENS:
        (shorter if len(asked) == len(told) else max(asked, told, key=len)).pop()
    begin, end = (tokenizer.token_to_id(name) for name in ("[CLS]", "[SEP]"))
    ids = [begin, *asked, end, *told, end]
    kinds = [0] * (len(asked) + 2) + [int(types)] * (len(told) + 1)
    tensors = load_file(folder / "model.safetensors")
    wide = {name.removeprefix("bert."): tensor.astype(np.float64) for name, tensor in tensors.items()}
    first = bert_states(ids, kinds, wide, HEADS, LAYERS, 1e-12)[0]
    pooled = np.tanh(first @ wide["pooler.dense.weight"].T + wide["pooler.dense.bias"])
    return float(pooled @ wide["classifier.weight"][0] + wide["classifier.bias"][0])


@pytest.mark.parametrize("query", ["sun", "", LONG])
def test_scores_follow_the_formulas_for_short_pairs_and_pairs_that_are_cut(model: Path, query: str) -> None:
    scores = native(model).score(query, TEXTS)
    assert (scores.dtype, scores.shape) == (np.float32, (len(TEXTS),))
    np.testing.assert_allclose(scores, [by_the_formulas(model, query, text) for text in TEXTS], atol=2e-5)


def test_a_model_that_is_not_told_which_text_a_token_is_of_takes_all_as_of_the_first(
    model: Path, tmp_path: Path
) -> None:
    folder = changed(model, tmp_path, "tokenizer_config.json", {"model_input_names": ["input_ids", "attention_mask"]})
    scores = native(folder).score("sun", TEXTS)
    expected = [by_the_formulas(folder, "sun", text, types=False) for text in TEXTS]
    np.testing.assert_allclose(scores, expected, atol=2e-5)
    assert abs(scores - native(model).score("sun", TEXTS)).max() > 0.01


def test_batches_of_any_size_and_any_company_give_the_same_scores(model: Path) -> None:
    one, many = native(model, batch_tokens=1), native(model, batch_tokens=100_000)
    np.testing.assert_allclose(one.score("sun", TEXTS), many.score("sun", TEXTS), atol=2e-5)
    alone = [many.score("sun", [text])[0] for text in TEXTS]
    np.testing.assert_allclose(alone, many.score("sun", TEXTS), atol=2e-5)
    assert many.score("sun", TEXTS).tobytes() == many.score("sun", TEXTS).tobytes()


def test_equal_texts_tie(model: Path) -> None:
    scores = native(model).score("sun", ["The sun is a star."] * 7)
    assert len(set(scores.tolist())) == 1


def test_no_texts_give_no_scores_and_a_closed_cross_encoder_gives_none(model: Path) -> None:
    own = native(model)
    assert own.score("sun", []).shape == (0,)
    own.close()
    with pytest.raises(DeviceLostError, match="closed"):
        own.score("sun", TEXTS)


def test_bf16_is_used_only_where_features_agree_with_fp32(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "computes_bf16", lambda: True)
    chosen, exact = native(model, precision="auto"), native(model)
    near = chosen.score("sun", TEXTS) - exact.score("sun", TEXTS)
    assert abs(near).max() < (1e-6 if chosen.precision == "f32" else 0.3)
    monkeypatch.setattr(engine, "_LEAST_COSINE", 1.1)
    assert native(model, precision="auto").precision == "f32"


def test_what_a_search_found_is_put_in_the_order_of_the_scores(model: Path) -> None:
    own = native(model)
    hits = [Hit(str(number), 0.0, number + 1, title="T", passage=text) for number, text in enumerate(TEXTS)]
    scores = own.score("sun", [f"T {text}".strip() for text in TEXTS])
    best = rerank(hits, "sun", own, k=4)
    assert [hit.id for hit in best] == [str(row) for row in np.argsort(-scores)[:4]]


def changed(model: Path, tmp_path: Path, file: str, content: dict[str, Any]) -> Path:
    folder = Path(shutil.copytree(model, tmp_path / "changed"))
    path = folder / file
    known = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**known, **content}))
    return folder


def with_tensors(change: Callable[[dict[str, NDArray[Any]]], None]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors")

    return apply


def drop(*names: str) -> Callable[[Path], None]:
    return with_tensors(lambda tensors: [tensors.pop(name) for name in names] and None)


def three_scores(tensors: dict[str, NDArray[Any]]) -> None:
    for part in ("weight", "bias"):
        tensors[f"classifier.{part}"] = np.repeat(tensors[f"classifier.{part}"], 3, axis=0)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (drop("classifier.weight", "classifier.bias"), "lack the tensor classifier; .* not those of a cross-encoder"),
        (drop("bert.pooler.dense.weight"), r"lack the tensor pooler\.dense\.weight"),
        (with_tensors(three_scores), "gives 3 scores for a pair"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer.json missing"),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), "holds no model that can be read"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"{}"), "holds no model that can be read"),
        (
            lambda folder: (folder / "config.json").write_text('{"model_type": "gpt2", "architectures": ["GPT2"]}'),
            "no cross-encoder.*knowscape models --rerank",
        ),
        (
            lambda folder: (
                (folder / "modules.json").write_text('[{"type": "a.Transformer"}, {"type": "a.Pooling"}]')
                and (folder / "config.json").write_text('{"model_type": "bert", "max_position_embeddings": 64}')
            ),
            "no cross-encoder",
        ),
    ],
    ids=["no classifier", "no pooler", "three", "missing", "tokenizer", "weights", "gpt2", "an encoder"],
)
def test_what_is_no_cross_encoder_with_one_score_is_refused(
    model: Path, tmp_path: Path, change: Callable[[Path], Any], says: str
) -> None:
    folder = Path(shutil.copytree(model, tmp_path / "changed"))
    change(folder)
    with pytest.raises(UsageError, match=says):
        load_cross_encoder(str(folder))


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("config.json", {"model_type": "electra"}, "a 'electra' model"),
        ("config_sentence_transformers.json", {"default_prompt_name": "query"}, "a prompt before its texts"),
    ],
)
def test_what_the_native_engine_lacks_needs_torch(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, content: dict[str, Any], says: str
) -> None:
    folder = changed(model, tmp_path, file, content)
    monkeypatch.setattr(cross, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=rf"{says}.*knowscape\[torch\]"):
        load_cross_encoder(str(folder))
    with pytest.raises(MissingExtraError, match="on cuda"):
        load_cross_encoder(str(model), options=EngineOptions("cuda"))


@pytest.mark.parametrize("known", CROSS_ENCODERS.values(), ids=list(CROSS_ENCODERS))
def test_an_entry_is_complete_and_pinned(known: CrossEntry) -> None:
    assert re.fullmatch(r"[0-9a-f]{40}", known.revision)
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", known.repository)
    assert all((known.licence, known.languages, known.good_for))
    assert known.max_tokens in (512, 8192)
    assert known.shape.flop_per_token > 1e5
    # Weights of four bytes each.
    assert 3.9 <= known.shape.megabytes / known.shape.parameters <= 4.2


def test_a_repository_is_another_name_and_an_unknown_one_lists_those_there_are() -> None:
    assert cross_entry("BAAI/bge-reranker-base") is cross_entry("bge-reranker-base")
    assert cross_entry(DEFAULT_CROSS_ENCODER).name == DEFAULT_CROSS_ENCODER
    with pytest.raises(UsageError, match=rf"no cross-encoder 'bert'.*{DEFAULT_CROSS_ENCODER}.*hf:OWNER/NAME"):
        load_cross_encoder("bert")


def test_one_of_the_catalogue_is_fetched_at_its_revision_and_what_was_fetched_is_recorded(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fetch(repository: str, revision: str | None, *rest: Any) -> tuple[Path, str]:
        asked.append((repository, revision))
        return model, COMMIT

    monkeypatch.setattr(cross, "fetch_repository", fetch)
    own = load_cross_encoder()
    assert asked == [("cross-encoder/ms-marco-MiniLM-L6-v2", CROSS_ENCODERS[DEFAULT_CROSS_ENCODER].revision)]
    assert (own.spec.name, own.spec.revision, own.spec.max_tokens) == (DEFAULT_CROSS_ENCODER, COMMIT, TOKENS)
    assert len(own.spec.weights_sha256) == len(own.spec.tokenizer_sha256) == 64


def test_weights_that_cannot_be_had_say_where_they_were_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere(*arguments: Any, **options: Any) -> str:
        raise OSError("no network")

    monkeypatch.setattr("huggingface_hub.snapshot_download", nowhere)
    monkeypatch.setattr("knowscape.encoders.weights._ask_hub", lambda *arguments: None)
    with pytest.raises(KnowscapeError, match="cross-encoder/ms-marco-MiniLM-L6-v2 could not be had"):
        load_cross_encoder()


def test_one_of_the_hub_is_pinned_to_its_commit(model: Path, tmp_path: Path) -> None:
    code = """
from knowscape.encoders.cross import load_cross_encoder
own = load_cross_encoder("hf:me/tiny")
print(own.spec.name, own.spec.revision, own.score("sun", ["a", "b"]).shape)
"""
    with hub(model, []) as endpoint:
        environment = {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            timeout=120,
            env={**_without_hub(), **environment},
        )
    assert done.stdout == f"tiny {COMMIT} (2,)\n", done.stderr


def _without_hub() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}


def test_they_are_listed_beside_the_encoders(knowscape: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    listed = json.loads(knowscape("models", "--rerank", "--json").stdout)
    assert list(listed) == list(CROSS_ENCODERS)
    assert listed[DEFAULT_CROSS_ENCODER]["licence"] == "Apache-2.0"
    shown = knowscape("models", "--rerank").stdout
    assert "bge-reranker-v2-m3" in shown
    assert "0.7430" in shown
    refused = knowscape("models", "--rerank", "--for", "speed")
    assert (refused.returncode, "'speed'" in refused.stderr) == (2, True)
