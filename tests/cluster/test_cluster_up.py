"""A host is made part of a cluster over a real sshd and left as it was; what is wrong with others stops none."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hosts import PACKAGES

from conftest import COMMAND
from ssh_host import Sshd, free_port, needs_sshd, program, sshd

pytest.importorskip("ray", reason="Ray is not installed: pip install 'knowscape[ray]'")
pytestmark = needs_sshd

Run = Callable[..., "subprocess.CompletedProcess[str]"]
NEWER = f"{sys.version_info[0]}.{sys.version_info[1] + 1}"


@dataclass(frozen=True)
class World:
    """An sshd that ssh knows by several names, a home on its host, a cluster.yaml, and the command line."""

    host: Sshd
    folder: Path
    knowscape: Run

    def cluster(self, what: str, *more: str) -> "subprocess.CompletedProcess[str]":
        return self.knowscape("cluster", what, self.folder / "cluster.yaml", *more, env=self.environment)

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self.host.folder / 'bin'}:{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "XDG_STATE_HOME": str(self.folder / "state")}

    def name(self, name: str, key: str | None = "host_key", port: int | None = None) -> None:
        """Let ssh know the host by a name, and by a key that it has or has not."""
        with (self.host.folder / "config").open("a", encoding="ascii") as config:
            config.write(f"Host {name}\nHostName 127.0.0.1\nPort {port or self.host.port}\nHostKeyAlias {name}\n")
        if key is not None:
            public = (self.host.folder / f"{key}.pub").read_text(encoding="ascii").split()[:2]
            with self.host.known_hosts.open("a", encoding="ascii") as known:
                known.write(f"{name} {' '.join(public)}\n")

    def write(self, *hosts: str) -> None:
        lines = "".join(f"  - {{folder: {self.folder}/home/new/knowscape, {host}}}\n" for host in hosts)
        ports = f"ray_port: {free_port()}\nclient_port: {free_port()}\n"
        (self.folder / "cluster.yaml").write_text(f"hosts:\n{lines}gpus: 0\ncores: 1\n{ports}", encoding="ascii")

    def there(self) -> set[Path]:
        """Return what is in the host's home."""
        return set((self.folder / "home").rglob("*"))

    def record(self) -> dict[str, str]:
        (path,) = (self.folder / "home").rglob("host.json")
        return dict(json.loads(path.read_bytes()))


@pytest.fixture
def world(tmp_path: Path, knowscape: Run) -> Iterator[World]:
    for name in ("sshd", "home"):
        (tmp_path / name).mkdir()
    with sshd(tmp_path / "sshd", PACKAGES) as host:
        made = World(host, tmp_path, knowscape)
        made.name("good")
        yield made
        made.write("address: good")
        made.cluster("down")


def said_of(done: "subprocess.CompletedProcess[str]", host: str) -> str:
    (line,) = (line for line in done.stderr.splitlines() if line.startswith(f"knowscape: {host}: "))
    return line


def processes_of(session: str) -> set[str]:
    """Return the numbers of Ray's processes: those that name its folder, and their children."""
    found = subprocess.run(["ps", "axwwo", "pid,ppid,args"], capture_output=True, text=True).stdout.splitlines()
    named = {line.split()[0] for line in found if session in line}
    return named | {line.split()[0] for line in found if line.split()[1] in named}


@pytest.mark.soak
def test_a_host_joins_whatever_is_wrong_with_others_and_is_left_as_it_was(world: World) -> None:
    world.name("changed", "other_host_key")
    world.name("unknown", None)
    world.name("away", port=free_port())
    world.name("python")
    newer = world.folder / "newer"
    claim = f"import sys; sys.version_info = ({NEWER.replace('.', ', ')}); exec(sys.argv[1])"
    program(newer, f'#!/bin/sh\nexec {sys.executable} -I -c "{claim}" "$3"\n')
    secret = {"address": "good", "username": "nobody-here", "password": "tulip"}
    (world.folder / "old.credentials").write_text(json.dumps(secret), encoding="ascii")
    others = "address: changed", "address: unknown", "address: away", f"address: python, python: {newer}"
    world.write("address: good", *others, "credentials: old.credentials")

    up = world.cluster("up", "--json")
    assert (up.returncode, up.stderr.count("Traceback")) == (1, 0), up.stderr
    found = json.loads(up.stdout)
    assert [(host["host"], host["state"]) for host in found["hosts"]] == [
        ("good", "head"), *((name, "failed") for name in ("changed", "unknown", "away", "python", "nobody-here@good")),
    ]  # fmt: skip
    assert "shows another key than known_hosts has for it" in said_of(up, "changed")
    assert "ssh-keygen -f" in said_of(up, "changed")
    assert "known_hosts has no key of unknown" in said_of(up, "unknown")
    assert "away is there, but no sshd answers" in said_of(up, "away")
    assert f"It has Python {NEWER}" in said_of(up, "python")
    assert "python: /path/to/python3." in said_of(up, "python")
    assert "Set a key up with: ssh-keygen -t ed25519 && ssh-copy-id nobody-here@good" in said_of(up, "nobody-here@good")
    assert "The password in" in up.stderr
    assert "tulip" not in up.stdout + up.stderr

    record = world.record()
    processes = processes_of(record["ray"])
    assert len(processes) > 6
    token = next((world.folder / "state").rglob("token"))
    assert token.stat().st_mode & 0o777 == 0o600
    assert next((world.folder / "home").rglob("token")).stat().st_mode & 0o777 == 0o600
    assert (
        token.read_text(encoding="ascii") not in subprocess.run(["ps", "axww"], capture_output=True, text=True).stdout
    )

    again = world.cluster("up", "--json")
    assert json.loads(again.stdout)["address"] == found["address"]
    assert not any(host["installed"] or host["started"] for host in json.loads(again.stdout)["hosts"])
    status = world.cluster("status", "--json")
    hosts = {host["host"]: host for host in json.loads(status.stdout)["hosts"]}
    assert (status.returncode, hosts["good"]["state"], hosts["away"]["state"]) == (1, "alive", "unreachable")
    assert hosts["good"]["memory"] > hosts["good"]["held"] > 0

    assert world.cluster("down").returncode == 1  # the others cannot be asked
    assert (world.there(), Path(record["ray"]).exists()) == (set(), False)
    assert not any(Path(f"/proc/{process}/cwd").exists() for process in processes)
    world.write("address: good")
    assert world.cluster("down").returncode == 0
    assert [path for path in (world.folder / "state").rglob("*") if path.is_file()] == []


