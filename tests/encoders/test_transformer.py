"""The encoder through torch gives the vectors of sentence-transformers, on small models with random weights.

Needs torch and sentence-transformers: `make torch`.
"""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import test_native
from small_models import TEXTS, WIDTH, Steps, save_small_model

from knowscape.encoders import transformer
from knowscape.encoders.catalogue import DEFAULT_MODEL, entry
from knowscape.encoders.spec import EncoderSpec
from knowscape.encoders.transformer import TransformerEncoder, available_devices
from knowscape.encoders.weights import fetch_weights
from knowscape.errors import MissingExtraError, TextTooLargeError, UsageError

pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")

PROMPTS = {"query": "Instruct: find it\nQuery: ", "document": "text: "}


def make(folder: Path, kind: str, **after: Any) -> Any:
    return save_small_model(folder, kind, Steps(prompts=PROMPTS, **after))


def spec(pooling: str = "mean", **fields: Any) -> EncoderSpec:
    prompts = {"query_prompt": PROMPTS["query"], "document_prompt": PROMPTS["document"]}
    settings = {"dimension": WIDTH, "max_tokens": 100, **prompts, **fields}
    return EncoderSpec("small", "local", "", "", pooling=pooling, **settings)


@pytest.mark.parametrize(
    ("kind", "pooling", "options"),
    [
        ("bert", "mean", {}),
        ("bert", "cls", {"normalised": False}),
        ("bert", "mean", {"include_prompt": False}),
        ("bert", "mean", {"dense": True}),
        ("xlm-roberta", "mean", {}),
        ("modernbert", "cls", {}),
        ("qwen3", "lasttoken", {}),
        ("qwen3", "lasttoken", {"default_prompt": "query"}),
    ],
    ids=str,
)
def test_vectors_are_those_of_sentence_transformers(
    tmp_path: Path, kind: str, pooling: str, options: dict[str, Any]
) -> None:
    peer = make(tmp_path, kind, pooling=pooling, **options)
    shape = {"normalised": options.get("normalised", True), "dimension": 32 if options.get("dense") else WIDTH}
    own = TransformerEncoder(spec(pooling, **shape), tmp_path / "model", device="cpu", batch_tokens=300)
    for encode, name in ((own.encode_documents, "document"), (own.encode_queries, "query")):
        vectors = encode(TEXTS)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(vectors, peer.encode(TEXTS, prompt_name=name, batch_size=1), atol=1e-4)
        assert vectors.tobytes() == encode(TEXTS).tobytes()


@pytest.mark.parametrize("default", [None, "query"])
def test_a_prompt_is_applied_once_and_the_models_default_never(tmp_path: Path, default: str | None) -> None:
    make(tmp_path, "qwen3", pooling="lasttoken", default_prompt=default)
    own = TransformerEncoder(spec("lasttoken"), tmp_path / "model", device="cpu")
    bare = TransformerEncoder(spec("lasttoken", query_prompt="", document_prompt=""), tmp_path / "model", device="cpu")
    whole = [PROMPTS["query"] + text for text in TEXTS]
    np.testing.assert_allclose(own.encode_queries(TEXTS), bare.encode_queries(whole), atol=1e-6)
    assert abs(own.encode_queries(["sun"]) - bare.encode_queries(["sun"])).max() > 0.01


def test_a_folder_without_a_list_of_steps_pools_as_the_spec_says(tmp_path: Path) -> None:
    peer = make(tmp_path, "qwen3", pooling="lasttoken")
    own = TransformerEncoder(spec("lasttoken"), tmp_path / "plain", device="cpu")
    np.testing.assert_allclose(
        own.encode_queries(TEXTS), peer.encode(TEXTS, prompt_name="query", batch_size=1), atol=1e-4
    )


@pytest.mark.parametrize("precision", ["bf16", "f16"])
def test_in_half_precision_the_steps_behind_the_transformer_stay_exact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    make(tmp_path, "bert", dense=True)
    exact = TransformerEncoder(spec(dimension=32), tmp_path / "model", device="cpu")
    monkeypatch.setattr(transformer, "choose_precision", lambda device: precision)
    half = TransformerEncoder(spec(dimension=32), tmp_path / "model", device="cpu")
    vectors = half.encode_documents(TEXTS)
    assert (vectors * exact.encode_documents(TEXTS)).sum(axis=1).min() > 0.999
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_no_texts_give_no_vectors(tmp_path: Path) -> None:
    make(tmp_path, "bert")
    vectors = TransformerEncoder(spec(), tmp_path / "model", device="cpu").encode_documents([])
    assert (vectors.shape, vectors.dtype) == ((0, WIDTH), np.float32)


