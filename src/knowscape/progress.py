"""How long work tells a person where it stands: a bar on a terminal, a line every 30 seconds elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TextIO

__all__ = ["SILENT", "Progress", "Stage", "duration", "progress_for"]

_SECONDS_BETWEEN_LINES = 30.0


class Stage(Protocol):
    """One running piece of work."""

    def advance(self, count: int = 1) -> None:
        """Say that `count` more units are done."""


class Progress(Protocol):
    """What the library reports to; the command line supplies one, the default is silent."""

    def stage(self, name: str, *, total: int | None = None, done: int = 0) -> AbstractContextManager[Stage]:
        """Open a piece of work of `total` units, `done` of which were there before."""

    def note(self, message: str) -> None:
        """Tell one fact worth a line."""


class _NoStage:
    def advance(self, count: int = 1) -> None:
        pass


class _Silent:
    @contextmanager
    def stage(self, name: str, *, total: int | None = None, done: int = 0) -> Iterator[Stage]:
        yield _NoStage()

    def note(self, message: str) -> None:
        pass


SILENT: Progress = _Silent()


def duration(seconds: float) -> str:
    """Return a duration as a person would say it: 8.2 s, 45 s, 3 min 05 s, 2 h 10 min."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


class _LineStage:
    def __init__(self, name: str, total: int | None, done: int, stream: TextIO) -> None:
        self._name, self._total, self._before, self._done = name, total, done, done
        self._stream = stream
        self._start = self._last = time.monotonic()

    def advance(self, count: int = 1) -> None:
        self._done += count
        now = time.monotonic()
        if now - self._last >= _SECONDS_BETWEEN_LINES:
            self._last = now
            self._stream.write(self._line(now - self._start) + "\n")
            self._stream.flush()

    def _line(self, elapsed: float) -> str:
        rate = (self._done - self._before) / max(elapsed, 1e-9)
        if not self._total:
            return f"{self._name}: {self._done:,} at {rate:,.0f}/s"
        left = (self._total - self._done) / rate if rate > 0 else float("inf")
        left_text = duration(left) if left != float("inf") else "unknown"
        return f"{self._name}: {self._done:,} of {self._total:,} at {rate:,.0f}/s, {left_text} left"

    def finish(self) -> None:
        elapsed = time.monotonic() - self._start
        counted = self._done - self._before
        amount = f"{counted:,}, " if counted else ""
        self._stream.write(f"{self._name}: {amount}{duration(elapsed)}\n")
        self._stream.flush()


class _Lines:
    """Plain lines for logs and pipes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @contextmanager
    def stage(self, name: str, *, total: int | None = None, done: int = 0) -> Iterator[Stage]:
        stage = _LineStage(name, total, done, self._stream)
        yield stage
        stage.finish()

    def note(self, message: str) -> None:
        self._stream.write(message + "\n")
        self._stream.flush()


class _BarStage:
    def __init__(self, bar: Any, task: Any) -> None:
        self._bar, self._task = bar, task

    def advance(self, count: int = 1) -> None:
        self._bar.advance(self._task, count)


class _Bars:
    """A bar with rate and time left, for a terminal."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self._console = Console(file=stream)

    @contextmanager
    def stage(self, name: str, *, total: int | None = None, done: int = 0) -> Iterator[Stage]:
        from rich import progress

        columns = (
            progress.TextColumn("{task.description:<28}", markup=False),
            progress.BarColumn(bar_width=30),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TextColumn("left"),
            progress.TimeRemainingColumn(),
        )
        with progress.Progress(*columns, console=self._console) as bar:
            yield _BarStage(bar, bar.add_task(name, total=total, completed=done))

    def note(self, message: str) -> None:
        self._console.print(message, markup=False, highlight=False, soft_wrap=True)


def progress_for(stream: TextIO = sys.stderr) -> Progress:
    """Return bars where `stream` is a terminal, lines where it is not."""
    return _Bars(stream) if stream.isatty() else _Lines(stream)
