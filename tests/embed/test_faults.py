"""Whatever fails while texts are embedded: every good text gets its vector exactly once, and the run goes on."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Event, Timer

import fakes
import numpy as np
import pytest
from fakes import SPEC, CountingEncoder
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from knowscape.atlas import Atlas
from knowscape.build import MapOptions, embed_corpus, make_page, map_atlas, put_corpus
from knowscape.corpus.document import Corpus, Document
from knowscape.embed.executors import Executor, Processes, Threads
from knowscape.embed.plan import SLICE_ROWS
from knowscape.embed.run import Embedded, Texts, embed
from knowscape.embed.worker import encode_slice
from knowscape.errors import DeviceLostError, KnowscapeError
from knowscape.files import sha256_text
from knowscape.store.atlas import AtlasFolder
from knowscape.store.vectors import VectorStore

TEXTS = [f"text {n}" for n in range(3 * SLICE_ROWS + 5)]
Spoil = Callable[[list[str], NDArray[np.float32]], None]


def run(executor: Executor, store: VectorStore, texts: list[str] = TEXTS) -> Embedded:
    these = Texts(texts, texts, [sha256_text(text) for text in texts])
    with closing(executor):
        return embed(these, spec=SPEC, executor=executor, store=store)


def assert_all_but(bad: set[str], store: VectorStore, texts: list[str] = TEXTS) -> None:
    """Every good text is stored exactly once, with the vector of a calm run."""
    stored = store.parts.read(["text_digest"])
    assert stored is not None
    good = [text for text in texts if text not in bad]
    digests = [sha256_text(text) for text in good]
    assert sorted(stored["text_digest"].to_pylist()) == sorted(digests)
    np.testing.assert_array_equal(store.read(digests), CountingEncoder().encode_documents(good))


def refuse(bad: set[str], now: list[str], vectors: NDArray[np.float32]) -> None:
    if bad & set(now):
        raise ValueError("this text is poison")


@given(st.lists(st.text(max_size=5), min_size=1, max_size=40, unique=True), st.data())
def test_the_texts_that_fail_alone_are_found_whichever_they_are(texts: list[str], data: st.DataObject) -> None:
    bad = data.draw(st.sets(st.sampled_from(texts)))
    found = encode_slice(CountingEncoder(partial(refuse, bad)).encode_documents, texts)
    assert {texts[place] for place in found.reasons} == bad
    assert sorted([*found.places.tolist(), *found.reasons]) == list(range(len(texts)))
    good = [texts[place] for place in found.places]
    if good:
        np.testing.assert_array_equal(found.vectors, CountingEncoder().encode_documents(good))


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0], ids=["nan", "infinite", "zero"])
def test_a_useless_vector_puts_its_text_into_quarantine(tmp_path: Path, value: float) -> None:
    def spoil(now: list[str], vectors: NDArray[np.float32]) -> None:
        vectors[[text == "text 7" for text in now]] = value

    store = VectorStore(tmp_path)
    assert run(Threads(lambda: CountingEncoder(spoil)), store).failed == {"text 7": "its vector is not finite, or zero"}
    assert_all_but({"text 7"}, store)


def test_a_text_in_quarantine_is_tried_again_and_leaves_it_when_it_succeeds(tmp_path: Path) -> None:
    store, bad = VectorStore(tmp_path), {"text 0", "text 2048", "text 6000"}
    found = run(Threads(lambda: CountingEncoder(partial(refuse, bad))), store)
    assert found.failed == dict.fromkeys(bad, "this text is poison")
    assert store.quarantine() == {sha256_text(text): "this text is poison" for text in bad}
    assert_all_but(bad, store)
    assert run(Threads(CountingEncoder), store) == Embedded(3, 0, {})
    assert store.quarantine() == {}
    assert_all_but(set(), store)


def test_a_device_that_vanishes_is_left_for_another(tmp_path: Path) -> None:
    def vanish(now: list[str], vectors: NDArray[np.float32]) -> None:
        if len(first.seen) > SLICE_ROWS:
            raise RuntimeError("CUDA error: device lost")

    first, second, store = CountingEncoder(vanish), CountingEncoder(), VectorStore(tmp_path)
    assert run(Threads(lambda: first, lambda: second), store).failed == {}
    assert second.seen
    assert_all_but(set(), store)


def test_a_device_that_vanishes_with_no_other_ends_the_run_and_puts_no_text_into_quarantine(tmp_path: Path) -> None:
    def gone(now: list[str], vectors: NDArray[np.float32]) -> None:
        raise RuntimeError("CUDA error: device lost")

    store = VectorStore(tmp_path)
    with pytest.raises(DeviceLostError, match="cannot embed any text any more: CUDA error: device lost"):
        run(Threads(lambda: CountingEncoder(gone)), store)
    assert store.quarantine() == {}


def test_a_model_that_is_being_loaded_when_the_user_stops_computes_nothing() -> None:
    began, loaded, encoder = Event(), Event(), CountingEncoder(lambda texts, vectors: computed(texts))
    seen: list[bool] = []

    def computed(texts: list[str]) -> None:
        seen.append(encoder.closed)

    def load() -> CountingEncoder:
        began.set()
        assert loaded.wait(10)
        return encoder

    def slices() -> Iterator[tuple[int, list[str]]]:
        yield 0, ["a text"]
        assert began.wait(10)
        Timer(0.2, loaded.set).start()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(Threads(load).encode(slices()))
    assert encoder.closed
    assert all(seen), "an encoder that is closed refuses to compute; this one was asked before it was closed"


class Dying:
    """Loads an encoder whose process dies at a slice, once for each of `deaths`, which are noted as files."""

    def __init__(self, folder: Path, deaths: int) -> None:
        self._folder, self._deaths = folder, deaths

    def __call__(self, number: int) -> CountingEncoder:
        return CountingEncoder(self._die)

    def _die(self, now: list[str], vectors: NDArray[np.float32]) -> None:
        before = len(list(self._folder.iterdir()))
        if "text 3000" in now and before < self._deaths:
            (self._folder / str(before)).touch()
            os.kill(os.getpid(), signal.SIGKILL)


def test_processes_give_what_threads_give(tmp_path: Path) -> None:
    run(Processes(fakes.load, 2), VectorStore(tmp_path))
    assert_all_but(set(), VectorStore(tmp_path))


def test_a_worker_that_is_killed_is_replaced_and_its_slice_done_again(tmp_path: Path) -> None:
    (tmp_path / "deaths").mkdir()
    store = VectorStore(tmp_path / "store")
    assert run(Processes(Dying(tmp_path / "deaths", 3), 2), store).failed == {}
    assert len(list((tmp_path / "deaths").iterdir())) == 3
    assert_all_but(set(), store)


def test_workers_that_die_again_and_again_end_the_run_with_what_was_done_kept(tmp_path: Path) -> None:
    (tmp_path / "deaths").mkdir()
    store = VectorStore(tmp_path / "store")
    with pytest.raises(KnowscapeError, match=r"last worker ended 6 times in a row.*code -9"):
        run(Processes(Dying(tmp_path / "deaths", 99), 1), store)
    assert run(Processes(fakes.load, 1), store).failed == {}
    assert_all_but(set(), store)


class OneIsGone:
    """Loads encoders of which the first one's device never computes."""

    def __call__(self, number: int) -> CountingEncoder:
        def gone(now: list[str], vectors: NDArray[np.float32]) -> None:
            raise RuntimeError("CUDA error: device lost")

        return CountingEncoder(gone) if number == 0 else CountingEncoder()


