"""A transformer in OpenVINO on the CPU, fed with batches of like lengths: what the native encoder and the native
cross-encoder share."""

import gc
from collections import deque
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.batches import Batch, Batches, TokenBudget, out_of_memory
from knowscape.encoders.openvino import openvino
from knowscape.encoders.processor import computes_bf16
from knowscape.errors import DeviceLostError, KnowscapeError

__all__ = ["CANARIES", "NativeEngine"]

# Padded tokens in one batch: in fp32 on two cores 1,024 gave 227 texts/s, 2,048 218, 4,096 206; 768 was no faster.
_BATCH_TOKENS = 1024
# Settings that OpenVINO does not document, and may drop.  It compiles attention into one kernel, which is fast only for
# lengths that sixteen divides: in parts it is 9 % faster on texts of 40 tokens in bf16, 4 % on 250, 2 % in fp32.  And
# it keeps what it made for 5,000 shapes, which takes hundreds of megabytes and is no faster than keeping 256.
_UNDOCUMENTED = {"SNIPPETS_MODE": "DISABLE", "CPU_RUNTIME_CACHE_CAPACITY": 256}
# Texts on which bf16 must agree with fp32: of every length, and in batches with and without padding.
_SENTENCE = "Neighbours on the map are neighbours in meaning, from the sun to a cell. "
CANARIES = ("a", "sun", _SENTENCE, "1234 # ?", _SENTENCE * 3, _SENTENCE[::-1], _SENTENCE * 12, _SENTENCE * 40)
_LEAST_COSINE = 0.999
# Of each call, one row in so many is computed a second time, alone; how near its two vectors must be, how many starts.
_CHECKED, _LEAST_AGREEMENT, _STARTS = 128, 0.999, 3

# int32[lines, tokens]: a row's tokens and, where the graph asks for them, their types.
Tokens = NDArray[np.int32]


class NativeEngine:
    """A graph on the CPU, from rows of tokens to vectors float32[rows, width].

    `build` makes the graph, which takes ids int32[batch, tokens], mask float32[batch, tokens] and then the rows' other
    lines.  `precision` is f32, bf16 or auto: bf16 where the processor computes in it and the `canaries` get the same
    vectors as in fp32, else fp32.  bf16 is several times faster on some processors and wrong on others
    (openvinotoolkit/openvino#38256).
    """

    def __init__(
        self,
        build: Callable[[], Any],
        width: int,
        canaries: Sequence[Tokens],
        *,
        precision: str,
        batch_tokens: int | None,
        threads: int | None,
    ) -> None:
        self._width = width
        self._budget = TokenBudget(batch_tokens or _BATCH_TOKENS)
        self._lock, self._closed = Lock(), False
        graph, core = build(), openvino().Core()
        self.precision = "f32" if precision == "auto" else precision
        self._requests = _requests(core, graph, self.precision, threads)
        self._compile: Callable[[], list[Any]] = lambda: _requests(core, build(), self.precision, threads)
        if precision == "auto" and computes_bf16():
            self._try_bf16(_requests(core, graph, "bf16", threads), canaries)

    def _try_bf16(self, requests: list[Any], canaries: Sequence[Tokens]) -> None:
        """Go over to `requests` where the canaries get the vectors of fp32."""
        exact, fp32 = self._compute(canaries, self._budget), self._requests
        self._requests = requests
        near = self._compute(canaries, self._budget)
        if _cosines(exact, near).min() >= _LEAST_COSINE:
            self.precision = "bf16"
        else:
            self._requests = fp32

    def _start_anew(self) -> None:
        """Free what openvino keeps: memory for the largest shapes, and for those that failed."""
        self._requests.clear()
        gc.collect()  # errors and the frames that they came through hold each other, and the requests
        self._requests = self._compile()

    def close(self) -> None:
        """End what is running in other threads soon; the engine cannot be used again."""
        self._closed = True

    def compute(self, tokens: Sequence[Tokens]) -> NDArray[np.float32]:
        """Return float32[rows, width], having started openvino anew until some of the rows get the same vectors alone.

        Once, on a busy machine, one of two streams gave long texts wrong vectors, again and again and without an error.
        Raises KnowscapeError where it does so after several starts.
        """
        longest_first = np.argsort([-row.shape[1] for row in tokens], kind="stable")
        some = longest_first[::_CHECKED][: len(tokens) - 1]  # none of a single row: it is alone
        with self._lock:
            for _ in range(_STARTS):
                out = self._compute(tokens, self._budget)
                alone = self._compute([tokens[row] for row in some], TokenBudget(1))
                if _agree(out[some], alone):
                    return out
                self._start_anew()
        raise KnowscapeError("This processor gives the same text different vectors at different times: none is kept.")

    def _compute(self, tokens: Sequence[Tokens], budget: TokenBudget) -> NDArray[np.float32]:
        out = np.zeros((len(tokens), self._width), dtype=np.float32)
        if not self._requests:  # an earlier call could not start anew
            self._start_anew()
        batches, side_by_side = Batches([row.shape[1] for row in tokens], budget), len(self._requests)
        while batches:
            failed = self._run(self._requests[:side_by_side], batches, tokens, out=out)
            if failed:
                self._start_anew()
                batches.give_back(failed, alone=side_by_side == 1)
            if any(len(batch.rows) == 1 for batch in failed):
                side_by_side = 1  # a text may fit when nothing runs beside it
        return out

    def _run(
        self, requests: list[Any], batches: Batches, tokens: Sequence[Tokens], *, out: NDArray[np.float32]
    ) -> list[Batch]:
        """Compute until no row waits or memory runs out, and return the batches that it did not suffice for.

        Nothing runs any more when it returns or raises: a request that runs cannot be started again.
        """
        idle, running = list(requests), deque[tuple[Any, Batch]]()
        failed: list[tuple[Batch, Exception]] = []

        def finish_first() -> None:
            request, batch = running.popleft()
            try:
                request.wait()
            except (RuntimeError, MemoryError) as error:
                failed.append((batch, error))
            else:
                out[batch.rows] = request.get_output_tensor(0).data
                batches.succeed()
            idle.append(request)

        try:
            while batches and not failed:
                if self._closed:
                    raise DeviceLostError("The encoder was closed.")
                if not idle:
                    finish_first()
                    continue
                request, batch = idle.pop(), batches.take()
                try:
                    request.start_async(_pad([tokens[row] for row in batch.rows]))
                except (RuntimeError, MemoryError) as error:
                    failed.append((batch, error))
                else:
                    running.append((request, batch))
        finally:
            while running:
                finish_first()
        for _, reason in failed:
            if not out_of_memory(reason):
                raise reason
        return [batch for batch, _ in failed]


