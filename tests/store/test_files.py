"""A file is the old one or the new one, never something in between."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from knowscape.files import link_new, write_atomic, write_json


def test_a_write_that_fails_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"n": 1})

    def fails(file: IO[bytes]) -> None:
        file.write(b'{"n": ')
        raise MemoryError

    with pytest.raises(MemoryError):
        write_atomic(path, fails)
    assert json.loads(path.read_text(encoding="utf-8")) == {"n": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_put_if_absent_keeps_what_was_first(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert link_new(path, b"first")
    assert not link_new(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_text_of_any_script_comes_back(tmp_path: Path) -> None:
    value = {"title": "Солнце 太阳 🌞 \u2028", "n": [1.5, None, True]}
    write_json(tmp_path / "deep" / "a.json", value)
    assert json.loads((tmp_path / "deep" / "a.json").read_text(encoding="utf-8")) == value


WRITE = """
import sys
from pathlib import Path
from knowscape.files import write_json
for number in range(10**9):
    write_json(Path(sys.argv[1]), {"numbers": [number] * 5000})
    if number == 0: print("begun", flush=True)
"""


def test_no_kill_leaves_half_a_file(tmp_path: Path) -> None:
    """SIGKILL at ten random moments of a process that does nothing but replace one file."""
    chance = random.Random(6)
    for _ in range(10):
        command = [sys.executable, "-c", WRITE, str(tmp_path / "a.json")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(chance.uniform(0, 0.05))
            process.send_signal(signal.SIGKILL)
        numbers = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))["numbers"]
        assert len(numbers) == 5000
        assert len(set(numbers)) == 1
