"""How fast a model embeds on this machine, where the time goes, and what a corpus will take."""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from knowscape.encoders.load import EngineOptions, find_model, start_encoder
from knowscape.encoders.spec import Encoder, EncoderSpec
from knowscape.files import sha256_text
from knowscape.progress import SILENT, Progress
from knowscape.store.vectors import VectorStore

__all__ = ["Forecast", "Measured", "bench"]

BUDGETS = (512, 1024, 2048, 4096, 8192)
_TRIED_TEXTS, _TURNS = 256, 3
_SLICE, _LEAST_SLICES, _SECONDS = 128, 6, 20.0
_WRITTEN_ROWS = 16_384
_NORMAL_95 = 1.96


@dataclass(frozen=True, slots=True)
class Measured:
    """Texts a second by token budget, the best budget, seconds for a thousand texts by stage; what a row is on disk."""

    rates: dict[int, float]
    best: int
    tokenise: float
    run: float
    write: float
    tokens_per_text: float
    dimension: int
    row_bytes: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """Seconds to embed `documents` like those measured, with the 95 % interval of the mean over slices of them."""

    documents: int
    seconds: float
    low: float
    high: float


def bench(
    name: str,
    texts: Sequence[str],
    *,
    options: EngineOptions = EngineOptions(),
    documents: int,
    progress: Progress = SILENT,
) -> tuple[Measured, Forecast]:
    """Measure a model on texts taken at random, and forecast a corpus of so many documents like them.

    With `options.batch_tokens` only that budget is tried.
    """
    spec, folder = find_model(name, trust_remote_code=options.trust_remote_code, progress=progress)
    sample = np.random.default_rng(0).permutation(len(texts))
    some = [texts[row] for row in sample[:_TRIED_TEXTS]]
    budgets = (options.batch_tokens,) if options.batch_tokens else BUDGETS
    rates = {}
    with progress.stage("Token budgets", total=len(budgets)) as stage:
        for budget in budgets:
            encoder = start_encoder(spec, folder, replace(options, batch_tokens=budget))
            rates[budget] = len(some) / _median_seconds(lambda: encoder.encode_documents(some))  # noqa: B023 - called now
            stage.advance()
    best = max(rates, key=rates.__getitem__)
    encoder = start_encoder(spec, folder, replace(options, batch_tokens=best))
    counts: list[int] = []
    tokenise = _median_seconds(lambda: counts.__setitem__(slice(None), encoder.token_counts(some))) / len(some)
    seconds = _slices(encoder, [texts[row] for row in sample], progress)
    whole, (write, row_bytes) = float(np.mean(seconds)), _write(spec)
    stages = 1000 * tokenise, 1000 * (whole - tokenise), 1000 * write
    measured = Measured(rates, best, *stages, float(np.mean(counts)), spec.dimension, row_bytes)
    half = _NORMAL_95 * float(np.std(seconds, ddof=1)) / len(seconds) ** 0.5
    each = [whole + write, whole + write - half, whole + write + half]
    return measured, Forecast(documents, *(max(0.0, documents * value) for value in each))


def _slices(encoder: Encoder, texts: Sequence[str], progress: Progress) -> list[float]:
    """Return the seconds a text takes in each of several slices, long enough to tell how they differ."""
    seconds: list[float] = []
    start = time.perf_counter()
    with progress.stage("Texts") as stage:
        while len(seconds) < _LEAST_SLICES or time.perf_counter() - start < _SECONDS:
            begin = len(seconds) * _SLICE
            some = [texts[row % len(texts)] for row in range(begin, begin + _SLICE)]
            before = time.perf_counter()
            encoder.encode_documents(some)
            seconds.append((time.perf_counter() - before) / _SLICE)
            stage.advance(_SLICE)
    return seconds


def _write(spec: EncoderSpec) -> tuple[float, float]:
    """Return the seconds that a vector takes to be committed durably in the temporary folder, and its bytes there."""
    vectors = np.random.default_rng(0).standard_normal((_WRITTEN_ROWS, spec.dimension), np.float32)
    digests = [sha256_text(str(row)) for row in range(_WRITTEN_ROWS)]
    with tempfile.TemporaryDirectory(prefix="knowscape-") as folder:
        store = VectorStore(Path(folder))
        with store.writing(spec.about()) as append:
            start = time.perf_counter()
            part = append(digests, digests, vectors)
            return (time.perf_counter() - start) / _WRITTEN_ROWS, part.stat().st_size / _WRITTEN_ROWS


def _median_seconds(run: Callable[[], Any]) -> float:
    run()
    seconds = []
    for _ in range(_TURNS):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))
