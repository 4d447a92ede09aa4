"""Only what is missing is embedded, and what is committed is never computed again."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from knowscape.embed.plan import plan_slices
from knowscape.embed.run import embed
from knowscape.encoders.spec import EncoderSpec
from knowscape.errors import KnowscapeError
from knowscape.files import sha256_text
from knowscape.store.vectors import VectorStore


class CountingEncoder:
    """A fake, since the point is what is asked of it: the vector of a text is its digest's first bytes."""

    spec = EncoderSpec("counting", "1", "", "", dimension=8, max_tokens=16)

    def __init__(self, fail_after: int | None = None) -> None:
        self.seen: list[str] = []
        self._fail_after = fail_after

    def encode_documents(self, texts: list[str]) -> NDArray[np.float32]:
        if self._fail_after is not None and len(self.seen) >= self._fail_after:
            raise MemoryError("no more")
        self.seen += texts
        raw = np.array([list(bytes.fromhex(sha256_text(text))[:8]) for text in texts], np.float32)
        return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)

    encode_queries = encode_documents


def run(texts: Sequence[str], store: VectorStore, encoder: CountingEncoder | None = None) -> CountingEncoder:
    encoder = encoder or CountingEncoder()
    digests = [sha256_text(text) for text in texts]
    embed(texts, [str(n) for n in range(len(texts))], digests, encoder=encoder, store=store)
    expected = CountingEncoder().encode_documents(list(texts))
    np.testing.assert_array_equal(store.read(digests), expected)
    return encoder


DIGESTS = st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), max_size=60)


@given(DIGESTS, st.integers(1, 9), st.data())
def test_what_is_left_after_whole_slices_is_the_same_slices(digests: list[str], size: int, data: st.DataObject) -> None:
    whole = plan_slices(digests, set(), slice_rows=size)
    done = data.draw(st.lists(st.sampled_from(whole), unique=True)) if whole else []
    left = plan_slices(digests, {digests[row] for part in done for row in part.rows}, slice_rows=size)
    assert left == [part for part in whole if part not in done]


@given(DIGESTS, st.sets(st.sampled_from("abcdefghij")), st.integers(1, 9))
def test_every_missing_text_is_planned_exactly_once(digests: list[str], done: set[str], size: int) -> None:
    planned = [digests[row] for part in plan_slices(digests, done, slice_rows=size) for row in part.rows]
    assert sorted(planned) == sorted(set(digests) - done)


def test_a_second_run_computes_nothing(tmp_path: Path) -> None:
    texts = [f"text {n}" for n in range(5000)]
    assert len(run(texts, VectorStore(tmp_path)).seen) == 5000
    assert run(texts, VectorStore(tmp_path)).seen == []


def test_equal_texts_are_computed_once(tmp_path: Path) -> None:
    assert run(["a", "b", "a", "a"], VectorStore(tmp_path)).seen == ["a", "b"]


@pytest.mark.parametrize(
    ("after", "computed"),
    [
        (["a", "b", "c", "d"], ["d"]),
        (["c", "a", "b"], []),
        (["a", "B", "c"], ["B"]),
        (["c"], []),
    ],
    ids=["grown", "reordered", "edited", "shrunk"],
)
def test_a_changed_corpus_computes_what_changed(tmp_path: Path, after: list[str], computed: list[str]) -> None:
    run(["a", "b", "c"], VectorStore(tmp_path))
    assert run(after, VectorStore(tmp_path)).seen == computed


def test_an_error_half_way_keeps_what_was_committed(tmp_path: Path) -> None:
    texts, store = [f"text {n}" for n in range(20_000)], VectorStore(tmp_path)
    with pytest.raises(MemoryError):
        run(texts, store, CountingEncoder(fail_after=10_000))
    assert len(store.done()) == 8192
    assert len(run(texts, store).seen) == 20_000 - 8192


def test_a_vector_that_is_not_finite_is_never_stored(tmp_path: Path) -> None:
    class Broken(CountingEncoder):
        def encode_documents(self, texts: list[str]) -> NDArray[np.float32]:
            vectors = super().encode_documents(texts)
            vectors[0, 0] = np.nan
            return vectors

    with pytest.raises(KnowscapeError, match="not finite"):
        embed(["a"], ["1"], [sha256_text("a")], encoder=Broken(), store=VectorStore(tmp_path))
    assert not VectorStore(tmp_path).parts.exists()


def test_asking_for_a_text_without_a_vector_says_how_many_and_what_to_type(tmp_path: Path) -> None:
    run(["a"], VectorStore(tmp_path))
    with pytest.raises(KnowscapeError, match=r"1 of 2 texts have no vector.*knowscape embed"):
        VectorStore(tmp_path).read([sha256_text("a"), sha256_text("b")])


def test_the_check_finds_bad_vectors_and_second_ones(tmp_path: Path) -> None:
    store = VectorStore(tmp_path)
    about = CountingEncoder.spec.about()
    with store.writing(about) as append:
        append(["1", "2"], ["x", "y"], np.stack([np.zeros(8), np.full(8, 2.0)]).astype(np.float32))
        append(["3"], ["x"], np.eye(8, dtype=np.float32)[:1])
    faults = " ".join(store.check(full=True))
    assert "1 vectors are all zero" in faults
    assert "2 vectors are not of length one" in faults
    assert "1 texts have a second vector" in faults
