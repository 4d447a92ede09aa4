"""A corpus in passages of which the encoder cuts nothing off."""

import re
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file
from small_tokenizers import TRAINED_ON, byte_level, sentencepiece_like, wordpiece

from knowscape.corpus.chunking import ChunkOptions
from knowscape.corpus.document import Corpus, Document
from knowscape.encoders.batches import prompted
from knowscape.encoders.load import load_encoder
from knowscape.encoders.spec import Encoder, EncoderSpec
from knowscape.encoders.static import StaticEncoder
from knowscape.errors import UsageError
from knowscape.search import passages
from knowscape.search.passages import split

LONG = "\n\n".join(f"## Part {n}\n\n{' '.join(TRAINED_ON)}" for n in range(8))
PROMPT = "passage: "


@pytest.fixture(scope="module")
def minilm() -> Encoder:
    return load_encoder()


@pytest.fixture(
    scope="module",
    params=[byte_level, lambda: byte_level(trim=False), sentencepiece_like],
    ids=["byte-level", "byte-level, spaces kept", "sentencepiece-like"],
)
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    """A static model of few tokens with a prompt, whose tokenizer cuts words and characters."""
    return static(tmp_path_factory.mktemp("static"), request.param)


def static(folder: Path, make: Callable[[], Any], *, max_tokens: int = 60, prompt: str = PROMPT) -> StaticEncoder:
    tokenizer = make()
    tokenizer.save(str(folder / "tokenizer.json"))
    save_file({"table": np.ones((tokenizer.get_vocab_size(), 8), np.float32)}, folder / "model.safetensors")
    return StaticEncoder(EncoderSpec("s", "local", "", "", 8, max_tokens, document_prompt=prompt), folder)


def corpus(*texts: str) -> Corpus:
    return Corpus.from_documents(Document(str(row), text) for row, text in enumerate(texts))


def nothing_is_cut(encoder: Encoder, texts: list[str]) -> bool:
    """Whether the encoder takes each text whole, by its own counts of the prompt and the text."""
    spec = encoder.spec
    whole = prompted(texts, spec.document_prompt, spec.max_tokens)
    if any(len(cut) < len(spec.document_prompt + text) for cut, text in zip(whole, texts, strict=True)):
        return False
    behind = encoder.token_starts([spec.document_prompt + text for text in texts])
    return max(map(len, behind)) <= encoder.room + len(encoder.token_starts([spec.document_prompt])[0])


def all_is_there(texts: list[str], rows: Any, spans: Any) -> bool:
    held = [set[int]() for _ in texts]
    for row, (a, b) in zip(rows.tolist(), spans.tolist(), strict=True):
        held[row] |= set(range(a, b))
    return all(
        place in places or char.isspace()
        for text, places in zip(texts, held, strict=True)
        for place, char in enumerate(text)
    )


def test_short_texts_are_one_passage_each_and_long_ones_several_in_order(minilm: Encoder) -> None:
    texts = ["The sun is a star.", LONG, "", " ", "太阳" * 400, "End."]
    rows, spans = split(corpus(*texts), minilm)
    assert (rows.dtype, spans.dtype, spans.shape) == (np.int64, np.int64, (len(rows), 2))
    assert sorted(set(rows.tolist())) == list(range(6))
    assert (np.diff(rows) >= 0).all()
    counts = np.bincount(rows)
    assert counts[[0, 2, 3, 5]].tolist() == [1, 1, 1, 1]
    assert counts[1] > 2
    assert counts[4] > 2
    for row in (0, 2, 3, 5):
        assert spans[rows == row].tolist() == [[0, len(texts[row])]]
    for row in (1, 4):
        assert (np.diff(spans[rows == row], axis=0) > 0).all()
    assert all_is_there(texts, rows, spans)
    assert nothing_is_cut(minilm, [texts[row][a:b] for row, (a, b) in zip(rows, spans, strict=True)])


def test_every_vector_of_a_passage_is_that_of_its_whole_text(minilm: Encoder) -> None:
    """What the encoder itself counts: a text that is cut has as many tokens as it may, and so may one that is not."""
    _, spans = split(corpus(LONG), minilm)
    found = [LONG[a:b] for a, b in spans]
    counts = minilm.token_counts(found)
    assert max(counts) <= minilm.spec.max_tokens
    assert [len(starts) + 2 for starts in minilm.token_starts(found)] == counts


