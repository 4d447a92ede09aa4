"""The encoder's fast path on CPU: a transformer in OpenVINO, without torch, fed with batches of like lengths."""

import gc
import json
from collections import deque
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.encoders.batches import Batch, Batches, TokenBudget, out_of_memory, prompted
from knowscape.encoders.graph import build_graph
from knowscape.encoders.positions import room_for, token_starts, uncut
from knowscape.encoders.processor import computes_bf16
from knowscape.encoders.spec import EncoderSpec
from knowscape.errors import DeviceLostError, KnowscapeError

__all__ = ["NativeEncoder"]

# Padded tokens in one batch: in fp32 on two cores 1,024 gave 227 texts/s, 2,048 218, 4,096 206; 768 was no faster.
_BATCH_TOKENS = 1024
# Settings that OpenVINO does not document, and may drop.  It compiles attention into one kernel, which is fast only for
# lengths that sixteen divides: in parts it is 9 % faster on texts of 40 tokens in bf16, 4 % on 250, 2 % in fp32.  And
# it keeps what it made for 5,000 shapes, which takes hundreds of megabytes and is no faster than keeping 256.
_UNDOCUMENTED = {"SNIPPETS_MODE": "DISABLE", "CPU_RUNTIME_CACHE_CAPACITY": 256}
# Texts on which bf16 must agree with fp32: of every length, and in batches with and without padding.
_SENTENCE = "Neighbours on the map are neighbours in meaning, from the sun to a cell. "
_CANARIES = ("a", "sun", _SENTENCE, "1234 # ?", _SENTENCE * 3, _SENTENCE[::-1], _SENTENCE * 12, _SENTENCE * 40)
_LEAST_COSINE = 0.999
# Of each call, one text in so many is computed a second time, alone; how near its two vectors must be, how many starts.
_CHECKED, _LEAST_AGREEMENT, _STARTS = 128, 0.999, 3


class NativeEncoder:
    """A model of one of ARCHITECTURES on the CPU.

    `precision` is f32, bf16 or auto: bf16 where the processor computes in it and a few texts get the same vectors as
    in fp32, else fp32. bf16 is several times faster on some processors and wrong on others
    (openvinotoolkit/openvino#38256).
    """

    def __init__(
        self,
        spec: EncoderSpec,
        folder: Path,
        *,
        precision: str = "auto",
        batch_tokens: int | None = None,
        threads: int | None = None,
    ) -> None:
        import openvino
        from tokenizers import Tokenizer

        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        weights = folder / "model.safetensors"
        build = partial(build_graph, config, weights, pooling=spec.pooling, normalised=spec.normalised)
        graph = build()
        self.spec = spec
        self._budget = TokenBudget(batch_tokens or _BATCH_TOKENS)
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(spec.max_tokens)
        self._lock, self._closed = Lock(), False
        core = openvino.Core()
        self.precision = "f32" if precision == "auto" else precision
        self._requests = _requests(core, graph, self.precision, threads)
        self._compile: Callable[[], list[Any]] = lambda: _requests(core, build(), self.precision, threads)
        if precision == "auto" and computes_bf16():
            self._try_bf16(_requests(core, graph, "bf16", threads))

    def _try_bf16(self, requests: list[Any]) -> None:
        """Go over to `requests` where the canaries get the vectors of fp32."""
        tokens = self._tokenise(list(_CANARIES), "")
        exact, fp32 = self._compute(tokens, self._budget), self._requests
        self._requests = requests
        near = self._compute(tokens, self._budget)
        if _cosines(exact, near).min() >= _LEAST_COSINE:
            self.precision = "bf16"
        else:
            self._requests = fp32

    def _start_anew(self) -> None:
        """Free what openvino keeps: memory for the largest shapes, and for those that failed."""
        self._requests.clear()
        gc.collect()  # errors and the frames that they came through hold each other, and the requests
        self._requests = self._compile()

    def encode_documents(self, texts: list[str]) -> NDArray[np.float32]:
        """Return float32[n, dimension], of length one where the spec says so; the same list gives the same bytes."""
        return self._encode(texts, self.spec.document_prompt)

    def encode_queries(self, texts: list[str]) -> NDArray[np.float32]:
        """Return float32[n, dimension], with the prompt for queries."""
        return self._encode(texts, self.spec.query_prompt)

    def close(self) -> None:
        """End what is running in other threads soon; the encoder cannot be used again."""
        self._closed = True

    def token_counts(self, texts: list[str]) -> list[int]:
        """Return how many tokens each text has, after it is cut to the most that the model takes."""
        return [len(tokens) for tokens in self._tokenise(texts, self.spec.document_prompt)]

    def token_starts(self, texts: list[str]) -> list[NDArray[np.int64]]:
        """Return the characters at which the tokens of each text begin, nothing cut, without special tokens."""
        return token_starts(self._uncut, texts)

    @cached_property
    def room(self) -> int:
        """How many tokens of its own a document may have so that nothing of it is cut."""
        return room_for(self.spec, self._uncut)

    @cached_property
    def _uncut(self) -> Any:
        return uncut(self._tokenizer)

    def _tokenise(self, texts: list[str], prompt: str) -> list[NDArray[np.int32]]:
        whole = prompted(texts, prompt, self.spec.max_tokens)
        return [np.array(e.ids, np.int32) for e in self._tokenizer.encode_batch_fast(whole)]

    def _encode(self, texts: list[str], prompt: str) -> NDArray[np.float32]:
        """Compute, and start openvino anew until some of the texts get the same vectors alone.

        Once, on a busy machine, one of two streams gave long texts wrong vectors, again and again and without an error.
        Raises KnowscapeError where it does so after several starts.
        """
        tokens = self._tokenise(texts, prompt)
        longest_first = np.argsort([-len(t) for t in tokens], kind="stable")
        some = longest_first[::_CHECKED][: len(texts) - 1]  # none of a single text: it is alone
        with self._lock:
            for _ in range(_STARTS):
                out = self._compute(tokens, self._budget)
                alone = self._compute([tokens[row] for row in some], TokenBudget(1))
                if _agree(out[some], alone):
                    return out
                self._start_anew()
        raise KnowscapeError("This processor gives the same text different vectors at different times: none is kept.")

    def _compute(self, tokens: list[NDArray[np.int32]], budget: TokenBudget) -> NDArray[np.float32]:
        out = np.zeros((len(tokens), self.spec.dimension), dtype=np.float32)
        if not self._requests:  # an earlier call could not start anew
            self._start_anew()
        batches, side_by_side = Batches([len(t) for t in tokens], budget), len(self._requests)
        while batches:
            failed = self._run(self._requests[:side_by_side], batches, tokens, out=out)
            if failed:
                self._start_anew()
                batches.give_back(failed, alone=side_by_side == 1)
            if any(len(batch.rows) == 1 for batch in failed):
                side_by_side = 1  # a text may fit when nothing runs beside it
        return out

    def _run(
        self, requests: list[Any], batches: Batches, tokens: list[NDArray[np.int32]], *, out: NDArray[np.float32]
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
    if threads is not None:
        options["INFERENCE_NUM_THREADS"] = threads
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


def _pad(tokens: list[NDArray[np.int32]]) -> list[NDArray[Any]]:
    ids = np.zeros((len(tokens), len(tokens[0])), np.int32)
    mask = np.zeros(ids.shape, np.float32)
    for row, values in enumerate(tokens):
        ids[row, : len(values)] = values
        mask[row, : len(values)] = 1
    return [ids, mask]
