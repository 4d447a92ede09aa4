"""Ctrl-C on the real command: it says that the work is kept, and the same command goes on from there."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import knowscape as package
from conftest import Run

# A shell that starts a command in the background has it ignore Ctrl-C, so the handler of a command in front is set.
CODE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
import knowscape.cli.commands
print("begun", flush=True)
knowscape.cli.main()
"""
SLICES = 3


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    words = ["map", "idea", "reader", "river", "cell", "star", "light", "number", "question", "region"]
    chance, path = random.Random(3), tmp_path / "texts.jsonl"
    rows = [{"id": str(n), "text": f"{n} " + " ".join(chance.choices(words, k=5))} for n in range(SLICES * 2048)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def begin(corpus: Path, atlas: Path) -> subprocess.Popen[str]:
    """Start the command, which commits after each slice, and return when it takes over."""
    command = [sys.executable, "-c", CODE, "embed", str(corpus), "-o", str(atlas)]
    command += ["--checkpoint-every", "0.1", "--no-cache"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def interrupt(process: subprocess.Popen[str]) -> None:
    with process:
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "the same command continues" in said
    assert "Traceback" not in said


def committed(atlas: Path) -> dict[str, int]:
    """Return the committed parts, each with the time it was written."""
    return {path.name: path.stat().st_mtime_ns for path in atlas.glob("vectors/*/part-*.parquet")}


def test_ctrl_c_while_embedding_keeps_what_is_done_and_the_same_command_resumes(
    knowscape: Run, corpus: Path, tmp_path: Path
) -> None:
    atlas = tmp_path / "x.atlas"
    process, until = begin(corpus, atlas), time.monotonic() + 120
    while not list(atlas.glob("vectors/*/manifest-*.json")) and time.monotonic() < until:
        time.sleep(0.01)
    interrupt(process)
    kept = committed(atlas)
    assert 0 < len(kept) < SLICES
    done = knowscape("embed", corpus, "-o", atlas, "--json")
    assert done.returncode == 0, done.stderr
    assert kept.items() <= committed(atlas).items(), "a finished part was written again"
    opened = package.open(atlas)
    assert opened.vectors().shape == (SLICES * 2048, 384)
    assert opened.check(full=True) == []


@pytest.mark.parametrize("seconds", [0.3, 0.8, 1.5])
def test_ctrl_c_at_other_moments_ends_with_a_sentence_and_leaves_nothing_broken(
    corpus: Path, tmp_path: Path, seconds: float
) -> None:
    process = begin(corpus, tmp_path / "x.atlas")
    time.sleep(seconds)
    interrupt(process)
    if (tmp_path / "x.atlas" / "atlas.json").exists():
        faults = package.open(tmp_path / "x.atlas").check(full=True)
        assert all(fault.kind == "gap" for fault in faults)