def test_one_of_two_devices_that_vanishes_leaves_the_work_to_the_other(tmp_path: Path) -> None:
    store = VectorStore(tmp_path / "store")
    assert run(Processes(OneIsGone(), 2), store).failed == {}
    assert_all_but(set(), store)


class Growing:
    """Loads an encoder that holds on to more memory with every slice; each process is noted as a file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, number: int) -> CountingEncoder:
        (self._folder / str(os.getpid())).touch()
        kept: list[bytes] = []
        return CountingEncoder(lambda now, vectors: kept.append(b"x" * 60_000_000))


def test_a_worker_whose_memory_grows_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "processes").mkdir()
    store = VectorStore(tmp_path / "store")
    run(Processes(Growing(tmp_path / "processes"), 1, most_growth=50_000_000), store)
    assert len(list((tmp_path / "processes").iterdir())) >= 2
    assert_all_but(set(), store)


def test_processes_live_on_from_one_run_to_the_next_until_they_are_closed(tmp_path: Path) -> None:
    """Documents and questions are two runs: a large model should be loaded once."""
    (tmp_path / "processes").mkdir()
    with closing(Processes(Growing(tmp_path / "processes"), 1)) as executor:
        for queries in (False, True):
            ((number, result),) = executor.encode([(7, ["a", "b"])], queries=queries)
            assert (number, result.vectors.shape) == (7, (2, SPEC.dimension))
    assert len(list((tmp_path / "processes").iterdir())) == 1
    ((number, _),) = executor.encode([(8, ["c"])])
    executor.close()
    assert (number, len(list((tmp_path / "processes").iterdir()))) == (8, 2)


def refuse_model(number: int) -> CountingEncoder:
    raise KnowscapeError("the weights are gone")


def test_an_error_that_no_second_try_mends_is_raised_at_once(tmp_path: Path) -> None:
    with pytest.raises(KnowscapeError, match="the weights are gone"):
        run(Processes(refuse_model, 2), VectorStore(tmp_path))


def test_a_map_leaves_out_what_is_in_quarantine(tmp_path: Path) -> None:
    folder = AtlasFolder.create(tmp_path / "x.atlas")
    put_corpus(folder, Corpus.from_documents(Document(str(n), f"Star {n} shines on {n * 7}.") for n in range(30)))
    atlas = Atlas(folder)
    embed_corpus(atlas, "all-MiniLM-L6-v2")
    vectors = atlas.vectors().copy()
    bad = atlas.corpus.text_digests[4]
    folder.vectors(*atlas.model()).set_quarantine({bad: "said so by hand"})
    again = Atlas(folder)
    made = map_atlas(again, MapOptions())
    make_page(again)
    assert made.document_ids == [str(n) for n in range(30) if n != 4]
    np.testing.assert_array_equal(again.vectors(), np.delete(vectors, 4, axis=0))
    assert again.to_table().num_rows == 29
    assert again.check() == []
