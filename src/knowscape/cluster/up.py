"""Up: each host is prepared, one becomes the head, the others join; down: all of it is removed again."""

import socket
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from knowscape.cluster.file import ClusterFile, Member, read_cluster
from knowscape.cluster.remote import ask
from knowscape.cluster.state import Cluster, State, cluster_of
from knowscape.cluster.wheel import companions, make_wheel
from knowscape.errors import KnowscapeError
from knowscape.progress import SILENT, Progress
from knowscape.ray_environment import ENVIRONMENT

__all__ = ["HostResult", "Result", "down", "each", "up"]

_MOST_AT_ONCE, _REACH = 32, 10.0
# How long the driver's door may take to open, and how often it is tried, in seconds.
_DOOR, _TICK = 30.0, 0.5
_Answers = dict[Member, dict[str, Any]]
_Failures = dict[Member, str]


@dataclass(frozen=True, slots=True)
class HostResult:
    """What became of a host: `state` is head, joined, down or failed; `error` says why it failed, and what to type."""

    host: str
    state: str
    gpus: int = 0
    installed: bool = False
    started: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the hosts; `address` is where clients find the cluster, None where there is none."""

    hosts: tuple[HostResult, ...]
    address: str | None

    @property
    def failed(self) -> tuple[HostResult, ...]:
        return tuple(host for host in self.hosts if host.state == "failed")

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def up(path: Path, *, progress: Progress = SILENT) -> Result:
    """Prepare the hosts of a cluster.yaml and start Ray on them; done again, it changes what has changed.

    What fails on a host is in its result, and the others go on without it.  UsageError for a file that is wrong;
    KnowscapeError where the cluster runs and this machine does not reach it.
    """
    file, cluster = read_cluster(path), cluster_of(path)
    for note in file.notes:
        progress.note(note)
    ready, failed = _prepare(file, cluster, progress)
    state, started, refused = _start(file, cluster, ready)
    failed |= refused
    if state is not None:
        _reach(state.client, path)
    hosts = [
        HostResult(str(member), "failed", error=failed[member])
        if member in failed
        else HostResult(
            str(member), "joined" if state and state.head != str(member) else "head", ready[member]["gpus"],
            ready[member]["installed"], started[member]["started"],
        )
        for member in file.members
    ]  # fmt: skip
    return Result(tuple(hosts), f"ray://{state.client}" if state else None)


def down(path: Path) -> Result:
    """End Ray on the hosts of a cluster.yaml, and remove all that `up` has put there; what fails is in the result."""
    file, cluster = read_cluster(path), cluster_of(path)
    _, failed = each(file.members, lambda member: ask(member, "stop", {"owner": cluster.owner}))
    if not failed:
        cluster.forget()
    hosts = [
        HostResult(str(member), "failed" if member in failed else "down", error=failed.get(member, ""))
        for member in file.members
    ]
    return Result(tuple(hosts), None)


def each(members: Iterable[Member], work: Callable[[Member], dict[str, Any]]) -> tuple[_Answers, _Failures]:
    """Return what `work` gives for each host, all of them at once, and why it fails for the others."""
    answers: _Answers = {}
    failed: _Failures = {}
    with ThreadPoolExecutor(_MOST_AT_ONCE) as pool:
        for member, future in [(member, pool.submit(work, member)) for member in members]:
            try:
                answers[member] = future.result()
            except KnowscapeError as error:
                failed[member] = str(error)
    return answers, failed


def _prepare(file: ClusterFile, cluster: Cluster, progress: Progress) -> tuple[_Answers, _Failures]:
    wheel = make_wheel(("ray", "torch", *file.extras))
    asked = {
        "owner": cluster.owner, "wheel": wheel.name, "bytes": len(wheel.content), "sha256": wheel.sha256,
        "extras": file.extras, "pip": file.pip, "companions": companions(),
    }  # fmt: skip

    def prepare(member: Member) -> dict[str, Any]:
        def content() -> bytes:
            progress.note(f"{member}: installing Knowscape, which takes minutes the first time.")
            return wheel.content

        return ask(member, "prepare", {**asked, "gpus": member.gpus}, content=content)

    return each(file.members, prepare)


def _start(file: ClusterFile, cluster: Cluster, ready: _Answers) -> tuple[State | None, _Answers, _Failures]:
    """Start Ray on the first host that can be the head, and on the others, which join it."""
    asked = {
        "owner": cluster.owner, "token": cluster.token(file.token),
        "ray_port": file.ray_port, "client_port": file.client_port,
        "environment": {**ENVIRONMENT, "RAY_preallocate_plasma_memory": "1"},  # see the agent's `_shared_memory`
    }  # fmt: skip

    def start(member: Member, head: State | None = None) -> dict[str, Any]:
        own = {
            "inside": member.inside, "cores": member.cores,
            "head": head and head.address, "session": head and head.session,
            "gpus": member.gpus if isinstance(member.gpus, tuple) else ready[member]["gpus"],
        }  # fmt: skip
        return ask(member, "start", {**asked, **own})

    failed: _Failures = {}
    for member in _candidates(ready, cluster):
        started, refused = each([member], start)
        failed |= refused
        if started:
            state = _state(member, started[member], file)
            cluster.keep(state)
            rest = [other for other in ready if other is not member and other not in failed]
            joined, refused = each(rest, partial(start, head=state))
            return state, started | joined, failed | refused
    return None, {}, failed


def _candidates(ready: _Answers, cluster: Cluster) -> list[Member]:
    """Return the hosts in the order in which they may become the head: the one that is it comes first."""
    before = cluster.state()
    return sorted(ready, key=lambda member: before is None or str(member) != before.head)


def _state(head: Member, answer: dict[str, Any], file: ClusterFile) -> State:
    name = answer["address"].rpartition(":")[0]
    return State(str(head), answer["address"], f"{name}:{file.client_port}", answer["session"])


def _reach(client: str, path: Path) -> None:
    """See that the driver's door opens: Ray opens it some seconds after it has said that it runs."""
    name, _, port = client.rpartition(":")
    end = time.monotonic() + _DOOR
    while True:
        try:
            return socket.create_connection((name.strip("[]"), int(port)), _REACH).close()
        except OSError as error:
            if isinstance(error, ConnectionRefusedError) and time.monotonic() < end:
                time.sleep(_TICK)
                continue
            raise KnowscapeError(
                f"The cluster runs, but this machine does not reach it at {client}: {error}. Embed on a machine of the "
                f"same network, or end it: knowscape cluster down {path}"
            ) from error
