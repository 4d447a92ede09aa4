"""Every system call of a small build on its atlas fails in turn: the state stays whole, the same command completes it.

strace makes the call fail; the build is the real command, in a fork of a process that has imported everything.
"""

import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from drill import Run, World, world

CALLS = (
    "openat", "mkdir", "write", "pwrite64", "ftruncate", "fsync", "fdatasync", "flock", "link", "linkat",
    "rename", "renameat", "renameat2", "unlink", "unlinkat", "close", "getdents64", "chmod", "rmdir",
)  # fmt: skip
# ESTALE is what a network disk says that was away meanwhile.
ERRORS = ("EIO", "ENOSPC", "ESTALE")
FEWER = 12
LINE = re.compile(r"(?P<call>\w+)\((?P<rest>.*)")

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@dataclass(frozen=True)
class Point:
    """The `number`-th call of its kind in the main thread fails with `error`."""

    call: str
    number: int
    error: str


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from world(tmp_path_factory.mktemp("syscalls"))


def traced(build: World, atlas: Path, *options: str) -> tuple[Run, list[str]]:
    """Run the build under strace; the lines of its main thread."""
    log = build.folder / "trace"
    for old in build.folder.glob("trace.*"):
        old.unlink()
    child = build.zygote.start(*build.command(atlas), stopped=True)
    command = ["strace", "-ff", "-y", "-s", "0", "-o", str(log), *options, "-p", str(child)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        assert "attached" in strace.stderr.readline()
        os.kill(child, signal.SIGCONT)
        ended = build.zygote.end()
        strace.stderr.read()
    return ended, Path(f"{log}.{child}").read_text(errors="replace").splitlines()


def points(build: World) -> list[Point]:
    """Return each call that an undisturbed build makes on its atlas, the errors taking turns."""
    atlas = build.folder / "traced.atlas"
    ended, lines = traced(build, atlas, "-e", f"trace={','.join(CALLS)}")
    assert ended.code == 0, ended.said
    seen, found = Counter[str](), []
    for line in lines:
        if match := LINE.match(line):
            seen[match["call"]] += 1
            if str(atlas) in match["rest"]:
                found.append((match["call"], seen[match["call"]]))
    return [Point(call, number, ERRORS[turn % len(ERRORS)]) for turn, (call, number) in enumerate(found)]


def fail(build: World, point: Point, atlas: Path) -> str:
    """Let one call fail and see that nothing is lost; return what became of it: failed, absorbed, or elsewhere."""
    inject = f"inject={point.call}:error={point.error}:when={point.number}"
    ended, lines = traced(build, atlas, "-e", f"trace={point.call}", "-e", inject)
    assert "Traceback" not in ended.said, ended.said
    build.holds(atlas, ended.committed)
    if ended.code == 0:
        build.is_whole(atlas)
    else:
        assert ended.code == 1, ended.said
        assert re.search(r"^knowscape: .*(same command|[Tt]ype)", ended.said, re.M), ended.said
    build.completes(atlas)
    hit = next((line for line in lines if "INJECTED" in line), "")
    if str(atlas) not in hit:
        return "elsewhere"
    return "absorbed" if ended.code == 0 else "failed"


def drill(build: World, chosen: list[Point], least: int) -> None:
    became, wrong = Counter[str](), []
    calls: dict[str, Counter[str]] = {}
    for number, point in enumerate(chosen):
        if number % 50 == 49:
            print(number + 1, dict(became), flush=True)
        atlas = build.folder / f"p{number}.atlas"
        try:
            how = fail(build, point, atlas)
        except AssertionError as error:
            wrong.append(f"{point}: {error}")
            print(wrong[-1], flush=True)
            how = "wrong"
        became[how] += 1
        calls.setdefault(point.call, Counter())[how] += 1
        shutil.rmtree(atlas, ignore_errors=True)
    print(f"\n{len(chosen)} fault points: {dict(became)}")
    for call, counts in calls.items():
        print(f"  {call}: {dict(counts)}")
    assert not wrong, "\n".join(wrong)
    assert became["failed"] + became["absorbed"] >= least


@pytest.mark.soak
def test_every_call_that_fails_leaves_a_whole_state_that_the_same_command_completes(build: World) -> None:
    drill(build, points(build), 500)


def test_calls_that_fail_here_and_there_leave_a_whole_state(build: World) -> None:
    every = points(build)
    assert len(every) >= 500
    drill(build, every[:: len(every) // FEWER], FEWER // 2)
