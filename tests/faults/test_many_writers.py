"""Eight processes want to write at once: what they were told is stored is there, once, and readers see whole states."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from knowscape.store.manifest import PartFolder

WRITERS, COMMITS, FEW_COMMITS = 8, 500, 12
WRITE = """
import random, sys, time
from pathlib import Path
import pyarrow as pa
from knowscape.errors import KnowscapeError
from knowscape.store.manifest import PartFolder
folder, name, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
parts, done, refused = PartFolder(folder), 0, 0
while done < count:
    try:
        with parts.writing() as writer:
            writer.append(pa.table({"who": [f"{name}-{done}"]}), {"kind": "test"})
    except KnowscapeError as error:
        assert "is being written by" in str(error), error
        refused += 1
        time.sleep(random.uniform(0, 0.08))
        continue
    done += 1
    print("stored", f"{name}-{done - 1}", flush=True)
print("refused", refused, flush=True)
"""


def writers(folder: Path, commits: int) -> list[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WRITE, str(folder / "x")]
    started = []
    for number in range(WRITERS):
        with (folder / f"said-{number}").open("w") as said:
            started.append(subprocess.Popen([*command, str(number), str(commits)], stdout=said, text=True))
    return started


def drill(folder: Path, commits: int) -> None:
    parts, seen, reads, slowest = PartFolder(folder / "x"), 0, 0, 0.0
    processes = writers(folder, commits)
    while any(process.poll() is None for process in processes):
        start, stored = time.monotonic(), said(folder, "stored")
        table = parts.read()
        slowest = max(slowest, time.monotonic() - start)
        names = [] if table is None else table["who"].to_pylist()
        assert len(names) == len(set(names)) >= seen
        assert set(stored) <= set(names), "a reader does not see what was stored before it began"
        seen, reads = len(names), reads + 1
        time.sleep(0.1)
    assert [process.returncode for process in processes] == [0] * WRITERS
    table, acknowledged, refused = parts.read(), said(folder, "stored"), said(folder, "refused")
    assert table is not None
    visible = table["who"].to_pylist()
    assert sorted(visible) == sorted(acknowledged)
    assert len(visible) == len(set(visible)) == WRITERS * commits
    assert parts.check(full=True) == []
    print(
        f"\n{WRITERS} processes: visible {len(visible)} = acknowledged {len(acknowledged)} = unique {len(set(visible))}"
    )
    print(f"refused {sum(map(int, refused))} times; {reads} reads meanwhile, the longest {slowest:.2f} s")
    assert sum(map(int, refused)) > 0, "they never met"
    assert reads > 10


def said(folder: Path, what: str) -> list[str]:
    lines = [line for path in folder.glob("said-*") for line in path.read_text().splitlines(keepends=True)]
    return [line.split()[1] for line in lines if line.startswith(what) and line.endswith("\n")]


@pytest.mark.soak
def test_everything_that_eight_writers_were_told_is_stored_is_there_once(tmp_path: Path) -> None:
    drill(tmp_path, COMMITS)


def test_what_eight_writers_store_for_a_while_is_there_once(tmp_path: Path) -> None:
    drill(tmp_path, FEW_COMMITS)
