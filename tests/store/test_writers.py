"""Several processes at one folder: one writes, the others are told; whoever reads sees whole states only."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from knowscape.errors import KnowscapeError
from knowscape.store import manifest
from knowscape.store.manifest import PartFolder, PartWriter
from knowscape.store.parts import Part

START = """
import sys, time
from pathlib import Path
import pyarrow as pa
from knowscape.store.manifest import PartFolder
parts = PartFolder(Path(sys.argv[1]))
"""
HOLD = START + "with parts.writing():\n    print('held', flush=True); time.sleep(60)\n"
COMMIT = """
with parts.writing() as writer:
    table = parts.read()
    for number in range(table["n"].to_pylist()[-1] + 1 if table else 0, 100_000):
        writer.{how}(pa.table({{"n": [number]}}), {{"kind": "test"}})
        print(number, flush=True)
"""


def child(code: str, folder: Path) -> subprocess.Popen[str]:
    """Start a process and wait for its first line."""
    process = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline()
    return process


def kill(process: subprocess.Popen[str]) -> list[str]:
    """Kill at once and return what was said since the first line."""
    process.kill()
    assert process.stdout is not None
    with process.stdout as said:
        lines = said.read().split("\n")
    assert process.wait() == -signal.SIGKILL
    return lines[:-1]


def append(parts: PartFolder, *values: int) -> None:
    with parts.writing() as writer:
        for value in values:
            writer.append(pa.table({"n": [value]}), {})


def numbers(parts: PartFolder) -> list[int]:
    table = parts.read()
    return [] if table is None else list(table["n"].to_pylist())


def test_a_second_process_is_told_which_one_writes_and_may_write_when_that_one_is_dead(tmp_path: Path) -> None:
    process = child(HOLD, tmp_path)
    with pytest.raises(
        KnowscapeError, match=rf"written by .* process {process.pid} since .*: -c .* Wait until it has ended"
    ):
        append(PartFolder(tmp_path), 1)
    kill(process)
    append(PartFolder(tmp_path), 1)
    assert numbers(PartFolder(tmp_path)) == [1]


@pytest.mark.parametrize("how", ["append", "replace"])
def test_a_reader_beside_a_writer_sees_whole_states_that_never_go_back(tmp_path: Path, how: str) -> None:
    process, parts, last, reads = child(START + COMMIT.format(how=how), tmp_path), PartFolder(tmp_path), -1, 0
    until = time.monotonic() + 2.5
    while time.monotonic() < until:
        seen = numbers(parts)
        assert seen == (list(range(len(seen))) if how == "append" else seen[-1:])
        assert seen[-1] >= last
        last, reads = seen[-1], reads + 1
    assert process.poll() is None
    kill(process)
    assert reads > 10
    assert last > 10


def test_a_reader_whose_parts_were_replaced_many_times_meanwhile_reads_what_is_there_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, read_part = PartFolder(tmp_path), PartFolder.read_part
    append(parts, 1)

    def overtaken(self: PartFolder, part: Part, columns: list[str] | None = None) -> pa.Table:
        monkeypatch.setattr(PartFolder, "read_part", read_part)
        with self.writing() as writer:
            for value in range(2, 7):
                writer.replace(pa.table({"n": [value]}), {})
        return read_part(self, part, columns)

    monkeypatch.setattr(PartFolder, "read_part", overtaken)
    assert numbers(parts) == [6]


def test_no_kill_leaves_a_replaced_table_missing_or_mixed(tmp_path: Path) -> None:
    """SIGKILL at ten random moments of a process that does nothing but replace."""
    parts, chance = PartFolder(tmp_path), random.Random(5)
    for _ in range(10):
        process = child(START + COMMIT.format(how="replace"), tmp_path)
        time.sleep(chance.uniform(0, 0.1))
        said = kill(process)
        (there,) = numbers(parts)
        assert not said or there in {int(said[-1]), int(said[-1]) + 1}
        assert parts.check(full=True) == []


def test_of_two_writers_whom_no_lock_parts_one_is_refused_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two hosts on a shared folder without locks: one commits while the other is still writing its part."""
    parts = PartFolder(tmp_path)
    append(parts, 1, 2, 3)
    write_part = manifest.write_part

    def slowly(folder: Path, table: pa.Table) -> Part:
        monkeypatch.setattr(manifest, "write_part", write_part)
        PartWriter(parts).append(pa.table({"n": [100]}), {})
        return write_part(folder, table)

    monkeypatch.setattr(manifest, "write_part", slowly)
    with pytest.raises(KnowscapeError, match="Another process wrote"):
        PartWriter(parts).append(pa.table({"n": [200]}), {})
    assert numbers(parts) == [1, 2, 3, 100]
    assert parts.check(full=True) == []


@pytest.mark.parametrize("damage", ["{", "", '{"format": 99}'])
def test_a_damaged_older_manifest_stops_no_writer_and_is_forgotten_in_time(tmp_path: Path, damage: str) -> None:
    parts = PartFolder(tmp_path)
    append(parts, 1, 2, 3)
    (tmp_path / "manifest-2.json").write_text(damage)
    (tmp_path / "part-0000000000000000.parquet").write_bytes(b"perhaps named by the damaged one")
    append(parts, 4)
    assert (tmp_path / "part-0000000000000000.parquet").exists()
    append(parts, 5)
    assert numbers(parts) == [1, 2, 3, 4, 5]
    assert not (tmp_path / "manifest-2.json").exists()
    assert not (tmp_path / "part-0000000000000000.parquet").exists()


FULL = (
    START
    + """
import resource
from knowscape.errors import StorageError
with parts.writing() as writer:
    writer.append(pa.table({"n": [1]}), {})
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
    try:
        writer.append(pa.table({"n": list(range(5000))}), {})
    except StorageError as error:
        print(error, flush=True)
"""
)


def test_a_disk_without_room_for_a_part_leaves_the_state_before_and_no_rest(tmp_path: Path) -> None:
    said = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True)
    assert "File too large" in said.stdout, said.stderr
    assert numbers(PartFolder(tmp_path)) == [1]
    assert {path.name[:5] for path in tmp_path.iterdir()} == {".lock", "part-", "manif"}
