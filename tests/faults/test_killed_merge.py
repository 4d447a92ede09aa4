"""kill -9 of a merge at random moments: nothing, or what the same command completes to the same bytes."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import SPEC
from shards import checkpoint, corpus, holds, shard, stars, tree

import knowscape as package
from conftest import COMMAND, Run
from knowscape.merge.run import MergeOptions, merge
from knowscape.store.atlas import AtlasFolder

ALL = stars(range(300))
# Merges in forks of one process that has imported everything.  Each line it reads is a case: the output, the seconds
# until a kill, or the call that the merge dies before; for each it writes the exit status.
DRIVER = """
import json, os, signal, sys, time
from pathlib import Path
sys.path[:0] = json.loads(sys.argv[1])
from fakes import SPEC
from shards import corpus, stars
from knowscape.merge.run import MergeOptions, merge

def dying(real, at):
    calls = iter(range(1, at))
    def call(*arguments, **options):
        if next(calls, None) is None:
            os.killpg(0, signal.SIGKILL)
        return real(*arguments, **options)
    return call

options, sources = MergeOptions(corpus(stars(range(300))), SPEC), [Path(name) for name in sys.argv[2:]]
for line in sys.stdin:
    case = json.loads(line)
    if (child := os.fork()) == 0:
        os.setpgid(0, 0)
        if case.get("call"):
            setattr(os, case["call"], dying(getattr(os, case["call"]), case["at"]))
        merge(sources, case["out"], options)
        os._exit(0)
    if case.get("seconds") is not None:
        time.sleep(case["seconds"])
        try:
            os.killpg(child, signal.SIGKILL)
        except ProcessLookupError:
            pass
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
Merge = Callable[..., int]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two atlases that overlap, and a checkpoint, so that parts are linked, written anew and staged."""
    folder = tmp_path_factory.mktemp("sources")
    one, two = shard(folder / "1", ALL[:105]), shard(folder / "2", ALL[92:200])
    return [one, two, checkpoint(folder / "a.pkl", 195, ALL[195:])]


@pytest.fixture(scope="module")
def driven(sources: list[Path]) -> Iterator[Merge]:
    """Merge the sources in a process of its own; returns its exit status."""
    command = [sys.executable, "-c", DRIVER, json.dumps(sys.path), *map(str, sources)]
    driver = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert driver.stdin is not None
    assert driver.stdout is not None
    asks, says = driver.stdin, driver.stdout

    def run(out: Path, **case: object) -> int:
        asks.write(json.dumps({"out": str(out), **case}) + "\n")
        asks.flush()
        return int(says.readline())

    with driver:
        assert run(sources[0].parent / "warm") == 0
        yield run
        asks.close()


def files(path: Path) -> dict[str, bytes]:
    """Return what an atlas holds; a killed writer's temporary files are leftovers that the next one removes."""
    return {name: content for name, content in tree(path).items() if "/.tmp-" not in f"/{name}"}


def whole_or_nothing(out: Path) -> None:
    """What is at the place of the atlas is no atlas yet, or one that reads as far as it goes."""
    if not (out / "atlas.json").exists():
        return
    folder = AtlasFolder.open(out)
    known = {each.text_digest for each in ALL}
    for parts in (folder.corpus, *(store.parts for store in folder.vector_stores())):
        assert parts.check(full=True) == []
        table = parts.read(["text_digest"])
        assert table is None or set(table["text_digest"].to_pylist()) <= known


