"""Only what is missing is embedded, and what is committed is never computed again."""

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from fakes import SPEC, CountingEncoder
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from knowscape.embed.executors import Threads, Work
from knowscape.embed.plan import SLICE_ROWS, plan_slices, slice_rows
from knowscape.embed.run import Commits, Texts, embed
from knowscape.embed.worker import Encoded, encode_slice
from knowscape.errors import DeviceLostError, KnowscapeError
from knowscape.files import sha256_text
from knowscape.store.vectors import VectorStore


def run(texts: Sequence[str], store: VectorStore, encoder: CountingEncoder | None = None) -> CountingEncoder:
    """Embed, and hold what is stored against what the encoder says."""
    encoder = encoder or CountingEncoder()
    digests = [sha256_text(text) for text in texts]
    these = Texts(texts, [str(n) for n in range(len(texts))], digests)
    embed(these, spec=SPEC, executor=Threads(lambda: encoder), store=store)
    np.testing.assert_array_equal(store.read(digests), CountingEncoder().encode_documents(list(texts)))
    return encoder


DIGESTS = st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), max_size=60)


@given(DIGESTS, st.integers(1, 9), st.data())
def test_what_is_left_after_whole_slices_is_the_same_slices(digests: list[str], size: int, data: st.DataObject) -> None:
    whole = plan_slices(digests, set(), slice_rows=size)
    done = data.draw(st.lists(st.sampled_from(whole), unique=True)) if whole else []
    left = plan_slices(digests, {digests[row] for part in done for row in part.rows}, slice_rows=size)
    assert left == [part for part in whole if part not in done]


@pytest.mark.parametrize(
    ("megabytes", "rows"), [(0, 2048), (91, 2048), (134, 1024), (438, 256), (1340, 128), (16_000, 8), (10**9, 1)]
)
def test_a_slice_of_a_large_model_has_fewer_rows(megabytes: int, rows: int) -> None:
    assert slice_rows(megabytes * 10**6) == rows
    assert slice_rows(megabytes * 10**6, fast=True) == SLICE_ROWS


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

    early = set(texts[:8192])

    def fail_late(now: list[str], vectors: NDArray[np.float32]) -> None:
        if not early.issuperset(now):
            raise RuntimeError("the bus is gone")

    failing = CountingEncoder(fail_late)
    with pytest.raises(DeviceLostError, match="the bus is gone"):
        run(texts, store, failing)
    assert failing.closed
    assert len(store.done()) == 8192
    assert len(run(texts, store).seen) == 20_000 - 8192


def test_a_run_commits_after_so_many_rows_or_seconds(tmp_path: Path) -> None:
    texts = [f"text {n}" for n in range(3 * SLICE_ROWS)]
    these = Texts(texts, texts, [sha256_text(text) for text in texts])
    for name, commits, parts in (("rows", Commits(rows=SLICE_ROWS), 3), ("seconds", Commits(seconds=0), 3)):
        store = VectorStore(tmp_path / name)
        embed(these, spec=SPEC, executor=Threads(CountingEncoder), store=store, commits=commits)
        assert len(store.parts.parts()) == parts


class Slowly:
    """Hands over a slice every 0.2 s."""

    def encode(self, slices: Iterable[Work], *, queries: bool = False) -> Iterator[tuple[int, Encoded]]:
        for number, texts, *_ in slices:
            time.sleep(0.2)
            yield number, encode_slice(CountingEncoder().encode_documents, texts)

    def stored(self) -> None:
        """Nothing is kept."""


def test_no_commit_holds_more_seconds_of_work_than_it_may(tmp_path: Path) -> None:
    """Of a run that may lose 0.5 s no part holds three slices of 0.2 s."""
    texts, store = [f"text {n}" for n in range(8 * SLICE_ROWS)], VectorStore(tmp_path)
    these = Texts(texts, texts, [sha256_text(text) for text in texts])
    embed(these, spec=SPEC, executor=Slowly(), store=store, commits=Commits(seconds=0.5, rows=10**6))
    assert max(part.rows for part in store.parts.parts()) <= 2 * SLICE_ROWS


def test_asking_for_a_text_without_a_vector_says_how_many_and_what_to_type(tmp_path: Path) -> None:
    run(["a"], VectorStore(tmp_path))
    with pytest.raises(KnowscapeError, match=r"1 of 2 texts have no vector.*knowscape embed"):
        VectorStore(tmp_path).read([sha256_text("a"), sha256_text("b")])


def test_the_check_finds_bad_vectors_and_second_ones(tmp_path: Path) -> None:
    store = VectorStore(tmp_path)
    about = SPEC.about()
    with store.writing(about) as append:
        append(["1", "2"], ["x", "y"], np.stack([np.zeros(8), np.full(8, 2.0)]).astype(np.float32))
        append(["3"], ["x"], np.eye(8, dtype=np.float32)[:1])
    faults = " ".join(map(str, store.check(full=True)))
    assert "1 vectors that are all zero: rows 0." in faults
    assert "1 vectors that are not of length one: rows 1." in faults
    assert "a second vector of 1 texts" in faults
