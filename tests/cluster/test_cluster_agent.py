"""What the agent finds on a host, and what it makes of it."""

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from knowscape.cluster import agent
from knowscape.cluster.agent import Place, RefusedError
from ssh_host import program

OWNER = "desk:/work/cluster.yaml"
ASKED = {"inside": None, "cores": None, "gpus": 0, "head": None, "ray_port": 6379, "client_port": 10001}


@pytest.fixture
def two_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An nvidia-smi that knows two GPUs, of which the second does not say how much it is used."""
    program(
        tmp_path / "bin" / "nvidia-smi",
        '#!/bin/sh\n[ "$1" = -L ] && printf "GPU 0: A\\nGPU 1: B\\n" && exit\n'
        'printf "0, 97, 1000, 80000\\n1, [N/A], 0, 80000\\n"\n',
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")


@pytest.mark.usefixtures("two_gpus")
def test_gpus_are_all_so_many_or_those_that_are_named() -> None:
    assert [agent._gpus(asked) for asked in (None, 0, 1, 2, [1], [0, 1])] == [2, 0, 1, 2, 1, 2]
    for asked in (3, [2], [0, 5]):
        with pytest.raises(RefusedError, match="It has 2 GPUs, and"):
            agent._gpus(asked)
    assert list(agent._gpu_use()) == [{"index": 0, "use": 97, "memory": 1000, "total": 80000}]


def test_a_host_without_the_tool_has_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert (agent._gpus(None), list(agent._gpu_use())) == (0, [])


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    made = Place(str(folder), OWNER)
    made.make(OWNER)
    made.note(ray="/tmp/knowscape-ray-x")
    yield made
    made.release()


def command(folder: Path, **asked: Any) -> str:
    with place(folder) as made:
        return " ".join(agent._command(made, {**ASKED, **asked}))


def test_the_head_opens_its_ports_under_the_address_that_ssh_has_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.9 40000 10.0.0.1 22")
    words = command(tmp_path, gpus=[0, 3])
    assert "--head --port 6379" in words
    assert "--ray-client-server-port 10001" in words
    assert "--node-ip-address=10.0.0.1" in words
    assert "--num-gpus=2" in words
    assert "--num-cpus" not in words


def test_another_joins_the_head_under_the_address_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.9 40000 10.0.0.2 22")
    words = command(tmp_path, head="10.0.0.1:6379", inside="192.168.0.2", cores=4)
    assert "start --address 10.0.0.1:6379 " in words
    assert " --node-ip-address=192.168.0.2 --num-cpus=4 --num-gpus=0" in words
    assert "client" not in words


@pytest.mark.parametrize(
    ("memory", "free", "found"), [(10**12, 10**11, 2 * 10**9), (10**10, 10**10, 10**9), (10**12, 64 * 10**6, 10**8)]
)
def test_a_tenth_of_the_memory_is_shared_but_what_is_there_and_some_gigabytes(
    monkeypatch: pytest.MonkeyPatch, memory: int, free: int, found: int
) -> None:
    monkeypatch.setattr(agent, "_memory", lambda: {"MemTotal": memory})
    monkeypatch.setattr(agent.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    assert agent._shared_memory() == found


def test_one_command_at_a_time_works_on_a_host_and_any_may_look(tmp_path: Path) -> None:
    with place(tmp_path) as first:
        with pytest.raises(RefusedError, match="Another `knowscape cluster` is at work there"):
            Place(str(tmp_path), OWNER)
        assert Place(str(tmp_path), OWNER, reads=True).record == first.record
        first.remove()
    assert Place(str(tmp_path), OWNER).record == {}


def test_only_folders_that_were_made_are_removed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with place(home / "new" / "knowscape") as made:
        (home / "new" / "mine").touch()
        made.remove()
    assert sorted(tmp_path.rglob("*")) == [home, home / "new", home / "new" / "mine"]


def test_models_go_where_the_host_keeps_them_or_else_where_they_vanish(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("KNOWSCAPE_CACHE", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".cache" / "huggingface").mkdir(parents=True)
    with place(tmp_path / "cluster") as made:
        assert made.environment()["KNOWSCAPE_CACHE"] == str(made.folder / "cache" / "KNOWSCAPE_CACHE")
        assert "HF_HOME" not in made.environment()


def test_what_pip_or_python_say_of_an_error_is_told_and_not_the_rest() -> None:
    assert agent._end("Collecting a\nERROR: No matching distribution\n\nnotice: new pip\n") == (
        "ERROR: No matching distribution"
    )
    assert agent._end("Traceback\n  File x\nValueError: no client.\n") == "ValueError: no client"
    assert agent._end("one\ntwo\n") == "one two"


def test_a_request_is_answered_in_one_line_whatever_befalls_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    asked = {"do": "prepare", "folder": f"{tmp_path}/file/below", "owner": "o", "gpus": 0}
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(asked).encode() + b"\n")))
    agent.serve()
    assert "Not a directory" in json.loads(capsys.readouterr().out)["refused"]