@pytest.fixture(scope="module")
def calm(sources: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the merge leaves when nothing befalls it."""
    out = tmp_path_factory.mktemp("calm") / "c"
    merge(sources, out, MergeOptions(corpus(ALL), SPEC))
    holds(out, ALL)
    return files(out)


@pytest.mark.parametrize("kills", [6, pytest.param(300, marks=pytest.mark.soak)])
def test_a_killed_merge_is_completed_by_the_same_command(
    tmp_path: Path, driven: Merge, calm: dict[str, bytes], kills: int
) -> None:
    start = time.monotonic()
    assert driven(tmp_path / "timed") == 0
    usual, chance = time.monotonic() - start, random.Random(5)
    begun, ended, done = 0, 0, 0
    while done < kills:
        out = tmp_path / f"rough-{done}"
        for _ in range(chance.randint(1, 3)):
            code = driven(out, seconds=chance.uniform(0, usual))
            whole_or_nothing(out)
            done, ended, begun = done + 1, ended + (code == 0), begun + out.exists()
        assert driven(out) == 0
        assert files(out) == calm
        assert not list(tmp_path.glob(".*.merging"))
    print(f"{done} kills: {begun} after the first write to the atlas, {ended} after the end, 0 failures")
    assert ended < done / 2 or kills < 100  # a few may all come late


@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.soak)], ids=["some", "every"])
@pytest.mark.parametrize("name", ["link", "replace", "fsync", "unlink", "mkdir"])
def test_a_merge_that_dies_before_any_one_call_is_completed(
    tmp_path: Path, driven: Merge, calm: dict[str, bytes], name: str, step: int
) -> None:
    """Each call is one of those that make a commit; `some` are the first, the ninth, and so on."""
    deaths, at = 0, 1
    while (code := driven(out := tmp_path / str(at), call=name, at=at)) != 0:
        assert code == -signal.SIGKILL
        whole_or_nothing(out)
        assert driven(out) == 0
        assert files(out) == calm
        deaths, at = deaths + 1, at * step if step > 1 else at + 1
    print(f"{name}: died before {deaths} calls, 0 failures")
    assert deaths


def test_after_a_merge_with_gaps_exactly_the_missing_documents_are_embedded(
    tmp_path: Path, knowscape: Run, small_model: Path
) -> None:
    rows = [{"id": str(n), "text": f"Star {n} shines."} for n in range(50)]

    def texts(name: str, some: list[dict[str, str]]) -> Path:
        path = tmp_path / f"{name}.jsonl"
        path.write_text("\n".join(map(json.dumps, some)), encoding="utf-8")
        return path

    whole, out = texts("whole", rows), tmp_path / "c.atlas"
    for name, some in (("a", rows[:17]), ("b", rows[30:])):
        done = knowscape("embed", texts(name, some), "-o", tmp_path / name, "--model", small_model)
        assert done.returncode == 0, done.stderr
    command = ["merge", tmp_path / "a", tmp_path / "b", "--corpus", whole, "-o", out, "--json"]
    refused = knowscape(*command)
    assert refused.returncode == 2
    (fault,) = json.loads(refused.stdout)["faults"]
    assert fault == {"kind": "gap", "says": "rows 17 to 29 are in no part (small)"}
    merged = json.loads(knowscape(*command, "--allow-gaps").stdout)
    assert merged["models"] == {"small": {"vectors": 37, "missing": 13}}
    assert merged["next"] == f"knowscape embed CORPUS -o {out} --model small"
    before = package.open(out).folder.vectors(*package.open(out).model()).done()
    done = knowscape("embed", whole, "-o", out, "--model", small_model, "--json")
    assert json.loads(done.stdout)["models"][str(small_model)]["computed"] == 13
    atlas = package.open(out)
    table = atlas.folder.vectors(*atlas.model()).parts.read(["id", "text_digest"])
    assert table is not None
    new = [row["id"] for row in table.to_pylist() if row["text_digest"] not in before]
    assert new == [row["id"] for row in rows[17:30]]
    assert atlas.check(full=True) == []
    assert np.isfinite(atlas.vectors()).all()


def test_the_command_line_refuses_on_standard_error_with_every_fault(tmp_path: Path, knowscape: Run) -> None:
    one, two = shard(tmp_path / "1", ALL[:20]), shard(tmp_path / "2", stars([5], "Moon"))
    done = knowscape("merge", one, two, tmp_path / "nowhere", "-o", tmp_path / "c")
    assert (done.returncode, done.stdout) == (2, "")
    assert "Nothing was merged:" in done.stderr
    assert "duplicate id: one id stands for two texts" in done.stderr
    assert f"source: {tmp_path / 'nowhere'} is not there. Accepted: an atlas" in done.stderr
    assert COMMAND[0] not in done.stderr