def test_the_weights_of_the_catalogue_give_their_vectors_here_too() -> None:
    """Three files, without a list of steps, pool as the catalogue says."""
    known = entry(DEFAULT_MODEL)
    own = TransformerEncoder(known.spec, fetch_weights(known), device="cpu")
    vectors = own.encode_documents(test_native.TEXTS)
    np.testing.assert_allclose(vectors, np.load(test_native.REFERENCE)["vectors"], atol=1e-5)


def test_a_text_is_cut_at_the_specs_tokens(tmp_path: Path) -> None:
    make(tmp_path, "bert")
    own = TransformerEncoder(spec(max_tokens=7, document_prompt=""), tmp_path / "model", device="cpu")
    short, long = own.encode_documents(["sun moon map star river", "sun moon map star river and more " * 9])
    np.testing.assert_allclose(short, long, atol=1e-6)


def test_widths_are_rounded_where_a_device_compiles_each_shape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "bert")
    own = TransformerEncoder(spec(), tmp_path / "model", device="cpu", batch_tokens=200)
    expected, seen = own.encode_documents(TEXTS), set[int]()
    features = own._features

    def note(rows: dict[str, list[list[int]]], width: int) -> dict[str, Any]:
        found = features(rows, width)
        seen.add(found["input_ids"].shape[1])
        return found

    monkeypatch.setattr(own, "_features", note)
    monkeypatch.setattr(own, "_widths", [width for width in transformer._MPS_WIDTHS if width < 100])
    np.testing.assert_allclose(own.encode_documents(TEXTS), expected, atol=1e-5)
    assert seen <= {16, 24, 32, 48, 64, 96, 100}


@pytest.mark.parametrize("every", [2, 3])
def test_memory_that_runs_out_now_and_then_changes_no_vector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    import torch

    make(tmp_path, "bert")
    own = TransformerEncoder(spec(), tmp_path / "model", device="cpu", batch_tokens=150)
    expected = own.encode_documents(TEXTS)
    forward, calls = own._forward, 0

    def flaky(features: dict[str, Any]) -> Any:
        nonlocal calls
        calls += 1
        if calls % every == 0 and len(features["input_ids"]) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return forward(features)

    monkeypatch.setattr(own, "_forward", flaky)
    np.testing.assert_allclose(own.encode_documents(TEXTS), expected, atol=2e-6)
    assert calls >= every


def test_memory_that_really_runs_out_is_told_from_a_single_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    make(tmp_path, "bert")
    own = TransformerEncoder(spec(), tmp_path / "model", device="cpu")
    monkeypatch.setattr(own, "_forward", lambda features: torch.empty(10**15))
    with pytest.raises(TextTooLargeError, match="A single text of 100 tokens"):
        own.encode_documents(TEXTS)


def test_texts_end_to_end_are_what_sentence_transformers_makes_of_them(tmp_path: Path) -> None:
    """FlashAttention itself needs CUDA; what is handed to it does not."""
    from transformers import DataCollatorWithFlattening

    for kind in ("bert", "xlm-roberta"):
        make(tmp_path / kind, kind)
        own = TransformerEncoder(spec(), tmp_path / kind / "model", device="cpu")
        first = own._first
        first.data_collator = DataCollatorWithFlattening(return_seq_idx=True, return_flash_attn_kwargs=True)
        first.can_flatten_inputs, own._flat = True, True
        first._flatten_position_offset = first._infer_flatten_position_offset()
        expected = first.preprocess(TEXTS)
        found = own._features(dict(first.tokenizer(TEXTS, truncation=True)), 100)
        assert set(found) == set(expected) - {"modality"}
        for name, value in found.items():
            np.testing.assert_array_equal(value, expected[name], err_msg=name)
            assert getattr(value, "dtype", int) == getattr(expected[name], "dtype", int)


def test_a_device_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    for device in ("tpu", "cuda:99", "cpu:0", ""):
        with pytest.raises(UsageError, match=rf"no device '{device}' here\. Accepted: auto, .*cpu\."):
            TransformerEncoder(spec(), tmp_path, device=device)


@pytest.mark.parametrize(
    ("cuda", "mps", "expected", "chosen"),
    [
        (0, False, ["auto", "cpu"], "cpu"),
        (0, True, ["auto", "mps", "cpu"], "mps"),
        (2, True, ["auto", "cuda", "cuda:0", "cuda:1", "mps", "cpu"], "cuda"),
    ],
)
def test_auto_takes_cuda_then_mps_then_the_cpu(
    monkeypatch: pytest.MonkeyPatch, cuda: int, mps: bool, expected: list[str], chosen: str
) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert available_devices() == expected
    assert transformer.choose_device("auto") == chosen


def test_without_the_libraries_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformer, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'knowscape\[torch\]'"):
        available_devices()


