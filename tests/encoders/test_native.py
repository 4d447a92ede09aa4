"""The native encoder gives the vectors of the model that its weights belong to."""

import json
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from knowscape.encoders import engine, native
from knowscape.encoders.catalogue import CATALOGUE, DEFAULT_MODEL, entry
from knowscape.encoders.configuration import engine_of
from knowscape.encoders.load import EngineOptions, find_model, load_encoder, start_encoder
from knowscape.encoders.native import NativeEncoder
from knowscape.encoders.spec import Encoder
from knowscape.encoders.weights import fetch_weights
from knowscape.errors import DamageError, KnowscapeError, MissingExtraError, UsageError

# Vectors of sentence-transformers 6.2 in fp32 for these texts, made once with the same weights.
WORDS = ["map", "ideas", "reader", "knowledge", "shows", "where", "unknown", "begins", "sun", "moon", "river", "cell"]
TEXTS = [
    "", " ", "a", "Sun", "The sun is a star.", "THE SUN IS A STAR.", "Die Sonne ist ein Stern.", "太阳是一颗恒星。",
    "Солнце — это звезда.", "الشمس نجم", "🌞🌝 ✨", "caf\u00e9 cafe\u0301", "tab\tand\nnewline",
    "zero\u200bwidth \x07 bell", "$E = mc^2$ and \\alpha_{ij}", "https://example.org/a?b=c#d",
    "1234567890 " * 12, "x" * 400, "word " * 300,
    *(" ".join((WORDS * 30)[: 3 * n + 1]) for n in range(0, 130, 7)),
]  # fmt: skip
REFERENCE = Path(__file__).parent / "reference.npz"


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder()


@pytest.fixture(scope="module")
def weights() -> Path:
    return fetch_weights(entry(DEFAULT_MODEL))


def test_vectors_are_those_of_sentence_transformers(encoder: Encoder) -> None:
    vectors = encoder.encode_documents(TEXTS)
    assert (vectors.dtype, vectors.shape) == (np.float32, (len(TEXTS), 384))
    cosine = (vectors * np.load(REFERENCE)["vectors"]).sum(axis=1)
    assert cosine.min() >= 0.9999
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.skipif(sys.platform != "linux" or (os.cpu_count() or 1) < 2, reason="there is nothing to be bound to")
def test_an_encoder_with_a_share_of_the_cores_is_bound_to_none_of_them(small_model: Path) -> None:
    """Two of them on one machine would else compute on the same core."""

    def threads() -> set[int]:
        return {int(task.name) for task in Path("/proc/self/task").iterdir()}

    before = threads()
    encoder = start_encoder(*find_model(str(small_model)), EngineOptions("cpu", threads=1))
    encoder.encode_documents(TEXTS)
    started = threads() - before
    assert started
    assert [os.sched_getaffinity(one) for one in started] == [os.sched_getaffinity(0)] * len(started)


def test_the_same_list_gives_the_same_bytes(encoder: Encoder) -> None:
    assert encoder.encode_documents(TEXTS).tobytes() == encoder.encode_documents(TEXTS).tobytes()


def test_a_texts_vector_does_not_depend_on_its_company(encoder: Encoder) -> None:
    together, alone = encoder.encode_documents(TEXTS), [encoder.encode_documents([text])[0] for text in TEXTS]
    np.testing.assert_allclose(together, np.stack(alone), atol=2e-6 if encoder.precision == "f32" else 2e-2)  # type: ignore[attr-defined]


def test_no_texts_give_no_vectors(encoder: Encoder) -> None:
    assert encoder.encode_documents([]).shape == (0, 384)


def test_batches_of_any_size_give_the_same_vectors(weights: Path) -> None:
    spec = CATALOGUE[DEFAULT_MODEL].spec
    small, large = (NativeEncoder(spec, weights, precision="f32", batch_tokens=n) for n in (1, 100_000))
    np.testing.assert_allclose(small.encode_documents(TEXTS), large.encode_documents(TEXTS), atol=2e-6)


