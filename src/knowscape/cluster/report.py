"""Where a run on a cluster stands, in a file that `knowscape cluster status` reads."""

import json
import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from knowscape.progress import Progress, Stage

__all__ = ["Report"]

_REMEMBERED, _SECONDS = 20, 1.0


class Report:
    """A Progress that hands on what it is told, and writes it to `path` at most once a second, beside the workers."""

    def __init__(self, path: Path, progress: Progress) -> None:
        self._path, self._progress = path, progress
        self._notes: deque[str] = deque(maxlen=_REMEMBERED)
        self._workers: list[dict[str, Any]] = []
        self._stage: dict[str, Any] = {}
        self._start = self._written = 0.0

    @contextmanager
    def stage(self, name: str, *, total: int | None = None, done: int = 0) -> Iterator[Stage]:
        self._stage = {"stage": name, "total": total, "before": done, "done": done, "ended": False}
        self._start = time.monotonic()
        self._write()
        try:
            with self._progress.stage(name, total=total, done=done) as stage:
                yield _Counted(self, stage)
        finally:
            self._stage["ended"] = True
            self._write()

    def note(self, message: str) -> None:
        self._progress.note(message)
        self._notes.append(message)

    def advance(self, count: int) -> None:
        self._stage["done"] += count

    def workers(self, workers: list[dict[str, Any]]) -> None:
        """Say what each worker does."""
        self._workers = workers
        if time.monotonic() - self._written >= _SECONDS:
            self._write()

    def _write(self) -> None:
        """Replace the file; nothing depends on it, so it is not synced."""
        self._written = time.monotonic()
        run = {
            "process": os.getpid(), "at": time.time(), "seconds": self._written - self._start, **self._stage,
            "workers": self._workers, "notes": list(self._notes),
        }  # fmt: skip
        new = self._path.with_suffix(f".{os.getpid()}")
        new.write_text(json.dumps(run), encoding="utf-8")
        new.replace(self._path)


class _Counted:
    def __init__(self, report: Report, stage: Stage) -> None:
        self._report, self._stage = report, stage

    def advance(self, count: int = 1) -> None:
        self._report.advance(count)
        self._stage.advance(count)
