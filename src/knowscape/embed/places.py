"""What the workers of a cluster do, and how many places for them a host has."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Any
from uuid import uuid4

from knowscape.embed.worker import Shelf
from knowscape.encoders.spec import Encoder

__all__ = ["Job", "Slot", "slots"]


@dataclass(frozen=True, slots=True)
class Job:
    """What the workers do: `load(threads)` gives the model on one of them, `reference()` here.

    Each host has `workers` of them; None: one for each GPU, or one.  Without `gpus` they run on the CPU.  On a `shelf`
    they store the vectors themselves.  A driver takes over the workers that a driver of the same `run` has left.
    """

    load: Callable[[int], Encoder]
    reference: Callable[[], Encoder]
    workers: int | None = None
    gpus: bool = True
    shelf: Shelf | None = None
    run: str = field(default_factory=lambda: uuid4().hex)


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a worker: the host's number in the cluster and its address, cores, and a share of the GPUs."""

    node: str
    address: str
    number: int
    cores: int
    gpus: float

    def __str__(self) -> str:
        return f"Worker {self.number} of {self.address} ({self.node:.6})"


def slots(node: dict[str, Any], job: Job) -> list[Slot]:
    """Return the places for workers on a host of the cluster, none where it offers nothing."""
    cores = int(node["Resources"].get("CPU", 0))
    gpus = int(node["Resources"].get("GPU", 0)) if job.gpus else 0
    workers = job.workers or max(1, gpus)
    if not gpus:
        workers = min(workers, cores)
    share = 1 / ceil(workers / gpus) if gpus else 0  # a worker computes on one GPU
    names = node["NodeID"], node["NodeManagerAddress"]
    return [Slot(*names, number, cores // workers, share) for number in range(workers)]
