"""What the README tells people to type works as it stands there."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from conftest import COMMAND
from knowscape.corpus.readers import read_corpus
from knowscape.corpus.sample import sample_articles_path, sample_questions_path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
SHELL = [block.splitlines() for kind, block in BLOCKS if kind == ""]
LINES = [line for block in SHELL for line in block if line.strip()]
COMMANDS = [[line for line in block if line.startswith("knowscape ")] for block in SHELL]
PYTHON = [block for kind, block in BLOCKS if kind == "python"]


def test_it_holds_no_marks_of_a_merge() -> None:
    assert not re.search(r"^(<<<<<<<|=======|>>>>>>>)", README, re.MULTILINE)


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with the files that the README names."""
    import pyarrow.parquet as pq

    folder = tmp_path / "desk"
    folder.mkdir()
    articles = read_corpus(sample_articles_path(), limit=60)
    pq.write_table(articles.table.select(["id", "title", "text"]), folder / "articles.parquet")
    questions = json.loads(sample_questions_path().read_text(encoding="utf-8"))[:10]
    (folder / "questions.json").write_text(json.dumps(questions), encoding="utf-8")
    return folder


def test_the_make_targets_that_the_readme_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = [line.split()[1] for line in LINES if line.startswith("make ")]
    assert {"demo", "test"} <= set(named)
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in named)
    assert "SERVE" in makefile


def test_no_block_of_the_readme_escapes_these_tests() -> None:
    assert {kind for kind, _ in BLOCKS} == {"", "python"}
    assert all(line.startswith(("make ", "knowscape ")) for line in LINES)
    assert README.count("```") == 2 * len(BLOCKS)


@pytest.mark.parametrize("lines", [block for block in COMMANDS if block], ids=lambda block: block[0])
def test_each_block_of_commands_runs_from_its_first_line_to_its_last(desk: Path, lines: list[str]) -> None:
    for line in lines:
        arguments = shlex.split(line, comments=True)[1:]
        if arguments[0] == "serve":
            serves(desk, arguments)
        else:
            done = subprocess.run([*COMMAND, *arguments], cwd=desk, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr


def serves(desk: Path, arguments: list[str]) -> None:
    """The command says where the page is, the page is there, and Ctrl-C ends it."""
    code = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {COMMAND[2]}"
    with subprocess.Popen([COMMAND[0], "-c", code, *arguments], cwd=desk, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = re.search(r"http://\S+", process.stderr.readline())
        assert address
        page = fetch(address[0].rstrip("."))
        process.send_signal(signal.SIGINT)
        process.stderr.read()
    assert "<!doctype html>" in page.lower()
    assert process.returncode in {0, 130}


def fetch(address: str) -> str:
    """Return what is served at an address, as soon as something is."""
    until = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def test_the_python_of_the_readme_runs(desk: Path) -> None:
    assert PYTHON
    for block in PYTHON:
        done = subprocess.run(
            [sys.executable, "-c", block], cwd=desk, capture_output=True, text=True, env=dict(os.environ)
        )
        assert done.returncode == 0, done.stderr


def test_every_command_in_the_table_exists(desk: Path) -> None:
    named = {
        name
        for row in re.findall(r"^\| (`.*?) \|", README, re.MULTILINE)
        for name in re.findall(r"`(?:knowscape )?(\w+)", row)
    }
    assert named
    for name in named:
        done = subprocess.run([*COMMAND, name, "--help"], capture_output=True, text=True)
        assert done.returncode == 0, name
    assert read_corpus(desk / "articles.parquet").report.kept == 60


def test_links_of_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", README):
        assert (ROOT / target).exists(), target
