"""Parts and manifests: what is committed stays, what is damaged is named."""

import fcntl
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from knowscape.errors import DamageError, KnowscapeError
from knowscape.store.manifest import FORMAT, PartFolder


def table(*values: int) -> pa.Table:
    return pa.table({"n": pa.array(values, pa.int64()), "text": [f"row {value} " * 20 for value in values]})


def filled(folder: Path, count: int = 3) -> PartFolder:
    parts = PartFolder(folder)
    with parts.writing() as writer:
        for number in range(count):
            writer.append(table(*range(number * 50, number * 50 + 50)), {"kind": "test"})
    return parts


def rows(parts: PartFolder) -> list[int]:
    read = parts.read()
    return [] if read is None else list(read["n"].to_pylist())


def test_commits_are_read_back_in_order_with_what_they_share(tmp_path: Path) -> None:
    parts = filled(tmp_path / "x")
    assert rows(parts) == list(range(150))
    assert (parts.rows(), parts.about(), parts.check(full=True)) == (150, {"kind": "test"}, [])


def test_a_folder_without_commits_is_empty(tmp_path: Path) -> None:
    parts = PartFolder(tmp_path / "nowhere")
    assert (parts.exists(), parts.rows(), parts.read(), parts.about(), parts.check()) == (False, 0, None, {}, [])


def test_any_flipped_bit_of_a_part_is_found_by_the_full_check(tmp_path: Path) -> None:
    parts = filled(tmp_path, 1)
    path = next(tmp_path.glob("part-*"))
    whole, chance = path.read_bytes(), random.Random(1)
    for _ in range(40):
        damaged = bytearray(whole)
        damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        assert path.name in str(parts.check(full=True)[0])


def test_a_flipped_bit_in_the_data_is_not_read_as_data(tmp_path: Path) -> None:
    parts = filled(tmp_path, 1)
    path = next(tmp_path.glob("part-*"))
    whole = path.read_bytes()
    for position in range(0, len(whole), max(1, len(whole) // 60)):
        damaged = bytearray(whole)
        damaged[position] ^= 16
        path.write_bytes(damaged)
        with pytest.raises(DamageError, match=path.name):
            parts.read()


@pytest.mark.parametrize("share", [0, 0.3, 0.99])
def test_a_truncated_part_is_named_by_the_quick_check(tmp_path: Path, share: float) -> None:
    parts = filled(tmp_path)
    path = sorted(tmp_path.glob("part-*"))[0]
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert path.name in str(parts.check()[0])
    with pytest.raises(DamageError, match=path.name):
        parts.read()


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    parts = filled(tmp_path)
    path = sorted(tmp_path.glob("part-*"))[1]
    path.unlink()
    assert f"{path} is missing" in str(parts.check()[0])
    with pytest.raises(DamageError, match="is missing"):
        parts.read()


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "list", "other keys"])
def test_a_damaged_manifest_is_an_error_that_names_it(tmp_path: Path, damage: str) -> None:
    parts = filled(tmp_path)
    path = max(tmp_path.glob("manifest-*.json"))
    content = path.read_bytes()
    path.write_bytes(
        {"cut": content[:-9], "flip": content.replace(b"test", b"tost"), "empty": b"", "list": b"[]"}.get(damage, b"{}")
    )
    with pytest.raises(DamageError, match=path.name):
        parts.read()


def test_a_newer_format_is_refused_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as later:
        later.setattr("knowscape.store.manifest.FORMAT", FORMAT + 1)
        parts = filled(tmp_path)
    with pytest.raises(KnowscapeError, match="pip install -U knowscape"):
        parts.read()


def test_a_second_writer_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    parts = filled(tmp_path)
    with parts.writing(), pytest.raises(KnowscapeError, match=r"written by .* process \d+"), parts.writing():
        pass


def test_the_lock_of_a_dead_process_does_not_hold(tmp_path: Path) -> None:
    code = "import sys, os; from pathlib import Path; from knowscape.store.manifest import PartFolder\n"
    code += "with PartFolder(Path(sys.argv[1])).writing(): os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)]).returncode == -signal.SIGKILL
    assert (tmp_path / ".lock").stat().st_size > 0
    filled(tmp_path)


def test_readers_need_no_lock(tmp_path: Path) -> None:
    parts = filled(tmp_path)
    with (tmp_path / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert len(rows(parts)) == 150


def test_a_number_that_exists_is_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put-if-absent holds even where two hosts share a folder and a lock does not reach across."""
    parts = filled(tmp_path)
    with parts.writing() as writer:
        monkeypatch.setattr(PartFolder, "_latest", lambda self: 2)
        with pytest.raises(KnowscapeError, match="Another process wrote"):
            writer.append(table(999), {})
    monkeypatch.undo()
    assert rows(parts) == list(range(150))


def test_what_a_manifest_names_stays_until_the_manifest_goes(tmp_path: Path) -> None:
    """A reader that opened the state before a replacement still finds its parts."""
    parts = filled(tmp_path, 1)
    before = parts.parts()
    with parts.writing() as writer:
        writer.replace(table(1), {})
        assert parts.read_part(before[0]).num_rows == 50
        for value in range(2, 5):
            writer.replace(table(value), {})
    assert rows(parts) == [4]
    assert not (tmp_path / before[0].file).exists()
    assert len(list(tmp_path.glob("manifest-*.json"))) == len(list(tmp_path.glob("part-*"))) == 3


def test_leftovers_of_a_kill_are_ignored_and_then_removed(tmp_path: Path) -> None:
    parts = filled(tmp_path)
    (tmp_path / ".tmp-1-dead").write_bytes(b"half")
    (tmp_path / "part-0000000000000000.parquet").write_bytes(b"never named")
    assert rows(parts) == list(range(150))
    with parts.writing() as writer:
        writer.append(table(150), {})
    assert {path.name[:5] for path in tmp_path.iterdir()} == {".lock", "part-", "manif"}
    assert parts.check(full=True) == []


WRITER = """
import sys
from pathlib import Path
import pyarrow as pa
from knowscape.store.manifest import PartFolder
parts = PartFolder(Path(sys.argv[1]))
with parts.writing() as writer:
    for number in range(parts.rows(), 100_000):
        writer.append(pa.table({"n": [number]}), {"kind": "test"})
        print(number, flush=True)
"""


def test_no_kill_loses_a_commit_that_was_acknowledged(tmp_path: Path) -> None:
    """SIGKILL at fifteen random moments of a process that does nothing but commit."""
    parts, chance = PartFolder(tmp_path / "x"), random.Random(4)
    for _ in range(15):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "x")], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(chance.uniform(0, 0.1))
        child.send_signal(signal.SIGKILL)
        said = child.stdout.read().split()
        child.wait()
        child.stdout.close()
        there = rows(parts)
        assert there == list(range(len(there)))
        assert not said or len(there) > int(said[-1])
        assert parts.check(full=True) == []
    assert parts.rows() > 15
