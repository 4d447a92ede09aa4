"""A real Ray of two nodes on this machine, and the texts that tests give it."""

import gc
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from knowscape.embed.schedule import Patience

# Ray leaves the files of its logs open.
RAY_MARKS = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ROWS = 8
TEXTS = [f"text {n}" for n in range(20 * ROWS)]
IMPATIENT = Patience(times=3, least=1, first=4, silent=60, grace=1)


@contextmanager
def two_nodes(patch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Start two nodes of one core each, and a door for clients, `door`; they see the environment as it is then."""
    import ray
    from ray.cluster_utils import Cluster

    patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path]))
    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    patch.setenv("RAY_AUTH_MODE", "disabled")  # a token of the user is none of this cluster
    patch.setenv("GRPC_ENABLE_FORK_SUPPORT", "0")  # with it the server of a client sometimes ends as it starts
    with socket.create_server(("127.0.0.1", 0)) as free:
        door = free.getsockname()[1]
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "ray_client_server_port": door})
    made.door = f"ray://127.0.0.1:{door}"
    made.add_node(num_cpus=1)
    made.wait_for_nodes()
    ray.init(made.address, log_to_driver=False)
    yield made
    ray.shutdown()
    made.shutdown()
    gc.collect()
