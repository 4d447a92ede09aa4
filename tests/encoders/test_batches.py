"""Every row is computed once, whatever its company and wherever memory runs out."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowscape.encoders.batches import Batch, Batches, TokenBudget, out_of_memory, prompted, run_batches
from knowscape.encoders.catalogue import DEFAULT_MODEL, entry
from knowscape.encoders.native import NativeEncoder
from knowscape.encoders.weights import fetch_weights
from knowscape.errors import TextTooLargeError

LENGTHS = st.lists(st.integers(0, 50), max_size=60)
BUDGETS = st.integers(1, 400)


def run(lengths: list[int], budget: TokenBudget, compute: Callable[[Batch], None], widths: Any = ()) -> list[Batch]:
    """Run the rows through `compute` and return the batches that it did not fail for."""
    done = []

    def note(batch: Batch) -> None:
        compute(batch)
        done.append(batch)

    run_batches(Batches(lengths, budget, widths=widths), note)
    return done


def rows(batches: list[Batch]) -> list[int]:
    return [int(row) for batch in batches for row in batch.rows]


@given(LENGTHS, BUDGETS, st.sampled_from([(), (8, 16, 64), (50,)]))
def test_every_row_is_computed_once_and_no_batch_exceeds_the_budget(
    lengths: list[int], tokens: int, widths: tuple[int, ...]
) -> None:
    done = run(lengths, TokenBudget(tokens), lambda batch: None, widths)
    assert sorted(rows(done)) == [row for row, length in enumerate(lengths) if length]
    for batch in done:
        assert batch.tokens <= tokens or len(batch.rows) == 1
        assert batch.width >= max(lengths[row] for row in batch.rows)
        assert batch.width in (widths or lengths)


@given(LENGTHS, BUDGETS, st.sets(st.integers(0, 30)))
def test_memory_may_run_out_at_any_batch_of_many_texts(lengths: list[int], tokens: int, bad: set[int]) -> None:
    calls = 0

    def compute(batch: Batch) -> None:
        nonlocal calls
        calls += 1
        if calls - 1 in bad and len(batch.rows) > 1:
            raise MemoryError

    done = run(lengths, TokenBudget(tokens), compute)
    assert sorted(rows(done)) == [row for row, length in enumerate(lengths) if length]
    assert [lengths[row] for row in rows(done)] == sorted(filter(None, lengths), reverse=True)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), BUDGETS, st.integers(50, 200))
def test_memory_may_be_smaller_than_the_budget(lengths: list[int], tokens: int, memory: int) -> None:
    def compute(batch: Batch) -> None:
        if batch.tokens > memory:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    done = run(lengths, TokenBudget(tokens), compute)
    assert sorted(rows(done)) == list(range(len(lengths)))


@given(st.lists(st.integers(1, 50), max_size=30), BUDGETS, st.sets(st.integers(0, 40)))
def test_batches_that_run_side_by_side_may_fail_together(lengths: list[int], tokens: int, bad: set[int]) -> None:
    batches, done, calls = Batches(lengths, TokenBudget(tokens)), list[int](), iter(range(1000))
    while batches:
        beside = []
        while batches and len(beside) < 4:
            beside.append(batches.take())
        failed = [batch for batch in beside if next(calls) in bad]
        done += rows([batch for batch in beside if batch not in failed])
        batches.give_back(failed, alone=False)
    assert sorted(done) == list(range(len(lengths)))


def test_a_failure_halves_the_budget_and_good_batches_bring_it_back() -> None:
    budget = TokenBudget(1000)
    budget.shrink(1000)
    assert budget.tokens == 500
    budget.shrink(120)  # a small batch failed: half of the budget would pack the same batch again
    assert budget.tokens == 62
    seen = []
    for _ in range(32 * 6):
        budget.succeed()
        seen.append(budget.tokens)
    assert sorted(set(seen)) == [62, 312, 562, 812, 1000]
    assert seen[30:33] == [62, 312, 312]


def test_a_failure_starts_the_count_of_good_batches_anew() -> None:
    budget = TokenBudget(1000)
    for _ in range(31):
        budget.succeed()
    budget.shrink(1000)
    budget.succeed()
    assert budget.tokens == 500


def test_the_budget_never_reaches_zero() -> None:
    budget = TokenBudget(4)
    for _ in range(5):
        budget.shrink(1)
    assert budget.tokens == 1


def test_a_single_text_that_does_not_fit_is_an_error_that_says_its_tokens() -> None:
    def compute(batch: Batch) -> None:
        if batch.width > 30:
            raise MemoryError

    with pytest.raises(TextTooLargeError, match=r"^A single text of 40 tokens does not fit into memory\.$"):
        run([5, 40, 20], TokenBudget(100), compute)


def test_another_error_is_not_taken_for_a_lack_of_memory() -> None:
    def compute(batch: Batch) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="mat1"):
        run([1], TokenBudget(1), compute)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 9.05 GB)"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("Exception from src/inference: std::bad_alloc"), True),
        (RuntimeError("Check 'ptr' failed at cpu_memory.cpp:257: Failed to allocate 198574080 bytes of memory"), True),
        (RuntimeError("Insufficient memory"), True),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
        (ValueError("out of memory"), False),
    ],
    ids=str,
)
def test_what_counts_as_out_of_memory(error: Exception, expected: bool) -> None:
    assert out_of_memory(error) is expected


def test_a_text_is_cut_to_what_the_tokens_can_hold() -> None:
    assert prompted(["abc", "x" * 900], "q: ", 5) == ["q: abc", "q: " + "x" * 497]


class Flaky:
    """A request that at some of its calls says that memory ran out."""

    def __init__(self, request: Any, fails: Callable[[str, int], bool]) -> None:
        self._request, self._fails, self._rows = request, fails, 0

    def start_async(self, inputs: list[Any]) -> None:
        self._rows = len(inputs[0])
        if self._fails("start", self._rows):
            raise RuntimeError("could not allocate")
        self._request.start_async(inputs)

    def wait(self) -> None:
        self._request.wait()
        if self._fails("wait", self._rows):
            raise RuntimeError("std::bad_alloc")

    def get_output_tensor(self, index: int) -> Any:
        return self._request.get_output_tensor(index)


TEXTS = [" ".join(["the map of ideas, sun and moon"] * n) for n in range(9)] * 4


@pytest.fixture(scope="module")
def native() -> NativeEncoder:
    known = entry(DEFAULT_MODEL)
    return NativeEncoder(known.spec, fetch_weights(known), precision="f32", batch_tokens=256)


@pytest.fixture(scope="module")
def expected(native: NativeEncoder) -> Any:
    return native.encode_documents(TEXTS)


def make_flaky(encoder: NativeEncoder, patch: pytest.MonkeyPatch, fails: Callable[[str, int], bool]) -> None:
    patch.setattr(encoder._engine, "_budget", TokenBudget(256))
    flaky = [Flaky(request, fails) for request in encoder._engine._requests]
    patch.setattr(encoder._engine, "_requests", list(flaky))
    patch.setattr(encoder._engine, "_compile", lambda: list(flaky))


@pytest.mark.parametrize("where", ["start", "wait"])
@pytest.mark.parametrize("every", [2, 3, 7])
def test_the_native_encoder_survives_failures_now_and_then(
    native: NativeEncoder, expected: Any, monkeypatch: pytest.MonkeyPatch, where: str, every: int
) -> None:
    calls = 0

    def fails(step: str, rows: int) -> bool:
        nonlocal calls
        calls += step == where
        return step == where and rows > 1 and calls % every == 0

    make_flaky(native, monkeypatch, fails)
    np.testing.assert_allclose(native.encode_documents(TEXTS), expected, atol=2e-6)
    assert calls >= every


def test_the_native_encoder_tries_a_single_text_alone_before_it_gives_up(
    native: NativeEncoder, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside others it may lack the memory that it has alone."""
    failed = False

    def fails(step: str, rows: int) -> bool:
        nonlocal failed
        first, failed = not failed and step == "wait" and rows == 1, failed or (step == "wait" and rows == 1)
        return first

    make_flaky(native, monkeypatch, fails)
    monkeypatch.setattr(native._engine, "_budget", TokenBudget(1))
    np.testing.assert_allclose(native.encode_documents(TEXTS[:20]), expected[:20], atol=2e-6)
    assert failed
    make_flaky(native, monkeypatch, lambda step, rows: step == "wait")
    with pytest.raises(TextTooLargeError, match="single text of"):
        native.encode_documents(TEXTS)


