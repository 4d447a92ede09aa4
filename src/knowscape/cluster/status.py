"""What a cluster does: each host is asked, and the file is read that a running command leaves here."""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from knowscape.cluster.file import Member, read_cluster
from knowscape.cluster.remote import ask
from knowscape.cluster.state import Cluster, cluster_of
from knowscape.cluster.up import each

__all__ = ["HostStatus", "Run", "Status", "status"]


@dataclass(frozen=True, slots=True)
class HostStatus:
    """A host: `state` is alive, stopped or unreachable; bytes of memory, and what Ray holds of it; each GPU's use.

    `workers` are those of the run: what each does, its slice, rows, rows a second and errors.
    """

    host: str
    state: str
    memory: int = 0
    free: int = 0
    held: int = 0
    gpus: tuple[dict[str, int], ...] = ()
    workers: tuple[dict[str, Any], ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A command that embeds on the cluster, or the last one: rows in all, done, and a second; seconds left, and since.

    `running` says whether its process is there, `notes` the last faults that it told of.
    """

    running: bool
    stage: str
    done: int
    total: int | None
    rate: float
    left: float | None
    since: float
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """The hosts; the address for clients, None where the cluster is not up; the run, None where there was none."""

    hosts: tuple[HostStatus, ...]
    address: str | None
    run: Run | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def status(path: Path) -> Status:
    """Return how the cluster of a cluster.yaml is; what cannot be reached is named with the reason."""
    file, cluster = read_cluster(path), cluster_of(path)
    told = _told(cluster)
    run = _run(told) if told else None
    answers, failed = each(file.members, lambda member: ask(member, "look", {"owner": cluster.owner}))
    workers = told["workers"] if run is not None and run.running else []
    hosts = [
        _host(member, answers[member], workers)
        if member in answers
        else HostStatus(str(member), "unreachable", error=failed[member])
        for member in file.members
    ]
    state = cluster.state()
    return Status(tuple(hosts), f"ray://{state.client}" if state else None, run)


def _host(member: Member, answer: dict[str, Any], workers: list[dict[str, Any]]) -> HostStatus:
    return HostStatus(
        host=str(member),
        state="alive" if answer["address"] else "stopped",
        memory=answer["memory"],
        free=answer["free"],
        held=answer["held"],
        gpus=tuple(answer["gpus"]),
        workers=tuple(worker for worker in workers if worker["address"] == answer["address"]),
    )


def _told(cluster: Cluster) -> dict[str, Any]:
    try:
        return dict(json.loads(cluster.run_file.read_bytes()))
    except FileNotFoundError:
        return {}


def _run(told: dict[str, Any]) -> Run:
    done, total = told["done"], told["total"]
    rate = (done - told["before"]) / max(told["seconds"], 1e-9)
    left = (total - done) / rate if total is not None and rate > 0 else None
    since = time.time() - told["at"]
    running = _lives(told["process"]) and not told["ended"]
    return Run(running, told["stage"], done, total, rate, left, since, tuple(told["notes"]))


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's, so not the one that wrote here
        return False
    return True
