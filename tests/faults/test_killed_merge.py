"""kill -9 of a merge at random moments: nothing, or what the same command completes to the same bytes."""

import json
import os
import random
import signal
import subprocess
import sys
import time
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
# The real merge; it says when it starts, so that a kill falls into the work and not into the imports.
CODE = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from fakes import SPEC
from shards import corpus, stars
from knowscape.merge.run import MergeOptions, merge
import knowscape.corpus.checkpoints, pyarrow.compute
options = MergeOptions(corpus(stars(range(300))), SPEC)
print("begun", flush=True)
merge([Path(name) for name in sys.argv[2:]], Path(sys.argv[1]), options)
"""


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two atlases that overlap, and a checkpoint, so that parts are linked, written anew and staged."""
    folder = tmp_path_factory.mktemp("sources")
    one, two = shard(folder / "1", ALL[:105]), shard(folder / "2", ALL[92:200])
    return [one, two, checkpoint(folder / "a.pkl", 195, ALL[195:])]


def files(path: Path) -> dict[str, bytes]:
    """Return what an atlas holds; a killed writer's temporary files are leftovers that the next one removes."""
    return {name: content for name, content in tree(path).items() if "/.tmp-" not in f"/{name}"}


def run(out: Path, sources: list[Path], seconds: float | None) -> int:
    """Merge in a process of its own, and kill it after so many seconds."""
    command = [sys.executable, "-c", CODE.format(path=sys.path), str(out), *map(str, sources)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    with process.stdout as said:
        assert said.readline() == "begun\n"
        if seconds is not None:
            time.sleep(seconds)
            os.killpg(process.pid, signal.SIGKILL)
        return process.wait()


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


@pytest.mark.parametrize("kills", [15, pytest.param(150, marks=pytest.mark.soak)])
def test_a_killed_merge_is_completed_by_the_same_command(tmp_path: Path, sources: list[Path], kills: int) -> None:
    merge(sources, tmp_path / "calm", MergeOptions(corpus(ALL), SPEC))
    holds(tmp_path / "calm", ALL)
    start = time.monotonic()
    assert run(tmp_path / "timed", sources, None) == 0
    longest, chance = time.monotonic() - start, random.Random(5)
    begun, ended, done = 0, 0, 0
    while done < kills:
        out = tmp_path / f"rough-{done}"
        for _ in range(chance.randint(1, 3)):
            code = run(out, sources, chance.uniform(0, longest * 0.6))
            whole_or_nothing(out)
            done, ended, begun = done + 1, ended + (code == 0), begun + out.exists()
        assert run(out, sources, None) == 0
        assert files(out) == files(tmp_path / "calm")
        assert not list(tmp_path.glob(".*.merging"))
    print(f"{done} kills: {begun} after the first write to the atlas, {ended} after the end, 0 failures")
    assert begun - ended > 0


DIE = """
import os, signal
counts = {{}}
def dying(name, real, at):
    def call(*arguments, **options):
        counts[name] = counts.get(name, 0) + 1
        if counts[name] == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)
    return call
os.{name} = dying({name!r}, os.{name}, {at})
"""


@pytest.mark.parametrize("name", ["link", "replace", "fsync", "unlink", "mkdir"])
def test_a_merge_that_dies_before_any_one_call_is_completed(tmp_path: Path, sources: list[Path], name: str) -> None:
    merge(sources, tmp_path / "calm", MergeOptions(corpus(ALL), SPEC))
    done, at = 0, 1
    while True:
        out = tmp_path / f"{name}-{at}"
        code = DIE.format(name=name, at=at) + CODE.format(path=sys.path)
        ended = subprocess.run([sys.executable, "-c", code, out, *sources], capture_output=True, text=True)
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL, ended.stderr
        whole_or_nothing(out)
        assert run(out, sources, None) == 0
        assert files(out) == files(tmp_path / "calm")
        done, at = done + 1, at + max(1, at // 2)
    print(f"{name}: died at {done} of {at} calls")


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
