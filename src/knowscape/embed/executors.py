"""Who encodes the slices: threads of this process around one loaded model, or processes with a model each."""

import multiprocessing
import resource
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from knowscape.embed.worker import Encoded, encode_slice
from knowscape.encoders.spec import Encoder
from knowscape.errors import DeviceLostError, KnowscapeError

__all__ = ["Executor", "Processes", "Threads", "Work"]

Load = Callable[[int], Encoder]

_MOST_RESTARTS = 5


class Work(NamedTuple):
    """A slice's number, its texts, the ids that they are stored with, and a key that is the same for the same texts."""

    number: int
    texts: list[str]
    ids: list[str]
    key: str


class Executor(Protocol):
    """Encodes numbered slices of texts."""

    def encode(self, slices: Iterable[Work], *, queries: bool = False) -> Iterator[tuple[int, Encoded]]:
        """Yield every slice's number and result, each once, in any order."""

    def stored(self) -> None:
        """Take note that all that was yielded is stored for good."""

    def close(self) -> None:
        """Free what was loaded; a later call loads it anew."""


class Threads:
    """One model in this process, loaded when the first slice comes.

    While it runs a slice, the next is tokenised and the last one is written.  `again` loads the model anew, on another
    device if need be, where its device was lost.
    """

    def __init__(self, load: Callable[[], Encoder], again: Callable[[], Encoder] | None = None) -> None:
        self._load, self._again, self._lock = load, again, threading.Lock()
        self._encoder: Encoder | None = None

    def encode(self, slices: Iterable[Work], *, queries: bool = False) -> Iterator[tuple[int, Encoded]]:
        """Yield the slices in the order they come in."""
        running: deque[tuple[int, Future[Encoded]]] = deque()
        stopped = threading.Event()
        with ThreadPoolExecutor(2) as pool:
            try:
                for number, texts, *_ in slices:
                    running.append((number, pool.submit(self._encode, texts, queries=queries, stopped=stopped)))
                    if len(running) > 2:
                        yield _result(*running.popleft())
                while running:
                    yield _result(*running.popleft())
            except BaseException:  # stopped by the user, say: what runs should end soon, and what loads not begin
                stopped.set()
                if self._encoder is not None:
                    self._encoder.close()
                raise
            finally:
                for _, future in running:
                    future.cancel()

    def stored(self) -> None:
        """Do nothing: no result is kept."""

    def close(self) -> None:
        self._encoder = None

    def _encode(self, texts: list[str], *, queries: bool, stopped: threading.Event) -> Encoded:
        with self._lock:
            self._encoder = encoder = self._encoder or self._load()
        if stopped.is_set():
            encoder.close()
        try:
            return encode_slice(_method(encoder, queries=queries), texts)
        except DeviceLostError:
            with self._lock:
                if stopped.is_set():
                    raise
                if self._encoder is encoder:  # else the other thread has loaded it already
                    if self._again is None:
                        raise
                    self._encoder, self._again = self._again(), None
        return self._encode(texts, queries=queries, stopped=stopped)


def _result(number: int, future: "Future[Encoded]") -> tuple[int, Encoded]:
    return number, future.result()


