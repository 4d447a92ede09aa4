"""What the system refuses: room, permission, files, large files, the disk itself, a steady clock.

Each is an error that says what to do, the state before it stays, and the same command goes on from there.
"""

import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from disks import NO_LOG_FLUSH, Disk, disk
from drill import Run, World, world

import knowscape

NOBODY = 65534


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from world(tmp_path_factory.mktemp("refusals"))


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Disk]:
    with disk(tmp_path) as made:
        yield made


def says(run: Run, *words: str) -> None:
    """Assert that a run failed with one sentence in which these words are."""
    assert "Traceback" not in run.said, run.said
    assert run.code == 1, run.said
    (sentence,) = [line for line in run.said.splitlines() if line.startswith("knowscape: ")]
    assert "run the same command again; what was finished is kept" in sentence
    assert all(word in sentence for word in words), sentence


@contextmanager
def refused(build: World, atlas: Path, run: Run, *words: str) -> Iterator[None]:
    """Assert what holds after a refusal, then do what the block does against it, and go on."""
    says(run, *words)
    build.holds(atlas, run.committed)
    yield
    build.completes(atlas)


@pytest.mark.parametrize("spare", [0, 40_000, 100_000])
def test_a_full_disk(build: World, there: Disk, spare: int) -> None:
    atlas = there.folder / "x.atlas"
    filler = there.fill(spare)
    with refused(build, atlas, build.zygote(*build.command(atlas)), "No space left", f"df -h {there.folder}"):
        filler.unlink()


ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another user")


@ROOT
def test_a_folder_where_one_may_not_write(build: World, tmp_path: Path) -> None:
    os.chown(tmp_path, NOBODY, NOBODY)
    atlas = tmp_path / "x.atlas"
    with refused(build, atlas, build.zygote(*build.command(atlas), powerless=1), "Permission denied", "ls -ld"):
        assert not atlas.exists()


@ROOT
@pytest.mark.parametrize("room", [".", "vectors", "corpus"])
def test_a_room_of_the_atlas_where_one_may_not_write(build: World, tmp_path: Path, room: str) -> None:
    """Of an atlas whose vectors are not there yet."""
    atlas = tmp_path / "x.atlas"
    shutil.copytree(build.calm, atlas)
    shutil.rmtree(atlas / "vectors")
    (atlas / "vectors").mkdir()
    (atlas / room).chmod(0o700 if room == "corpus" else 0o755)
    os.chown(atlas / room, NOBODY, NOBODY)
    run = build.zygote(*build.command(atlas), powerless=1)
    says(run, "Permission denied", "ls -ld", str(atlas / room))
    build.completes(atlas)


@ROOT
def test_a_part_that_one_may_not_read_is_not_called_damaged(build: World, tmp_path: Path) -> None:
    atlas = tmp_path / "x.atlas"
    shutil.copytree(build.calm, atlas)
    part = next(atlas.glob("vectors/*/part-*"))
    part.chmod(0o600)
    os.chown(part, NOBODY, NOBODY)
    says(build.zygote("check", atlas, "--full", powerless=1), "Permission denied", part.name)


def test_a_disk_that_can_be_read_only(build: World, there: Disk) -> None:
    atlas = there.folder / "x.atlas"
    there.set_mode("ro")
    with refused(build, atlas, build.zygote(*build.command(atlas)), "Read-only file system", "ls -ld"):
        there.set_mode("rw")
    there.set_mode("ro")
    assert knowscape.open(atlas).check(full=True) == []
    assert build.zygote("check", atlas, "--full").code == 0


def test_a_disk_that_goes_away_while_the_command_runs(build: World, there: Disk) -> None:
    chance, atlas = random.Random(3), there.folder / "x.atlas"
    for _ in range(3):
        build.zygote.start(*build.command(atlas), pause=0.01)
        time.sleep(chance.uniform(0, 0.3))
        there.cut_power(NO_LOG_FLUSH)
        run = build.zygote.end()
        says(run, "Input/output error", "attached and mounted")
        there.power_on()
        build.holds(atlas, run.committed)
    build.completes(atlas)


def test_no_file_handles_left(build: World, tmp_path: Path) -> None:
    """The first commit takes them all."""
    atlas = tmp_path / "x.atlas"
    with refused(build, atlas, build.zygote(*build.command(atlas), leak=1), "Too many open files", "ulimit -n"):
        pass


@pytest.mark.parametrize("size", [1_000, 4_000])
def test_files_that_may_not_grow(build: World, tmp_path: Path, size: int) -> None:
    atlas = tmp_path / "x.atlas"
    # What the command says goes to a file too: a pipe of the shell's would not be limited.
    with refused(build, atlas, build.zygote(*build.command(atlas), bytes=size), "File too large", "ulimit -f"):
        pass


def test_a_clock_that_jumps_changes_nothing(build: World, tmp_path: Path) -> None:
    """Each call of the clock is ten years after or before the one before; the files' times jump too."""
    atlas = tmp_path / "x.atlas"
    run = build.zygote(*build.command(atlas), jump=10 * 365 * 86_400)
    assert run.code == 0, run.said
    build.is_whole(atlas)
    computed = run.computed
    chance = random.Random(4)
    for path in atlas.rglob("*"):
        os.utime(path, (chance.uniform(0, 4e9),) * 2)
    again = build.zygote(*build.command(atlas), jump=-(10 * 365 * 86_400))
    assert (again.code, again.computed) == (0, []), again.said
    assert computed
    build.is_whole(atlas)


def test_the_real_command_says_it_too(build: World, there: Disk) -> None:
    """Not in a fork: the installed command, from its start."""
    filler = there.fill(0)
    code = "import sys; from knowscape.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, build.command(there.folder / "x.atlas"))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert re.search(
        r"^knowscape: .*No space left on device\. Make room there \(df -h .*same command", done.stderr, re.M
    )
    assert "Traceback" not in done.stderr
    filler.unlink()
    assert subprocess.run(command, capture_output=True).returncode == 0
