"""A Ray cluster as its driver sees it: the connection, the hosts, and actors that outlive the connection."""

import logging
import os
from contextlib import suppress
from typing import Any

from knowscape.embed.places import Slot
from knowscape.errors import MissingExtraError, UsageError, first_line
from knowscape.ray_environment import ENVIRONMENT

__all__ = ["RayCluster", "errors_of_connection", "name_of", "reason", "said"]

_NAMESPACE, _MOST_SAID = "knowscape", 300


class RayCluster:
    """The Ray cluster at `address`, as Ray takes it: ray://HOST:PORT, HOST:PORT, auto or local."""

    def __init__(self, address: str) -> None:
        self.address, self.own = address, False  # own: the connection was made here, and may be given up here

    def connect(self) -> None:
        """Connect, unless this process is; UsageError where no cluster answers."""
        for name, value in ENVIRONMENT.items():  # Ray reads them as it is imported
            os.environ.setdefault(name, value)
        # What a client that was killed, or cut off for a minute, had asked for is given up at once.
        os.environ.setdefault("RAY_CLIENT_RECONNECT_GRACE_PERIOD", "0")
        for part in ("dataclient", "logsclient"):  # what they print is raised, too
            logging.getLogger(f"ray.util.client.{part}").disabled = True
        ray = _ray()
        if ray.is_initialized():
            return
        try:
            ray.init(self.address, log_to_driver=False, logging_level=logging.ERROR)
        except (AssertionError, OSError, RuntimeError, ValueError) as error:
            raise UsageError(
                f"No Ray cluster answers at {self.address!r} ({reason(error)}). Accepted: ray://HOST:10001, "
                "HOST:6379, auto, local. Start one with: ray start --head --disable-usage-stats"
            ) from error
        self.own = True

    def leave(self) -> None:
        """Give the connection up."""
        if self.own:
            _ray().shutdown()
        self.own = False

    def hosts(self) -> list[dict[str, Any]]:
        """Return the hosts that are there, as Ray tells of them."""
        return [node for node in _ray().nodes() if node["Alive"]]

    def names(self) -> set[str]:
        """Return the names of the actors that are there, each with its run as the first word."""
        found = _ray().util.list_named_actors(all_namespaces=True)
        return {actor["name"] for actor in found if actor["namespace"] == _NAMESPACE}

    def actor(self, name: str, slot: Slot, made_by: type, *given: Any) -> Any:
        """Return the actor of that name in its place, made if need be: it outlives the connection."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        options = {
            "num_cpus": slot.cores if slot.gpus == 0 else 0, "num_gpus": slot.gpus, "max_restarts": 0,
            "scheduling_strategy": NodeAffinitySchedulingStrategy(slot.node, soft=False),
            "name": name, "namespace": _NAMESPACE, "lifetime": "detached", "get_if_exists": True,
        }  # fmt: skip
        return _knowing(_ray().remote(made_by).options(**options).remote(*given), made_by)

    def named(self, name: str, made_by: type) -> Any:
        """Return the actor of that name; ValueError where it is gone."""
        return _knowing(_ray().get_actor(name, namespace=_NAMESPACE), made_by)

    def end(self, actor: Any) -> None:
        """End an actor; where the cluster is out of reach it ends by itself."""
        if not _ray().is_initialized():  # else Ray would start one of its own
            return
        with suppress(*errors_of_connection()):
            _ray().kill(actor)

    def arrived(self, references: list[Any], seconds: float) -> list[Any]:
        """Wait so long for an answer, and return all that are here: with many workers each look takes its time."""
        if not _ray().wait(references, timeout=seconds)[0]:
            return []
        here: list[Any] = _ray().wait(references, num_returns=len(references), timeout=0)[0]
        return here

    def get(self, reference: Any) -> Any:
        """Return an answer that has arrived; raises what befell it."""
        return _ray().get(reference)

    def cancel(self, reference: Any) -> None:
        """Ask an actor not to begin what it has not begun; what runs runs on."""
        _ray().cancel(reference)


def name_of(run: str, slot: Slot) -> str:
    """Return the name of a run's actor in a place; one that has other cores there is another one."""
    return f"{run} {slot.node} {slot.number} {slot.cores} {slot.gpus:g}"


def _knowing(actor: Any, made_by: type) -> Any:
    """Return the actor with its methods, which a client otherwise starts a process on some host to learn."""
    from ray.util.client.common import ClientActorClass, ClientActorHandle

    client = isinstance(actor, ClientActorHandle)
    return ClientActorHandle(actor.actor_ref, ClientActorClass(made_by)) if client else actor


def errors_of_connection() -> tuple[type[Exception], ...]:
    """Return what Ray raises where its head is out of reach."""
    _ray()
    from grpc import RpcError

    return ConnectionError, RpcError


def said(error: Exception) -> str:
    """Return what an error of the connection says; gRPC's own begins with a heading."""
    return str(error.details() if hasattr(error, "details") else first_line(error)).rstrip(".")


def reason(error: Exception) -> str:
    """Return what befell a worker: its own error, or what Ray tells behind its heading and list of numbers."""
    lines = [line.strip() for line in str(getattr(error, "cause", None) or error).splitlines() if line[:1] != "\t"]
    return " ".join(lines[1:] or lines)[:_MOST_SAID].rstrip(". ")


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("A Ray cluster", "ray") from error
    return ray