def test_the_native_encoder_works_on_after_it_could_not_start_anew(
    native: NativeEncoder, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compile_() -> list[Any]:
        raise MemoryError

    with monkeypatch.context() as patch:
        make_flaky(native, patch, lambda step, rows: step == "wait")
        patch.setattr(native._engine, "_compile", compile_)
        with pytest.raises(MemoryError):
            native.encode_documents(TEXTS)
    native._engine._requests.clear()
    assert native.encode_documents(TEXTS).tobytes() == expected.tobytes()


def test_the_native_encoder_works_on_after_another_error(
    native: NativeEncoder, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(step: str, rows: int) -> bool:
        raise RuntimeError("Infer Request is broken")

    with monkeypatch.context() as patch:
        make_flaky(native, patch, fails)
        with pytest.raises(RuntimeError, match="broken"):
            native.encode_documents(TEXTS)
    assert native.encode_documents(TEXTS).tobytes() == expected.tobytes()


def test_a_new_encoder_gives_the_same_bytes_where_nothing_fails(native: NativeEncoder, expected: Any) -> None:
    known = entry(DEFAULT_MODEL)
    again = NativeEncoder(known.spec, fetch_weights(known), precision="f32", batch_tokens=256)
    assert again.encode_documents(TEXTS).tobytes() == native.encode_documents(TEXTS).tobytes() == expected.tobytes()


DRILL = """
import resource, sys
import numpy as np
from knowscape.encoders.catalogue import entry
from knowscape.encoders.native import NativeEncoder
from knowscape.encoders.weights import fetch_weights

known = entry("all-MiniLM-L6-v2")
texts = [" ".join(["map of ideas, sun and moon; rivers?"] * 20)] * 100
encoder = NativeEncoder(known.spec, fetch_weights(known), precision="f32", batch_tokens=40_000)
expected = encoder.encode_documents(texts[:1])
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 300 * 2**20,) * 2)
np.testing.assert_allclose(encoder.encode_documents(texts), expected.repeat(100, axis=0), atol=2e-6)
print(encoder._engine._budget.tokens)
"""


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="limits a process's memory as Linux does")
def test_a_process_whose_memory_is_limited_computes_in_smaller_batches() -> None:
    done = subprocess.run([sys.executable, "-c", DRILL], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 40_000
