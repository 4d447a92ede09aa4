"""Kills at random moments of a small build: nothing that was acknowledged is lost, and little is computed again."""

import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from drill import World, rows, world
from zygote import SLICE

KILLS, FEW_KILLS = 300, 8
PAUSE = 0.004
# After so many kills the atlas is begun anew, so that they fall into all stages alike.
KILLS_OF_ONE = 10
# What may be at work between two commits: the slice that is being committed and the two behind it.
UNIT = 3 * SLICE


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from world(tmp_path_factory.mktemp("kills"), count=320)


def kill(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:  # it has not made itself a group yet, or has ended
        with suppress(ProcessLookupError):
            os.kill(group, signal.SIGKILL)


def drill(build: World, atlas: Path, kills: int) -> None:
    chance, ended, again = random.Random(9), Counter[str](), []
    start = time.monotonic()
    build.zygote(*build.command(atlas), pause=PAUSE)
    whole = time.monotonic() - start
    shutil.rmtree(atlas)
    committed: list[tuple[Path, str]] = []
    while ended["killed"] < kills:
        before = len(rows(atlas))
        group = build.zygote.start(*build.command(atlas), pause=PAUSE)
        time.sleep(whole * chance.random() ** 2)
        kill(group)
        run = build.zygote.end()
        committed += run.committed
        build.holds(atlas, committed)
        ended["killed" if run.code == -signal.SIGKILL else "finished"] += 1
        again.append(len(run.computed) - (len(rows(atlas)) - before))
        assert 0 <= again[-1] <= UNIT, f"{again[-1]} texts have to be computed again"
        if run.code == 0 or ended["killed"] % KILLS_OF_ONE == 0:
            build.completes(atlas)
            shutil.rmtree(atlas)
            committed = []
    hit = [texts for texts in again if texts]
    assert hit or kills == FEW_KILLS, "no kill hit the embedding"
    print(f"\n{dict(ended)}; {len(hit)} kills cost work, at most {max(again)} texts, {sum(hit)} in all")


@pytest.mark.soak
def test_no_kill_loses_a_commit_or_more_than_one_unit(build: World, tmp_path: Path) -> None:
    drill(build, tmp_path / "x.atlas", KILLS)


def test_a_few_kills_lose_no_commit_and_no_more_than_one_unit(build: World, tmp_path: Path) -> None:
    drill(build, tmp_path / "x.atlas", FEW_KILLS)
