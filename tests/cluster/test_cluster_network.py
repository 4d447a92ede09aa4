"""Three hosts with addresses of their own: one command makes them a cluster, and it embeds as this machine does."""

import hashlib
import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hosts import Network, needs_namespaces, network

from conftest import COMMAND
from faults.drill import WORDS, make_model, rows

pytest.importorskip("ray", reason="Ray is not installed: pip install 'knowscape[ray]'")
pytestmark = [pytest.mark.soak, needs_namespaces]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True)
class World:
    """The hosts, and the command line in the folder with their cluster.yaml."""

    net: Network
    knowscape: Run

    def __call__(self, *words: object) -> "subprocess.CompletedProcess[str]":
        done = self.knowscape(*words, cwd=self.net.folder, env=self.net.environment)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def cluster(self, what: str) -> tuple[int, dict[str, Any]]:
        done = self("cluster", what, "cluster.yaml", "--json")
        return done.returncode, json.loads(done.stdout)

    def states(self, found: dict[str, Any]) -> list[str]:
        return [host["state"] for host in found["hosts"]]


@pytest.fixture
def world(tmp_path: Path, knowscape: Run) -> Iterator[World]:
    with network(tmp_path, 3) as net:
        hosts = "".join(f"  - {{address: {host.address}, folder: {host.folder}/home}}\n" for host in net.hosts)
        (tmp_path / "cluster.yaml").write_text(f"gpus: 0\ncores: 1\nhosts:\n{hosts}", encoding="ascii")
        made = World(net, knowscape)
        yield made
        made("cluster", "down", "cluster.yaml")


def corpus(folder: Path, count: int) -> Path:
    lines = [f"{n},{' '.join(WORDS[(n * step) % len(WORDS)] for step in range(1, 9))} {n}" for n in range(count)]
    path = folder / "texts.csv"
    path.write_text("id,text\n" + "\n".join(lines), encoding="ascii")
    return path


def test_three_hosts_embed_to_the_bytes_of_this_machine_and_are_left_as_they_were(world: World) -> None:
    folder = world.net.folder
    before = [sorted(host.folder.iterdir()) for host in world.net.hosts]
    code, up = world.cluster("up")
    assert (code, world.states(up)) == (0, ["head", "joined", "joined"])
    command = ("embed", corpus(folder, 30_000), "--model", make_model(folder / "tiny"), "--no-cache", "--json")
    for out, options in (("here", []), ("there", ["--on", "cluster.yaml"])):
        done = world(*command, "-o", out, *options)
        assert (done.returncode, json.loads(done.stdout)["documents"]) == (0, 30_000), done.stderr
        assert world("export", out, "--format", "npy", "-o", f"{out}.npy").returncode == 0
    assert rows(folder / "there") == rows(folder / "here")
    files = [hashlib.sha256((folder / f"{out}.npy").read_bytes()).hexdigest() for out in ("here", "there")]
    assert files[0] == files[1]

    code, status = world.cluster("status")
    assert (code, world.states(status)) == (0, ["alive"] * 3)
    run = status["run"]
    assert (run["stage"], run["done"], run["total"], run["running"]) == ("Embedding", 30_000, 30_000, False)
    code, _ = world.cluster("down")
    assert (code, [sorted(host.folder.iterdir()) for host in world.net.hosts]) == (0, before)
    for host in world.net.hosts:
        left = subprocess.run(["ip", "netns", "pids", host.name], capture_output=True, text=True).stdout.split()
        assert [Path(f"/proc/{n}/comm").read_text() for n in left] == ["sshd\n"]


def test_status_shows_each_worker_while_a_command_runs(world: World) -> None:
    folder = world.net.folder
    assert world.cluster("up")[0] == 0
    texts = corpus(folder, 400_000)
    command = [
        "embed", texts, "-o", "there", "--on", "cluster.yaml", "--model", make_model(folder / "tiny"), "--no-cache",
    ]  # fmt: skip
    with subprocess.Popen([*COMMAND, *map(str, command)], cwd=folder, env=world.net.environment, stderr=-1) as run:
        seen: list[dict[str, Any]] = []
        while run.poll() is None and len(seen) < 3:
            found = world.cluster("status")[1]
            if found["run"] and found["run"]["running"] and 0 < found["run"]["done"] < 400_000:
                seen.append(found)
        run.kill()
    assert seen
    assert all(found["run"]["total"] == 400_000 and found["run"]["left"] > 0 for found in seen)
    workers = [worker for found in seen for host in found["hosts"] for worker in host["workers"]]
    assert {worker["address"] for worker in workers} == {host.address for host in world.net.hosts}
    assert all(worker["errors"] == 0 for worker in workers)
    assert any(worker["does"] == "embeds" and worker["texts"] and worker["rate"] for worker in workers)
    assert world.cluster("status")[1]["run"]["running"] is False  # it was killed


def test_where_the_head_is_down_another_host_becomes_the_head_and_the_rest_join_it(world: World) -> None:
    assert world.cluster("up")[0] == 0
    world.net.link(0, "down")
    code, up = world.cluster("up")
    assert (code, world.states(up)) == (1, ["failed", "head", "joined"])
    assert "does not answer. See that it is switched on" in up["hosts"][0]["error"]
    assert up["address"] == f"ray://{world.net.hosts[1].address}:10001"
    world.net.link(0, "up")
    code, up = world.cluster("up")
    assert (code, world.states(up)) == (0, ["joined", "head", "joined"])
    assert [host["started"] for host in up["hosts"]] == [True, False, False]


def test_a_host_that_does_not_see_the_head_says_so_and_the_others_work(world: World) -> None:
    head, other, _ = world.net.hosts
    subprocess.run(["ip", "-n", other.name, "route", "add", "unreachable", f"{head.address}/32"], check=True)
    code, up = world.cluster("up")
    assert (code, world.states(up)) == (1, ["head", "failed", "joined"])
    assert f"It does not reach the head at {head.address}:6379" in up["hosts"][1]["error"]