class Processes:
    """`count` processes with a model each, `load(n)` for the n-th; one that dies is replaced and its slice redone.

    They start with the first slice and live until `close`, or an error.  One that dies six times in a row is given up
    while others go on.

    A process that has grown by `most_growth` bytes after its first slice is replaced too: Apple's GPUs keep what they
    compiled for every shape.
    """

    def __init__(self, load: Load, count: int, *, most_growth: int | None = None) -> None:
        self._load, self._count, self._most_growth = load, count, most_growth
        self._workers: list[_Worker] = []

    def encode(self, slices: Iterable[Work], *, queries: bool = False) -> Iterator[tuple[int, Encoded]]:
        """Yield the slices as they are done; KnowscapeError where all the processes die again and again."""
        try:
            yield from self._encode(slices, queries=queries)
        except BaseException:  # also where the caller wants no more: what runs is of no use
            self.close()
            raise

    def stored(self) -> None:
        """Do nothing: no result is kept."""

    def close(self) -> None:
        while self._workers:
            self._workers.pop().stop()

    def _encode(self, slices: Iterable[Work], *, queries: bool) -> Iterator[tuple[int, Encoded]]:
        work, source, workers = deque[Work](), iter(slices), self._started()
        while True:
            for worker in workers:
                if worker.at is None and (item := work.popleft() if work else next(source, None)) is not None:
                    worker.give(item, queries=queries)
            busy = {worker.pipe: worker for worker in workers if worker.at is not None}
            if not busy:
                return
            for pipe in wait([pipe for pipe in busy if pipe is not None]):
                worker = busy[pipe]  # type: ignore[index]
                item = worker.at
                assert item is not None
                answer = worker.take()
                if isinstance(answer, Encoded):
                    worker.failures = 0
                    yield item[0], answer
                    continue
                if isinstance(answer, KnowscapeError):
                    raise answer
                work.appendleft(item)
                self._replace(worker, answer)

    def _started(self) -> "list[_Worker]":
        if not self._workers:
            self._workers += [_Worker(number, self._load, self._most_growth) for number in range(self._count)]
            for worker in self._workers:
                worker.start()
        return self._workers

    def _replace(self, worker: "_Worker", why: str) -> None:
        """Start a dead worker anew; after several deaths in a row give it up, since the others may go on."""
        worker.failures += 1
        if worker.failures <= _MOST_RESTARTS:
            worker.restart()
            return
        self._workers.remove(worker)  # its device is gone, say
        worker.stop()
        if not self._workers:
            raise KnowscapeError(f"The last worker ended {worker.failures} times in a row. {why}")


@dataclass
class _Worker:
    """The parent's end of one process: the slice it works on, and how often in a row it has failed."""

    number: int
    load: Load
    most_growth: int | None
    pipe: Connection | None = None
    process: Any = None
    at: Work | None = None
    failures: int = 0

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(theirs, self.number, self.load, self.most_growth), daemon=True
        )
        self.process.start()
        theirs.close()

    def give(self, item: Work, *, queries: bool) -> None:
        self.at = item
        with suppress(OSError):  # where it has died, `take` finds out
            self.pipe.send((item[1], queries))  # type: ignore[union-attr]

    def take(self) -> Encoded | KnowscapeError | str:
        """Return the result of the slice, an error that no second try mends, or why there is none."""
        self.at = None
        try:
            answer = self.pipe.recv()  # type: ignore[union-attr]
        except (EOFError, OSError):
            self.process.join(5)
            return f"The last one ended with code {self.process.exitcode}."
        if isinstance(answer, tuple):  # a result, and the wish to be replaced
            self.restart()
            return answer[0]  # type: ignore[no-any-return]
        return answer  # type: ignore[no-any-return]

    def restart(self) -> None:
        self.stop()
        self.start()

    def stop(self) -> None:
        if self.pipe is not None:
            self.pipe.close()
        self.process.join(2)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


def _serve(pipe: Connection, number: int, load: Load, most_growth: int | None) -> None:
    """Encode what comes through the pipe until it is closed; sends a result, or a sentence before the end."""
    try:
        encoder, start = load(number), None
        while True:
            try:
                texts, queries = pipe.recv()
            except EOFError:
                return
            result = encode_slice(_method(encoder, queries=queries), texts)
            start = start or _memory()
            grown = most_growth is not None and _memory() - start > most_growth
            pipe.send((result, "replace me") if grown else result)
            if grown:
                return
    except DeviceLostError as error:
        pipe.send(str(error))
    except KnowscapeError as error:  # as what it is at heart: not each of them survives the way through a pipe
        pipe.send(KnowscapeError(str(error)))


def _memory() -> int:
    """Return the memory that this process holds, in bytes; where Linux's account of it is missing, the most it held."""
    account = Path("/proc/self/statm")
    if account.is_file():  # the most it held would begin with what its parent held
        return int(account.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _method(encoder: Encoder, *, queries: bool) -> Any:
    return encoder.encode_queries if queries else encoder.encode_documents
