"""Embed what is missing, and commit it about every 30 seconds."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from knowscape.embed.executors import Executor, Work
from knowscape.embed.plan import SLICE_ROWS, Slice, plan_slices
from knowscape.embed.worker import Encoded
from knowscape.encoders.spec import EncoderSpec
from knowscape.files import sha256_text
from knowscape.progress import SILENT, Progress, Stage
from knowscape.store.cache import VectorCache
from knowscape.store.vectors import Stored, VectorStore, VectorWriter, vectors_of

__all__ = ["Commits", "Embedded", "Texts", "embed", "work_of"]


_REMEMBERED = 4
# With 4,096 parts the manifest takes 0.15 s of a commit; 1 B rows in parts of 8,192 would make it 4.6 s.
_MOST_PARTS = 4096


@dataclass(frozen=True, slots=True)
class Commits:
    """How much is at stake: a commit before it is more than so many seconds or rows, whichever comes first.

    Rows are encoded, and stored, in slices of `slice_rows`.  More rows are at stake where so many would make thousands
    of parts, since a commit takes longer with each part that there is.
    """

    seconds: float = 30.0
    rows: int = 8192
    slice_rows: int = SLICE_ROWS


@dataclass(frozen=True, slots=True)
class Embedded:
    """How many texts were computed, taken from the cache, and could not be embedded, with the reasons by id."""

    computed: int
    cached: int
    failed: dict[str, str]


@dataclass(frozen=True, slots=True)
class Texts:
    """What is to be embedded, row by row; queries get the prompt for queries."""

    texts: Sequence[str]
    ids: Sequence[str]
    digests: Sequence[str]
    queries: bool = False


def embed(
    these: Texts,
    *,
    spec: EncoderSpec,
    executor: Executor,
    store: VectorStore,
    cache: VectorCache | None = None,
    commits: Commits = Commits(),
    progress: Progress = SILENT,
) -> Embedded:
    """Give every text without a vector one, from the cache or by `executor`; what is committed is never computed again.

    A text that fails alone goes into the store's quarantine with its reason, and is tried again the next time.
    """
    done, wanted = store.done(), set(these.digests)
    if wanted <= done:
        store.parts.settle()
        return Embedded(0, 0, {})
    with store.writing(spec.about()) as writer:
        cached = set(_commit_cached(cache.find(spec.fingerprint, wanted - done), writer)) if cache else set()
        slices = plan_slices(these.digests, done | cached, slice_rows=commits.slice_rows)
        count = sum(len(part.rows) for part in slices)
        name = "Embedding questions" if these.queries else "Embedding"
        with progress.stage(name, total=len(wanted), done=len(wanted) - count) as stage:
            # The cache links files of this machine.
            keep = partial(cache.keep, spec.fingerprint) if cache and not store.parts.shared else None
            sink = _Sink(these, writer, replace(commits, rows=max(commits.rows, count // _MOST_PARTS)), keep)
            work = (work_of(these, number, part) for number, part in enumerate(slices))
            for number, result in executor.encode(work, queries=these.queries):
                if sink.put(slices[number], result, stage):
                    executor.stored()
            sink.commit()
        store.set_quarantine(sink.reasons)
    failed = {
        id: sink.reasons[digest] for id, digest in zip(these.ids, these.digests, strict=True) if digest in sink.reasons
    }
    return Embedded(count - len(sink.reasons), len(cached), failed)


def work_of(these: Texts, number: int, part: Slice) -> Work:
    """Return a slice of texts as work."""
    texts, ids, digests = ([column[row] for row in part.rows] for column in (these.texts, these.ids, these.digests))
    return Work(number, texts, ids, sha256_text(f"{these.queries} {' '.join(digests)}"))


def _commit_cached(tables: Iterable[pa.Table], writer: VectorWriter) -> Iterator[str]:
    """Commit what the cache has, and yield the digests."""
    for table in tables:
        found: list[str] = table["text_digest"].to_pylist()
        writer(table["id"].to_pylist(), found, vectors_of(table))
        yield from found


class _Sink:
    """Collects results and commits them; `reasons` by text digest of what could not be embedded."""

    def __init__(
        self, these: Texts, writer: VectorWriter, commits: Commits, keep: Callable[[Path], None] | None
    ) -> None:
        self._these, self._writer, self._commits, self._keep = these, writer, commits, keep
        self._rows: list[int] = []
        self._stored: list[Stored] = []  # by workers, so that little is at stake but time
        self._vectors: list[NDArray[np.float32]] = []
        self._last = self._before = time.monotonic()
        # Threads and processes hand over several slices at once, and then none for a while.
        self._waits: deque[float] = deque(maxlen=_REMEMBERED)
        self.reasons: dict[str, str] = {}

    def put(self, part: Slice, result: Encoded, stage: Stage) -> bool:
        """Take a result, and return whether it and all before it are committed."""
        rows = [part.rows[place] for place in result.places]
        if result.part is not None:
            self._stored.append(Stored(result.part, [self._these.digests[row] for row in rows]))
        elif rows:
            self._rows += rows
            self._vectors.append(result.vectors)
        self.reasons.update({self._these.digests[part.rows[place]]: why for place, why in result.reasons.items()})
        stage.advance(len(part.rows))
        now = time.monotonic()
        self._waits.append(now - self._before)
        # What would be at stake when the next slice comes.
        at_stake, self._before = now - self._last + max(self._waits), now
        if full := at_stake > self._commits.seconds or len(self._rows) >= self._commits.rows:
            self.commit()
        return full

    def commit(self) -> None:
        if self._rows:
            ids, digests = ([column[row] for row in self._rows] for column in (self._these.ids, self._these.digests))
            part = self._writer(ids, digests, np.concatenate(self._vectors))
            if self._keep is not None:
                self._keep(part)
        if self._stored:
            self._writer.adopt(self._stored)
        self._rows, self._vectors, self._stored, self._last = [], [], [], time.monotonic()
