"""File systems without locks or without hard links: one writer at a time all the same, and put-if-absent holds."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from drill import World, world
from test_syscalls import traced

from knowscape.store.manifest import PartFolder

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
APPEND = """
import sys
from pathlib import Path
import pyarrow as pa
from knowscape.cli import main
from knowscape.errors import KnowscapeError
from knowscape.store.manifest import PartFolder
try:
    with PartFolder(Path(sys.argv[1])).writing() as writer:
        writer.append(pa.table({"n": [int(sys.argv[2])]}), {})
        if sys.argv[2] == "13": print("held", flush=True); sys.stdin.read()
except KnowscapeError as error:
    sys.exit(f"knowscape: {error}")
"""


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from world(tmp_path_factory.mktemp("locks"))


@pytest.mark.parametrize("error", ["EPERM", "EOPNOTSUPP", "ENOSYS"])
def test_a_build_where_there_are_no_hard_links(build: World, tmp_path: Path, error: str) -> None:
    inject = ["-e", "trace=link,linkat", "-e", f"inject=link,linkat:error={error}"]
    run, lines = traced(build, tmp_path / "x.atlas", *inject)
    assert run.code == 0, run.said
    assert sum("INJECTED" in line for line in lines) > 3
    build.is_whole(tmp_path / "x.atlas")


def without_flock(folder: Path, number: int) -> list[str]:
    """Return the command that appends a number where the folder's file system has no flock."""
    strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", str(folder / ".lock")]
    inject = ["-e", "trace=flock", "-e", "inject=flock:error=ENOSYS"]
    return [*strace, *inject, sys.executable, "-c", APPEND, str(folder), str(number)]


def numbers(folder: Path) -> list[int]:
    table = PartFolder(folder).read()
    return [] if table is None else list(table["n"].to_pylist())


def test_where_there_is_no_flock_a_second_writer_is_told_of_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    first = subprocess.Popen(without_flock(folder, 13), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    assert first.stdout.readline() == "held\n"
    second = subprocess.run(without_flock(folder, 14), capture_output=True, text=True)
    assert re.search(r"written by .* process \d+ since .*Wait until it has ended", second.stderr), second.stderr
    assert (folder / ".lock-host").exists()
    first.communicate()
    assert first.returncode == 0
    assert subprocess.run(without_flock(folder, 15)).returncode == 0
    assert numbers(folder) == [13, 15]
    assert not (folder / ".lock-host").exists()


def test_a_writer_that_died_where_there_is_no_flock_holds_nobody_up(tmp_path: Path) -> None:
    (tmp_path / ".lock-host").write_text(f"{os.uname().nodename} process 1 since long ago: knowscape build")
    assert subprocess.run(without_flock(tmp_path, 1)).returncode == 0
    assert numbers(tmp_path) == [1]


def test_a_writer_on_another_host_is_named_with_the_way_to_remove_its_lock(tmp_path: Path) -> None:
    (tmp_path / ".lock-host").write_text("elsewhere process 7 since 2026-01-01 00:00:00 UTC: knowscape build x")
    done = subprocess.run(without_flock(tmp_path, 1), capture_output=True, text=True)
    assert "written by elsewhere process 7 since 2026-01-01 00:00:00 UTC: knowscape build x" in done.stderr
    remedy = re.search(r"type: (rm \S+)$", done.stderr.strip())
    assert remedy, done.stderr
    subprocess.run(remedy[1], shell=True, check=True)
    assert subprocess.run(without_flock(tmp_path, 1)).returncode == 0


def test_the_lock_names_the_command_without_control_characters(tmp_path: Path) -> None:
    code = "import sys; sys.argv = ['/bin/knowscape', 'build', 'a b', '\\x1b[31m\\n'];" + APPEND.replace(
        "sys.argv[1]", "'.'"
    )
    code = code.replace("sys.argv[2]", "'1'").replace("int('1')", "1")
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path).returncode == 0
    assert re.search(r" process \d+ since .* UTC: knowscape build 'a b' '\?\[31m\?'$", (tmp_path / ".lock").read_text())
    assert PartFolder(tmp_path).read() == pa.table({"n": [1]})
