"""What each way of compressing vectors would cost and save: quality on given queries, bytes, time of a search."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.progress import SILENT, Progress
from knowscape.search.compressed import Compressed, compress
from knowscape.search.compression import Compression
from knowscape.significance import Figure, mean_figures

__all__ = ["DEPTH", "OVERLAP", "TOLERANCES", "Asked", "Measured", "Plan", "measure", "size"]

Floats = NDArray[np.float32]
# A figure for each query, float64[q], of the rows int64[q, 10] that were found, best first.
Judge = Callable[[NDArray[np.int64]], NDArray[np.float64]]

DEPTH = 10
OVERLAP = f"overlap@{DEPTH}"
# How much of a measure may be lost where nobody says how much.  Half of one of the ten found by the exact search may
# be another one; what people judged relevant is to be found all but as well.
TOLERANCES = {OVERLAP: 0.05, f"ndcg@{DEPTH}": 0.01}
# Queries that are timed, and how often each.
_TIMED, _TURNS = 100, 3


@dataclass(frozen=True, slots=True)
class Asked:
    """Queries float32[q, d], `about` them in words, and what judges answers to them, by the measure's name.

    `decides` names the measure that the recommendation goes by: that of a judge, or OVERLAP, which is always there.
    """

    vectors: Floats
    about: str
    judges: Mapping[str, Judge] = field(default_factory=dict)
    decides: str = OVERLAP


@dataclass(frozen=True, slots=True)
class Measured:
    """One choice.  `quality` by measure, and `difference` to float32 on the same queries.

    Bytes: those of a vector; `predicted` and `bytes` of codes and calibration, by the formula and as they are; `full`
    those of the full vectors, which must be kept where the choice rescores, on a disk at least.  Milliseconds are those
    of one query on one thread.
    """

    compression: Compression
    quality: dict[str, Figure]
    difference: dict[str, Figure]
    bytes_per_vector: int
    predicted: int
    bytes: int
    full: int
    median_ms: float
    p99_ms: float

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "compression": str(self.compression)}


@dataclass(frozen=True, slots=True)
class Plan:
    """All choices, float32 first, and the smallest that lose no more than `tolerance` of the measure `decides`.

    A choice counts where the whole 95 % interval of its difference does.  `recommended` takes the least memory, `alone`
    the least of those that need no full vectors beside them.
    """

    choices: tuple[Measured, ...]
    vectors: int
    dimension: int
    queries: int
    about: str
    decides: str
    tolerance: float

    @property
    def recommended(self) -> Measured:
        return self._smallest(self.choices)

    @property
    def alone(self) -> Measured:
        return self._smallest([choice for choice in self.choices if not choice.full])

    def _smallest(self, choices: Sequence[Measured]) -> Measured:
        good = [choice for choice in choices if choice.difference[self.decides].low >= -self.tolerance]
        return min(good, key=lambda choice: (choice.bytes, choice.full, choice.median_ms))

    def lines(self) -> Iterator[str]:
        """Yield in words what the queries are, and the recommendation."""
        yield f"Measured on {self.about}."
        within = f"within {self.tolerance:g} of float32 in {self.decides}, with the whole interval"
        yield f"The smallest {within}: {self._said(self.recommended)}."
        if self.recommended.full:
            yield f"The smallest that needs no full vectors: {self._said(self.alone)}."

    def _said(self, choice: Measured) -> str:
        share = self.choices[0].bytes / max(1, choice.bytes)
        beside = f", and {size(choice.full)} of full vectors on a disk" if choice.full else ""
        return f"{choice.compression}, {size(choice.bytes)} in memory, 1/{share:.1f} of float32{beside}"

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "vectors": self.vectors, "dimension": self.dimension, "queries": self.queries, "about": self.about,
            "decides": self.decides, "tolerance": self.tolerance, "recommended": str(self.recommended.compression),
            "recommended_alone": str(self.alone.compression), "choices": [choice.to_json() for choice in self.choices],
        }  # fmt: skip


def measure(
    vectors: Floats,
    asked: Asked,
    choices: Sequence[Compression],
    *,
    normalised: bool = True,
    tolerance: float | None = None,
    progress: Progress = SILENT,
) -> Plan:
    """Return what each choice does with `vectors` float32[n, d]; float32 is measured, too.

    Memory: the vectors and the codes of all choices at once, since they are timed in turns.
    """
    every = list(dict.fromkeys([Compression(), *choices]))
    made: list[Compressed] = []
    found: list[NDArray[np.int64]] = []
    with progress.stage("Compressions", total=len(every)) as stage:
        for compression in every:
            made.append(compress(vectors, compression, normalised=normalised))
            found.append(made[-1].search(asked.vectors, DEPTH, vectors)[0])
            stage.advance()
    values = {name: np.stack([judge(rows) for rows in found], axis=1) for name, judge in asked.judges.items()}
    values[OVERLAP] = np.stack([_overlap(rows, found[0]) for rows in found], axis=1)
    quality = {name: mean_figures(one) for name, one in values.items()}
    difference = {name: mean_figures(one - one[:, :1]) for name, one in values.items()}
    times = _seconds(made, asked.vectors, vectors, progress)
    return Plan(
        tuple(
            Measured(
                each.compression,
                {name: of[n] for name, of in quality.items()},
                {name: of[n] for name, of in difference.items()},
                bytes_per_vector=each.compression.bytes_per_vector(vectors.shape[1]),
                predicted=each.predicted_bytes(len(vectors)),
                bytes=each.bytes,
                full=4 * vectors.size if each.compression.rescore else 0,
                median_ms=1000 * float(np.median(times[n])),
                p99_ms=1000 * float(np.quantile(times[n], 0.99)),
            )
            for n, each in enumerate(made)
        ),
        vectors=len(vectors),
        dimension=vectors.shape[1],
        queries=len(asked.vectors),
        about=asked.about,
        decides=asked.decides,
        tolerance=TOLERANCES[asked.decides] if tolerance is None else tolerance,
    )


def size(count: int) -> str:
    """Return a count of bytes in words."""
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


def _overlap(rows: NDArray[np.int64], exact: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return for each query the share of the exact search's rows that were found."""
    return np.asarray((rows[:, :, None] == exact[:, None, :]).any(axis=1).mean(axis=1), np.float64)


def _seconds(made: Sequence[Compressed], queries: Floats, full: Floats, progress: Progress) -> NDArray[np.float64]:
    """Return seconds [choices, searches] of single queries on one thread; the choices take turns."""
    from threadpoolctl import threadpool_limits

    queries = queries[:: max(1, -(-len(queries) // _TIMED))]
    taken = np.empty((len(made), _TURNS, len(queries)))
    with threadpool_limits(1), progress.stage("Searches", total=_TURNS * len(made)) as stage:
        for turn in range(_TURNS):
            for number, one in enumerate(made):
                one.search(queries[:1], DEPTH, full)  # the codes come into the processor's caches
                for query in range(len(queries)):
                    start = time.perf_counter()
                    one.search(queries[query : query + 1], DEPTH, full)
                    taken[number, turn, query] = time.perf_counter() - start
                stage.advance()
    return taken.reshape(len(made), -1)
