"""A command on a cluster leaves word where it stands, and status reads it, whether the command lives or not."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from knowscape.cluster.report import Report
from knowscape.cluster.state import Cluster, State, cluster_of, joined
from knowscape.cluster.status import _run
from knowscape.errors import UsageError
from knowscape.progress import SILENT

WORKER = {"worker": "Worker 0 of 10.0.0.1", "address": "10.0.0.1", "does": "embeds", "slice": 3, "errors": 0}


def told(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_bytes()))


def test_the_file_tells_stage_rows_workers_and_faults(tmp_path: Path) -> None:
    report = Report(tmp_path / "run.json", SILENT)
    with report.stage("Embedding", total=100, done=20) as stage:
        stage.advance(30)
        report.note("Worker 0 is late.")
        report._written = 0.0  # a second later
        report.workers([WORKER])
        found = told(tmp_path / "run.json")
    assert (found["stage"], found["done"], found["total"], found["before"]) == ("Embedding", 50, 100, 20)
    assert (found["workers"], found["notes"], found["ended"]) == ([WORKER], ["Worker 0 is late."], False)
    assert (told(tmp_path / "run.json")["ended"], [path.name for path in tmp_path.iterdir()]) == (True, ["run.json"])


def test_it_is_written_once_a_second_and_not_for_each_slice(tmp_path: Path) -> None:
    report = Report(tmp_path / "run.json", SILENT)
    with report.stage("Embedding", total=100):
        before = (tmp_path / "run.json").stat().st_ino
        for _ in range(50):
            report.workers([WORKER])
        assert (tmp_path / "run.json").stat().st_ino == before


def test_what_is_left_follows_from_the_rate_of_what_was_computed_now() -> None:
    run = {"process": os.getpid(), "at": 0, "seconds": 10, "stage": "Embedding", "total": 100, "before": 20, "done": 40}
    found = _run({**run, "ended": False, "notes": ["a"], "workers": []})
    assert (found.running, found.rate, found.left, found.notes) == (True, 2.0, 30.0, ("a",))
    assert _run({**run, "done": 20, "ended": False, "notes": []}).left is None
    assert _run({**run, "ended": True, "notes": []}).running is False


def test_a_command_that_was_killed_is_not_running() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    run = {"process": process.pid, "at": 0, "seconds": 10, "stage": "Embedding", "total": 9, "before": 0, "done": 4}
    assert _run({**run, "ended": False, "notes": []}).running is False


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.setenv(name, "before")
    return cluster_of(tmp_path / "cluster.yaml")


def test_a_token_is_made_once_and_only_its_user_may_read_it(cluster: Cluster, tmp_path: Path) -> None:
    token = cluster.token(None)
    assert (len(token), cluster.token(None)) == (64, token)
    assert (cluster.token_file.stat().st_mode & 0o777, cluster.folder.stat().st_mode & 0o777) == (0o600, 0o700)
    (tmp_path / "own").write_text(" tulip\n", encoding="ascii")
    assert (cluster.token(tmp_path / "own"), cluster.token_file.read_text(encoding="ascii")) == ("tulip", "tulip")


def test_to_join_a_cluster_is_to_know_its_address_and_where_the_token_is(cluster: Cluster) -> None:
    with pytest.raises(UsageError, match="Type: knowscape cluster up"):
        joined(cluster.path)
    assert os.environ["RAY_AUTH_MODE"] == "before"
    cluster.token(None)
    cluster.keep(State("ada@gpu1", "10.0.0.1:6379", "10.0.0.1:10001", "s"))
    assert joined(cluster.path) == "ray://10.0.0.1:10001"
    assert os.environ["RAY_AUTH_MODE"] == "token"
    assert os.environ["RAY_AUTH_TOKEN_PATH"] == str(cluster.token_file)
    assert "RAY_AUTH_TOKEN" not in os.environ
    cluster.forget()
    assert not cluster.folder.exists()
