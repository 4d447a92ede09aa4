"""Where the tokens of a text begin, and how many a model has room for."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file
from small_tokenizers import TRAINED_ON, byte_level, sentencepiece_like, wordpiece
from test_native import TEXTS

from knowscape.encoders.configuration import read_spec
from knowscape.encoders.native import NativeEncoder
from knowscape.encoders.positions import room_for, token_starts
from knowscape.encoders.spec import EncoderSpec
from knowscape.encoders.static import StaticEncoder

LONG = " ".join(["The sun is a star, e.g. a hot one. Die Sonne!\n\n太阳是一颗恒星。"] * 4000)


MAKE = [wordpiece, byte_level, lambda: byte_level(trim=False), sentencepiece_like]
IDS = ["wordpiece", "byte-level", "byte-level, spaces kept", "sentencepiece-like"]


@pytest.fixture
def native(small_model: Path, tmp_path: Path) -> NativeEncoder:
    """The sample model in small, with a tokenizer of another kind and a prompt."""
    folder = shutil.copytree(small_model, tmp_path / "byte-level")
    byte_level().save(str(folder / "tokenizer.json"))
    return NativeEncoder(replace(read_spec(folder), max_tokens=20, document_prompt="The sun: "), folder)


@pytest.mark.parametrize("make", MAKE, ids=IDS)
def test_tokens_begin_where_the_tokenizer_says_and_in_ascending_order(make: Callable[[], Any]) -> None:
    tokenizer = make()
    for text, starts in zip(TEXTS, token_starts(tokenizer, TEXTS), strict=True):
        assert starts.dtype == np.int64
        assert len(starts) == len(tokenizer.encode(text, add_special_tokens=False).ids)
        assert (np.diff(starts) >= 0).all()
        assert all(0 <= start <= len(text) for start in starts)


def test_starts_ascend_even_where_a_tokenizer_changes_the_order_of_characters() -> None:
    class Encoding:
        offsets = ((0, 1), (0, 0), (2, 3), (1, 2), (3, 4))

        def __len__(self) -> int:
            return len(self.offsets)

    class Reordering:
        def encode_batch(self, texts: list[str], *, add_special_tokens: bool) -> list[Encoding]:
            assert not add_special_tokens
            return [Encoding() for _ in texts]

    assert token_starts(Reordering(), ["abcd"])[0].tolist() == [0, 0, 2, 2, 3]


def test_words_of_a_plain_text_begin_tokens() -> None:
    text = "the sun is a star"
    for make in (wordpiece, byte_level):
        (starts,) = token_starts(make(), [text])
        assert {0, 4, 8, 11, 13} <= set(starts.tolist())


@pytest.mark.parametrize("make", MAKE, ids=IDS)
def test_a_very_long_text_has_the_tokens_that_it_has_in_one_piece(make: Callable[[], Any]) -> None:
    tokenizer = make()
    (found,) = token_starts(tokenizer, [LONG])
    expected = [start for start, _ in tokenizer.encode(LONG, add_special_tokens=False).offsets]
    np.testing.assert_array_equal(found, np.maximum.accumulate(expected))


def test_a_very_long_text_without_white_space_is_read_to_its_end() -> None:
    text = "太阳" * 50_000
    np.testing.assert_array_equal(token_starts(wordpiece(), ["", text, "a"])[1], np.arange(100_000))


@pytest.mark.parametrize("make", MAKE, ids=IDS)
def test_room_is_what_special_tokens_and_the_prompt_leave(make: Callable[[], Any]) -> None:
    tokenizer = make()
    spec = EncoderSpec("small", "local", "", "", dimension=8, max_tokens=50, document_prompt="passage: ")
    prompt = len(tokenizer.encode("passage: ", add_special_tokens=False).ids)
    assert room_for(spec, tokenizer) == 50 - 2 - prompt
    assert room_for(replace(spec, document_prompt=""), tokenizer) == 48


def test_the_native_encoder_tells_starts_and_room_and_still_cuts_what_it_encodes(native: NativeEncoder) -> None:
    text = " ".join(TRAINED_ON)
    counts, vectors = native.token_counts([text]), native.encode_documents([text])
    (starts,) = native.token_starts([text])
    assert counts == [20]
    assert len(starts) > 100
    assert native.room == 18 - len(native.token_starts(["The sun: "])[0])
    assert native.token_counts([text]) == counts
    assert native.encode_documents([text]).tobytes() == vectors.tobytes()


def test_starts_may_be_asked_for_while_other_threads_encode(native: NativeEncoder) -> None:
    texts = [" ".join(TRAINED_ON)] * 20
    expected = native.encode_documents(texts)

    def work(number: int) -> NDArray[Any]:
        return native.encode_documents(texts) if number % 2 else native.token_starts(texts)[0]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(work, range(16)))
    for number, one in enumerate(found):
        np.testing.assert_array_equal(one, expected if number % 2 else found[0])


def test_a_static_models_tokens_are_those_that_have_a_vector(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {word: place for place, word in enumerate(["[UNK]", "a", "map", "query"])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    spec = EncoderSpec("tiny", "local", "", "", dimension=8, max_tokens=10, document_prompt="query new ")
    for name, starts, room in (("embeddings", [2, 12], 9), ("table", [2, 5, 12], 8)):
        folder = tmp_path / name
        folder.mkdir()
        tokenizer.save(str(folder / "tokenizer.json"))
        save_file({name: np.ones((4, 8), np.float32)}, folder / "model.safetensors")
        own = StaticEncoder(spec, folder)
        assert own.token_starts(["  a  river  map"])[0].tolist() == starts
        assert own.room == room