def test_flash_attention_is_asked_for_and_done_without_where_the_architecture_lacks_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def load(folder: str, *, model_kwargs: dict[str, Any], **options: Any) -> Any:
        asked.append(model_kwargs.get("attn_implementation"))
        if asked[-1]:
            raise ValueError("does not support Flash Attention 2")
        assert model_kwargs["use_safetensors"]
        assert options == {"device": "cuda", "local_files_only": True, "trust_remote_code": False}
        return "model"

    monkeypatch.setattr("sentence_transformers.SentenceTransformer", load)
    monkeypatch.setattr(transformer, "find_spec", lambda name: SimpleNamespace())
    assert (
        transformer.load_model("SentenceTransformer", tmp_path, "cuda", precision="bf16", trust_remote_code=False)
        == "model"
    )
    assert asked == ["flash_attention_2", None]
    assert (
        transformer.load_model("SentenceTransformer", tmp_path, "cuda", precision="f16", trust_remote_code=False)
        == "model"
    )
    assert asked[2:] == [None]


def own_code_in_a_step(folder: Path) -> None:
    (folder / "mine.py").write_text("raise SystemExit('the code was run')")
    path = folder / "modules.json"
    steps = json.loads(path.read_text())
    steps[1]["type"] = "mine.Pooling"
    path.write_text(json.dumps(steps))


def own_code_in_the_transformer(folder: Path) -> None:
    (folder / "mine.py").write_text("raise SystemExit('the code was run')")
    path = folder / "config.json"
    config = {
        **json.loads(path.read_text()),
        "model_type": "mine",
        "auto_map": {"AutoConfig": "mine.C", "AutoModel": "mine.M"},
    }
    path.write_text(json.dumps(config))


@pytest.mark.parametrize("change", [own_code_in_a_step, own_code_in_the_transformer])
def test_a_model_with_code_of_its_own_is_refused_unless_it_is_trusted(tmp_path: Path, change: Any) -> None:
    make(tmp_path, "bert")
    change(tmp_path / "model")
    with pytest.raises(UsageError, match="code of its own"):
        TransformerEncoder(spec(), tmp_path / "model", device="cpu")
    with pytest.raises(SystemExit, match="the code was run"):
        TransformerEncoder(spec(), tmp_path / "model", device="cpu", trust_remote_code=True)


def pickle_the_dense_step(folder: Path) -> None:
    (folder / "2_Dense" / "model.safetensors").rename(folder / "2_Dense" / "pytorch_model.bin")


def pickle_the_transformer(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def add_a_chat_template(folder: Path) -> None:
    path = folder / "sentence_bert_config.json"
    config = json.loads(path.read_text())
    config["modality_config"]["message"] = config["modality_config"]["text"]
    path.write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("change", "fields", "says"),
    [
        (pickle_the_dense_step, {}, "2_Dense/pytorch_model.bin is a pickle"),
        (pickle_the_transformer, {}, "pytorch_model.bin is a pickle"),
        (add_a_chat_template, {}, "chat template"),
        (lambda folder: None, {"pooling": "cls"}, "pools by mean, small by cls"),
        (lambda folder: None, {"dimension": 48}, "gives 32 dimensions, small 48"),
    ],
)
def test_a_folder_that_cannot_be_what_the_spec_says_is_refused(
    tmp_path: Path, change: Any, fields: dict[str, Any], says: str
) -> None:
    make(tmp_path, "bert", dense=True)
    change(tmp_path / "model")
    with pytest.raises(UsageError, match=says):
        TransformerEncoder(spec(**{"dimension": 32, **fields}), tmp_path / "model", device="cpu")


@pytest.mark.parametrize("kind", ["bert", "qwen3"])
def test_starts_of_tokens_are_those_of_its_tokenizer_and_cost_no_cut_of_later_texts(tmp_path: Path, kind: str) -> None:
    make(tmp_path, kind, pooling="lasttoken" if kind == "qwen3" else "mean")
    own = TransformerEncoder(spec("lasttoken" if kind == "qwen3" else "mean"), tmp_path / "model", device="cpu")
    expected = own.encode_documents(TEXTS)
    text = TEXTS[-1] * 3
    (starts,) = own.token_starts([text])
    assert len(starts) > own.spec.max_tokens == own.token_counts([text])[0]
    assert {0, 4, 7} <= set(starts.tolist())  # map of ideas
    assert own.room == 100 - 2 - len(own.token_starts([PROMPTS["document"]])[0])
    fits = text[: starts[own.room]].strip()
    assert own.token_counts([fits, f"{fits} and more"]) == [100, 100]
    assert own.encode_documents(TEXTS).tobytes() == expected.tobytes()


def test_a_tokenizer_that_does_not_say_where_tokens_begin_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "bert")
    own = TransformerEncoder(spec(), tmp_path / "model", device="cpu")
    monkeypatch.setattr(own, "_first", SimpleNamespace(tokenizer=SimpleNamespace(is_fast=False)))
    with pytest.raises(UsageError, match=r"tokenizer of small, SimpleNamespace,.*tokenizer\.json"):
        own.token_starts(["a"])