def test_passages_are_as_small_as_asked_and_end_where_the_text_does(minilm: Encoder) -> None:
    _, spans = split(corpus(LONG), minilm, ChunkOptions(64))
    found = [LONG[a:b] for a, b in spans]
    assert max(map(len, minilm.token_starts(found))) <= 64
    assert all(passage.endswith((".", "。")) for passage in found)
    assert all(re.match(r"## Part|The |Die |Le |Rivers|Knowledge|太阳", passage) for passage in found)


@given(
    texts=st.lists(
        st.one_of(
            st.text(max_size=150),
            st.lists(st.sampled_from([*TRAINED_ON[0].split(), ".", "\n\n", "ﷺ", "🌞", "x" * 90, "½"]), max_size=90).map(
                " ".join
            ),
        ),
        max_size=4,
    ),
    options=st.builds(ChunkOptions, st.integers(36, 200), st.sampled_from([0, 0.15, 0.4])),
)
def test_no_text_whatever_it_holds_is_cut_by_the_encoder(
    small: Encoder, texts: list[str], options: ChunkOptions
) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    rows, spans = split(corpus(*texts), small, options)
    assert set(rows.tolist()) == set(range(len(texts)))
    assert all_is_there(texts, rows, spans)
    found = [texts[row][a:b] for row, (a, b) in zip(rows, spans, strict=True)]
    if found:
        assert nothing_is_cut(small, found)
        prompt = small.spec.document_prompt
        most = options.max_tokens + len(small.token_starts([prompt])[0])
        assert max(map(len, small.token_starts([prompt + piece for piece in found]))) <= most


def test_a_piece_that_has_more_tokens_alone_than_in_its_text_is_cut_again(minilm: Encoder) -> None:
    """A word of over a hundred letters is one unknown token; what is cut out of it is many."""
    text = " ".join(["sun " * 40 + "x" * 3000] * 5)
    rows, spans = split(corpus(text), minilm)
    assert all_is_there([text], rows, spans)
    assert nothing_is_cut(minilm, [text[a:b] for a, b in spans])


def test_a_text_of_few_tokens_and_very_many_characters_is_not_cut_either(minilm: Encoder) -> None:
    text = "x" * 200_000 + " The end."
    rows, spans = split(corpus(text, "a" + " " * 200_000 + "b"), minilm)
    assert nothing_is_cut(minilm, [text[a:b] for a, b in spans[rows == 0]])


def test_texts_that_surely_fit_are_not_tokenised(minilm: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    starts = minilm.token_starts
    monkeypatch.setattr(minilm, "token_starts", lambda texts: seen.extend(texts) or starts(texts))
    fits, long, foreign = "x" * 250, "sun " * 70, "太" * 9
    rows, _ = split(corpus(fits, long, fits, foreign), minilm)
    assert rows.tolist() == [0, 1, 2, 3]
    assert seen == ["", long, foreign]


def test_a_text_is_cut_once_where_its_pieces_alone_have_the_tokens_that_they_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = static(tmp_path, wordpiece, prompt="represent this sentence for a search: ")
    starts, calls = encoder.token_starts, list[int]()
    monkeypatch.setattr(encoder, "token_starts", lambda texts: calls.append(len(texts)) or starts(texts))
    rows, _ = split(corpus(LONG, LONG), encoder)
    assert calls[-2:] == [2, len(rows)]  # before them only the prompt


def test_slices_and_their_borders_change_nothing(small: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [LONG[n:] for n in range(0, 900, 60)] + ["short"] * 3
    expected = split(corpus(*texts), small)
    monkeypatch.setattr(passages, "_SLICE", 700)
    for one, other in zip(split(corpus(*texts), small), expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_progress_counts_documents(minilm: Encoder) -> None:
    told: list[Any] = []

    class Told:
        @contextmanager
        def stage(self, name: str, *, total: int | None = None, done: int = 0) -> Any:
            told.append((total, done))
            yield self

        def advance(self, count: int = 1) -> None:
            told.append(count)

        def note(self, message: str) -> None:
            raise AssertionError(message)

    split(corpus("a", LONG, "b", LONG), minilm, progress=Told())
    assert told == [(4, 2), 2]


def test_no_documents_have_no_passages(minilm: Encoder) -> None:
    rows, spans = split(corpus(), minilm)
    assert (rows.shape, spans.shape, rows.dtype, spans.dtype) == ((0,), (0, 2), np.int64, np.int64)


def test_a_prompt_that_fills_the_model_is_refused(tmp_path: Path) -> None:
    encoder = static(tmp_path, byte_level, max_tokens=5, prompt="Represent this sentence for a search: ")
    with pytest.raises(UsageError, match=r"takes 5 tokens.*Represent this.*--model NAME"):
        split(corpus("a"), encoder)
