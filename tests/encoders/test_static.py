"""The static encoder gives the mean of its tokens' vectors, whatever library saved the table."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file
from test_native import TEXTS

from knowscape.encoders.spec import EncoderSpec
from knowscape.encoders.static import StaticEncoder
from knowscape.encoders.weights import cache_folder
from knowscape.errors import UsageError

WORDS = ["[UNK]", "[CLS]", "a", "map", "of", "ideas", "query"]
TABLE = np.random.default_rng(0).normal(size=(len(WORDS), 8)).astype(np.float32)
# Vectors of wordllama 0.4.0.post1 itself for the texts, made once with the same weights.
REFERENCE = Path(__file__).parent / "static_reference.npz"
WHEEL = "wordllama==0.4.0.post1"


def spec(**fields: Any) -> EncoderSpec:
    return EncoderSpec("tiny", "local", "", "", **{"dimension": 8, "max_tokens": 100, **fields})


def save(folder: Path, tensors: dict[str, NDArray[Any]]) -> Path:
    """Save a table with a tokenizer of words that would add a special token."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    folder.mkdir(parents=True)
    words = {word: place for place, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $0", special_tokens=[("[CLS]", 1)])
    tokenizer.enable_padding(length=20)
    tokenizer.save(str(folder / "tokenizer.json"))
    save_file(tensors, folder / "model.safetensors")
    return folder


def mean(*ids: int) -> NDArray[np.float32]:
    return TABLE[list(ids)].mean(axis=0)


@pytest.mark.parametrize("name", ["embedding.weight", "token_vectors"])
def test_a_vector_is_the_mean_of_the_tokens_vectors(tmp_path: Path, name: str) -> None:
    own = StaticEncoder(spec(normalised=False), save(tmp_path / "model", {name: TABLE}))
    vectors = own.encode_documents(["a map of ideas", "map map a", "a river"])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, [mean(2, 3, 4, 5), mean(3, 3, 2), mean(2, 0)], atol=1e-6)


def test_a_vector_has_the_length_one_where_the_spec_says_so(tmp_path: Path) -> None:
    vectors = StaticEncoder(spec(), save(tmp_path / "model", {"e": TABLE})).encode_documents(["a map", "ideas"])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(vectors[0], mean(2, 3) / np.linalg.norm(mean(2, 3)), atol=1e-6)


def test_half_precision_is_read_too(tmp_path: Path) -> None:
    own = StaticEncoder(spec(normalised=False), save(tmp_path / "model", {"e": TABLE.astype(np.float16)}))
    np.testing.assert_allclose(own.encode_documents(["a map"])[0], mean(2, 3), atol=2e-3)


def test_model2vecs_mapping_and_weights_apply_and_unknown_words_are_left_out(tmp_path: Path) -> None:
    mapping, weights = np.array([0, 1, 3, 2, 4, 4, 5]), np.linspace(0.5, 2, len(WORDS))
    folder = save(tmp_path / "model", {"embeddings": TABLE[:6], "mapping": mapping, "weights": weights})
    vectors = StaticEncoder(spec(normalised=False), folder).encode_documents(["a map", "a river", "river"])
    a, map_ = TABLE[3] * weights[2], TABLE[2] * weights[3]
    np.testing.assert_allclose(vectors, [(a + map_) / 2, a, np.zeros(8)], atol=1e-6)


def test_the_table_may_lie_where_sentence_transformers_puts_it(tmp_path: Path) -> None:
    save(tmp_path / "model" / "0_StaticEmbedding", {"embedding.weight": TABLE})
    assert StaticEncoder(spec(), tmp_path / "model").encode_documents(["a"]).shape == (1, 8)


def test_the_prompt_of_queries_and_documents_comes_from_the_spec(tmp_path: Path) -> None:
    folder = save(tmp_path / "model", {"e": TABLE})
    own = StaticEncoder(spec(normalised=False, query_prompt="query ", document_prompt="a "), folder)
    np.testing.assert_allclose(own.encode_queries(["map"])[0], mean(6, 3), atol=1e-6)
    np.testing.assert_allclose(own.encode_documents(["map"])[0], mean(2, 3), atol=1e-6)


def test_a_long_text_is_cut_at_the_specs_tokens(tmp_path: Path) -> None:
    own = StaticEncoder(spec(normalised=False, max_tokens=3), save(tmp_path / "model", {"e": TABLE}))
    np.testing.assert_allclose(own.encode_documents(["a map of ideas"])[0], mean(2, 3, 4), atol=1e-6)


def test_texts_without_tokens_get_the_zero_vector_and_no_texts_no_vectors(tmp_path: Path) -> None:
    own = StaticEncoder(spec(), save(tmp_path / "model", {"e": TABLE}))
    assert not own.encode_documents(["", " "]).any()
    assert (own.encode_documents([]).shape, own.encode_documents([]).dtype) == ((0, 8), np.float32)


@pytest.mark.parametrize(
    ("tensors", "fields", "says"),
    [
        ({"a": TABLE, "b": TABLE}, {}, "holds a, b"),
        ({"a": TABLE, "linear.bias": TABLE[0]}, {}, "holds a, linear.bias"),
        ({"a": TABLE[0]}, {}, "holds a"),
        ({"a": TABLE}, {"dimension": 16}, "vectors of 8, tiny of 16"),
        ({"a": TABLE[:4]}, {}, "knows 7 tokens.*vectors for 4"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    tmp_path: Path, tensors: dict[str, NDArray[Any]], fields: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        StaticEncoder(spec(**fields), save(tmp_path / "model", tensors))


def test_a_folder_without_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"needs model\.safetensors and tokenizer\.json"):
        StaticEncoder(spec(), tmp_path)


@pytest.fixture(scope="session")
def wordllama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """wordllama's real weights, from PyPI, kept in the cache of models."""
    target = cache_folder() / "tests" / WHEEL.replace("==", "-")
    if not (target / "model.safetensors").is_file():
        found = tmp_path_factory.mktemp("wheel")
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(found)]
        done = subprocess.run([*command, WHEEL], capture_output=True, text=True)
        wheels = list(found.glob("*.whl"))
        if not wheels:
            pytest.skip(f"{WHEEL} cannot be had from PyPI: {done.stderr.strip()[-200:]}")
        target.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheels[0]) as archive:
            for member, name in (
                ("wordllama/tokenizers/l2_supercat_tokenizer_config.json", "tokenizer.json"),
                ("wordllama/weights/l2_supercat_256.safetensors", "model.safetensors"),
            ):
                with archive.open(member) as source, (found / name).open("wb") as out:
                    shutil.copyfileobj(source, out)
                shutil.move(found / name, target / name)
    return target


def test_vectors_are_those_of_wordllama(wordllama: Path) -> None:
    own = StaticEncoder(spec(dimension=256, max_tokens=10_000), wordllama)
    vectors = own.encode_documents(TEXTS)
    np.testing.assert_allclose(vectors[1:], np.load(REFERENCE)["vectors"][1:], atol=1e-6)
    assert not vectors[0].any()  # the empty text: wordllama divides by zero
    assert vectors.tobytes() == own.encode_documents(TEXTS).tobytes()
    np.testing.assert_array_equal(vectors[7:9], own.encode_documents(TEXTS[7:9]))