@pytest.mark.soak
def test_an_up_that_is_interrupted_ends_what_it_began_and_the_next_goes_on(world: World) -> None:
    world.write("address: good")
    command = [*COMMAND, "cluster", "up", str(world.folder / "cluster.yaml")]
    up = subprocess.Popen(command, env=world.environment, stderr=subprocess.PIPE, start_new_session=True)
    assert up.stderr is not None
    assert b"good: installing Knowscape" in up.stderr.readline()
    venv = world.folder / "home" / "new" / "knowscape" / os.uname().nodename / "venv"
    while not venv.exists():
        time.sleep(0.05)
    os.killpg(up.pid, signal.SIGINT)
    assert (up.wait(20), b"Traceback" in up.stderr.read()) == (130, False)
    up.stderr.close()
    time.sleep(1)
    found = subprocess.run(["ps", "axww"], capture_output=True, text=True).stdout
    assert [line for line in found.splitlines() if str(venv) in line] == []
    done = world.cluster("up", "--json")
    assert done.returncode == 0, done.stderr
    assert [host["state"] for host in json.loads(done.stdout)["hosts"]] == ["head"], done.stderr


def test_a_host_of_another_cluster_is_not_taken(world: World) -> None:
    folder = world.folder / "home" / "new" / "knowscape" / os.uname().nodename
    folder.mkdir(parents=True)
    record = {"owner": "desk:/work/their.yaml", "made": []}
    (folder / "host.json").write_text(json.dumps(record), encoding="ascii")
    world.write("address: good")
    for command in ("up", "down"):
        done = world.cluster(command)
        assert done.returncode == 1
        assert "It belongs to another cluster, of desk:/work/their.yaml. Take that down first" in said_of(done, "good")
    assert json.loads((folder / "host.json").read_bytes()) == record


def test_a_folder_that_holds_something_else_is_not_touched(world: World) -> None:
    folder = world.folder / "home" / "new" / "knowscape" / os.uname().nodename
    folder.mkdir(parents=True)
    (folder / "thesis.tex").touch()
    world.write("address: good")
    done = world.cluster("up")
    assert done.returncode == 1
    assert "holds something else. Name another folder (folder: in cluster.yaml)" in said_of(done, "good")
    assert world.cluster("down").returncode == 0
    assert [path.name for path in folder.iterdir()] == ["thesis.tex"]


@pytest.mark.skipif(os.getuid() != 0, reason="a file system of its own needs root")
def test_a_host_without_room_says_how_much_there_is_and_how_much_is_needed(world: World) -> None:
    (world.folder / "home" / "new").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=30m", "tmpfs", str(world.folder / "home" / "new")]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        world.write("address: good")
        done = world.cluster("up")
        assert done.returncode == 1
        assert "has 0.0 GB free, and 2.5 GB are needed. Make room there" in said_of(done, "good")
        assert f"Type: ssh good 'df -h {world.folder}/home/new" in said_of(done, "good")
        world.cluster("down")
        assert world.there() == {world.folder / "home" / "new"}
    finally:
        subprocess.run(["umount", str(world.folder / "home" / "new")], check=True)


def test_embedding_on_a_cluster_that_is_not_up_says_how_to_bring_it_up(world: World, tmp_path: Path) -> None:
    world.write("address: good")
    (tmp_path / "texts.csv").write_text("id,text\n1,star\n", encoding="ascii")
    path = tmp_path / "cluster.yaml"
    done = world.knowscape("embed", tmp_path / "texts.csv", "-o", tmp_path / "out", "--no-cache", "--on", path)
    assert done.returncode == 2
    assert f"The cluster of {path} is not up. Type: knowscape cluster up {path}" in done.stderr
