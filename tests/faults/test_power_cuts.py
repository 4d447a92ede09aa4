"""The power fails at random moments of a build: nothing that was acknowledged is lost, and no state is torn."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from disks import LOG_FLUSH, NO_LOG_FLUSH, Disk, disk
from drill import World, world

CUTS, FEW_CUTS = 200, 5
PAUSE = 0.002


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from world(tmp_path_factory.mktemp("power"), count=240)


def drill(build: World, there: Disk, cuts: int) -> None:
    chance, atlas, ended = random.Random(8), there.folder / "x.atlas", Counter[str]()
    committed: list[tuple[Path, str]] = []
    commits, start = 0, time.monotonic()
    build.zygote(*build.command(atlas), pause=PAUSE)
    whole = time.monotonic() - start
    shutil.rmtree(atlas)
    for cut in range(cuts):
        how = (LOG_FLUSH, NO_LOG_FLUSH)[cut % 2]
        build.zygote.start(*build.command(atlas), pause=PAUSE)
        time.sleep(chance.uniform(0, whole * 0.6))
        there.cut_power(how)
        run = build.zygote.end()
        assert "Traceback" not in run.said, run.said
        assert run.code in {0, 1}, run.said
        there.power_on()
        committed += run.committed
        commits += len(run.committed)
        build.holds(atlas, committed)
        ended["finished" if run.code == 0 else "cut"] += 1
        if run.code == 0:
            build.is_whole(atlas)
        if run.code == 0 or cut % 4 == 3:  # else the next command goes on from here, and is cut too
            build.completes(atlas)
            shutil.rmtree(atlas)
            os.sync()
            committed = []
    build.completes(atlas)
    print(f"\n{cuts} power cuts, {commits} commits acknowledged, none lost: {dict(ended)}")
    assert ended["cut"] > cuts / 2


@pytest.mark.soak
def test_no_power_cut_loses_what_was_acknowledged(build: World, tmp_path: Path) -> None:
    with disk(tmp_path) as there:
        drill(build, there, CUTS)


def test_a_few_power_cuts_lose_nothing_that_was_acknowledged(build: World, tmp_path: Path) -> None:
    with disk(tmp_path) as there:
        drill(build, there, FEW_CUTS)


def killed_at_sync(build: World, atlas: Path, number: int) -> bool:
    """Kill a build when it begins its n-th fsync; False where it has fewer."""
    child = build.zygote.start(*build.command(atlas), stopped=True)
    inject = ["-e", "trace=fsync", "-e", f"inject=fsync:signal=KILL:when={number}"]
    with subprocess.Popen(["strace", *inject, "-p", str(child)], stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr is not None
        assert "attached" in strace.stderr.readline()
        os.kill(child, signal.SIGCONT)
        strace.stderr.read()
    return build.zygote.end().code == -signal.SIGKILL


def syncs(build: World, there: Disk, every: int) -> int:
    """Kill at every so-maniest sync, let the same command end, and cut the power; return how many there were."""
    count = 0
    for number in range(1, 10_000, every):
        atlas = there.folder / f"s{number}.atlas"
        if not killed_at_sync(build, atlas, number):
            break
        build.completes(atlas)
        there.cut_power(NO_LOG_FLUSH)
        there.power_on()
        build.is_whole(atlas)
        shutil.rmtree(atlas)
        count += 1
    return count


@pytest.mark.soak
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_what_a_command_finds_done_survives_the_power_cut_that_follows(build: World, tmp_path: Path) -> None:
    """A process is killed just before a sync: its successor finds the names, and makes them durable."""
    with disk(tmp_path) as there:
        count = syncs(build, there, 1)
    print(f"\n{count} kills just before a sync, each followed by the same command and a power cut: nothing lost")
    assert count > 40


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_what_a_command_finds_done_survives_here_and_there(build: World, tmp_path: Path) -> None:
    with disk(tmp_path) as there:
        assert syncs(build, there, 30) >= 2