def test_bf16_is_used_only_where_it_agrees_with_fp32(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processor's word is not enough.  Where this one lacks bf16, OpenVINO computes it in another, slow way."""
    spec = CATALOGUE[DEFAULT_MODEL].spec
    monkeypatch.setattr(native, "CANARIES", ("a", "The sun is a star.", "The sun is a star. " * 3))
    monkeypatch.setattr(engine, "computes_bf16", lambda: True)
    chosen = NativeEncoder(spec, weights)
    exact = NativeEncoder(spec, weights, precision="f32")
    some = ["A cell is the smallest unit of life.", "x", "Rivers carry water and sand to the sea."]
    cosine = (chosen.encode_documents(some) * exact.encode_documents(some)).sum(axis=1)
    assert cosine.min() >= (1 - 1e-6 if chosen.precision == "f32" else 0.999)
    monkeypatch.setattr(engine, "_LEAST_COSINE", 1.1)
    assert NativeEncoder(spec, weights).precision == "f32"


def test_an_encoder_that_gives_a_text_two_vectors_is_started_anew_and_refused_if_it_goes_on(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wrong vectors are made up: what makes OpenVINO give some cannot be had at will."""
    make, starts = engine._requests, []

    class Wrong:
        def __init__(self, request: Any) -> None:
            self._request = request

        def __getattr__(self, name: str) -> Any:
            return getattr(self._request, name)

        def get_output_tensor(self, index: int) -> Any:
            vectors = self._request.get_output_tensor(index).data
            return SimpleNamespace(data=vectors[:, ::-1] if len(vectors) > 1 else vectors)

    def requests(*arguments: Any) -> list[Any]:
        starts.append(1)
        made = make(*arguments)
        return [*made[:-1], Wrong(made[-1])] if len(starts) <= bad else made

    monkeypatch.setattr(engine, "_requests", requests)
    spec, bad = CATALOGUE[DEFAULT_MODEL].spec, 1
    vectors = NativeEncoder(spec, weights, precision="f32").encode_documents(TEXTS)
    assert (vectors * np.load(REFERENCE)["vectors"]).sum(axis=1).min() >= 0.9999
    bad = 99
    wrong = NativeEncoder(spec, weights, precision="f32")
    with pytest.raises(KnowscapeError, match="different vectors at different times"):
        wrong.encode_documents(TEXTS)


def copy(weights: Path, folder: Path) -> Path:
    shutil.copytree(weights, folder)
    return folder


def test_a_folder_is_a_model(weights: Path, encoder: Encoder, tmp_path: Path) -> None:
    folder = copy(weights, tmp_path / "mine")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 256}')
    own = load_encoder(str(folder))
    assert (own.spec.name, own.spec.max_tokens, own.spec.dimension) == ("mine", 256, 384)
    assert own.encode_documents(TEXTS).tobytes() == encoder.encode_documents(TEXTS).tobytes()


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_folder_that_lacks_a_file_is_refused_by_its_name(weights: Path, tmp_path: Path, name: str) -> None:
    folder = copy(weights, tmp_path / "mine")
    (folder / name).unlink()
    with pytest.raises(UsageError, match=rf"{name} missing"):
        load_encoder(str(folder))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize("content", [b"", b"{}", b"\0\1\2"])
def test_a_file_that_is_not_what_its_name_says_is_a_clear_error(
    weights: Path, tmp_path: Path, name: str, content: bytes
) -> None:
    folder = copy(weights, tmp_path / "mine")
    (folder / name).write_bytes(content)
    with pytest.raises(KnowscapeError, match="mine"):
        load_encoder(str(folder))


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("config.json", {"model_type": "gpt2"}, "gpt2"),
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}, "pools by pooling_mode_max_tokens"),
    ],
)
def test_another_kind_of_model_needs_the_other_engine(
    weights: Path, tmp_path: Path, file: str, content: dict[str, Any], says: str
) -> None:
    folder = copy(weights, tmp_path / "mine")
    (folder / file).parent.mkdir(exist_ok=True)
    known = json.loads((folder / file).read_text()) if (folder / file).exists() else {}
    (folder / file).write_text(json.dumps({**known, **content}))
    if find_spec("sentence_transformers") is None:
        with pytest.raises(MissingExtraError, match=rf"{says}.*knowscape\[torch\]"):
            load_encoder(str(folder))
    assert engine_of(folder) == "transformer"


def test_an_unknown_name_or_device_lists_what_is_known() -> None:
    with pytest.raises(UsageError, match=f"no model 'bert'.*{DEFAULT_MODEL}"):
        load_encoder("bert")
    with pytest.raises(UsageError, match=r"no device 'tpu'.*auto, cpu"):
        load_encoder(device="tpu")


def test_weights_that_were_changed_in_the_cache_are_not_used(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KNOWSCAPE_CACHE", str(tmp_path))
    folder = copy(weights, tmp_path / "models" / weights.name)
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x01")
    with pytest.raises(DamageError, match=rf"SHA-256.*Delete {folder}"):
        load_encoder()


def layer_norm(x: NDArray[Any], weights: dict[str, NDArray[Any]], name: str, epsilon: float) -> NDArray[Any]:
    centred = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)
    return centred * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def bert(ids: list[int], weights: dict[str, NDArray[Any]], heads: int, layers: int, epsilon: float) -> NDArray[Any]:
    """The mean over tokens of Reimers & Gurevych 2019, of length one."""
    mean: NDArray[Any] = bert_states(ids, [0] * len(ids), weights, heads, layers, epsilon).mean(axis=0)
    return mean / np.linalg.norm(mean)


def bert_states(
    ids: list[int], types: list[int], weights: dict[str, NDArray[Any]], heads: int, layers: int, epsilon: float
) -> NDArray[Any]:
    """The formulas of Devlin et al. 2019 in float64, one text, no batch, no mask; a row for each token."""
    from scipy.special import erf, softmax

    def linear(x: NDArray[Any], name: str) -> NDArray[Any]:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    e = "embeddings"
    x = weights[f"{e}.word_embeddings.weight"][ids] + weights[f"{e}.position_embeddings.weight"][: len(ids)]
    x = layer_norm(x + weights[f"{e}.token_type_embeddings.weight"][types], weights, f"{e}.LayerNorm", epsilon)
    for n in range(layers):
        p = f"encoder.layer.{n}"
        parts = [linear(x, f"{p}.attention.self.{w}") for w in ("query", "key", "value")]
        q, k, v = (part.reshape(len(ids), heads, -1).swapaxes(0, 1) for part in parts)
        a = softmax(q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1]), axis=-1) @ v
        a = linear(a.swapaxes(0, 1).reshape(len(ids), -1), f"{p}.attention.output.dense")
        x = layer_norm(x + a, weights, f"{p}.attention.output.LayerNorm", epsilon)
        h = linear(x, f"{p}.intermediate.dense")
        h = linear(h * (1 + erf(h / np.sqrt(2))) / 2, f"{p}.output.dense")
        x = layer_norm(x + h, weights, f"{p}.output.LayerNorm", epsilon)
    return x


@pytest.mark.parametrize(("hidden", "heads", "layers", "epsilon"), [(32, 2, 1, 1e-12), (48, 6, 3, 1e-5)])
def test_a_model_of_another_shape_follows_the_formulas(
    weights: Path, tmp_path: Path, hidden: int, heads: int, layers: int, epsilon: float
) -> None:
    from tokenizers import Tokenizer

    random = np.random.default_rng(3)
    tensors = random_bert(random, hidden, layers)
    folder = tmp_path / "tiny"
    folder.mkdir()
    shutil.copyfile(weights / "tokenizer.json", folder / "tokenizer.json")
    save_file(tensors, folder / "model.safetensors")
    config = {
        "model_type": "bert", "hidden_size": hidden, "num_attention_heads": heads, "num_hidden_layers": layers,
        "layer_norm_eps": epsilon, "max_position_embeddings": 64,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    texts = ["The sun is a star.", "a", "The map of ideas shows where knowledge ends. " * 20]
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(64)
    wide = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}
    expected = [bert(tokenizer.encode(text).ids, wide, heads, layers, epsilon) for text in texts]
    spec = load_encoder(str(folder)).spec
    vectors = NativeEncoder(spec, folder, precision="f32").encode_documents(texts)
    np.testing.assert_allclose(vectors, np.stack(expected), atol=1e-5)


def random_bert(random: np.random.Generator, hidden: int, layers: int) -> dict[str, NDArray[np.float32]]:
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (30522, hidden),
        "embeddings.position_embeddings.weight": (64, hidden),
        "embeddings.token_type_embeddings.weight": (2, hidden),
        "embeddings.LayerNorm.weight": (hidden,),
        "embeddings.LayerNorm.bias": (hidden,),
    }
    for n in range(layers):
        p, inner = f"encoder.layer.{n}", 3 * hidden
        sizes = {f"attention.self.{w}": (hidden, hidden) for w in ("query", "key", "value")}
        sizes |= {"attention.output.dense": (hidden, hidden)}
        sizes |= {"intermediate.dense": (inner, hidden), "output.dense": (hidden, inner)}
        for name, (rows, columns) in sizes.items():
            shapes |= {f"{p}.{name}.weight": (rows, columns), f"{p}.{name}.bias": (rows,)}
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes |= {f"{p}.{name}.weight": (hidden,), f"{p}.{name}.bias": (hidden,)}
    return {name: random.normal(scale=0.3, size=shape).astype(np.float32) for name, shape in shapes.items()}