def _requests(core: Any, graph: Any, precision: str, threads: int | None) -> list[Any]:
    """Compile the graph and return requests that keep every core busy.

    Requests of our own and no callback: openvino's queue hands results over on a thread that waits for the interpreter,
    and its end, which holds the interpreter, waits for that thread.
    """
    options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": precision, "PERFORMANCE_HINT": "THROUGHPUT"}
    if threads is not None:  # a share of the cores: by itself OpenVINO binds every process's threads to the first ones
        options |= {"INFERENCE_NUM_THREADS": threads, "ENABLE_CPU_PINNING": False}
    try:
        compiled = core.compile_model(graph, "CPU", {**options, **_UNDOCUMENTED})
    except RuntimeError:
        compiled = core.compile_model(graph, "CPU", options)
    streams = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
    requests = [compiled.create_infer_request() for _ in range(2 * streams)]
    for request in requests:
        # OpenVINO packs weights when a shape first needs them, and finds packed ones again by the address of the
        # originals: no other weights may come to lie there while a request lives.
        request.graph = graph
    return requests


def _cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the cosine of each row of one with the same row of the other, -1 where there is none."""
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    found: NDArray[np.float32] = np.nan_to_num((one * other).sum(axis=1) / np.where(norms > 0, norms, np.nan), nan=-1)
    return found


def _agree(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Return whether each row points where the other's does, or has no direction where that has none."""
    usable, also = (np.isfinite(rows).all(axis=1) & rows.any(axis=1) for rows in (one, other))
    return bool((np.where(usable & also, _cosines(one, other) >= _LEAST_AGREEMENT, usable == also)).all())


def _pad(rows: list[Tokens]) -> list[NDArray[Any]]:
    """Return what the graph takes: the ids, the mask, and the other lines where rows have some."""
    lines = np.zeros((len(rows[0]), len(rows), rows[0].shape[1]), np.int32)
    mask = np.zeros(lines.shape[1:], np.float32)
    for row, values in enumerate(rows):
        lines[:, row, : values.shape[1]] = values
        mask[row, : values.shape[1]] = 1
    return [lines[0], mask, *lines[1:]]
