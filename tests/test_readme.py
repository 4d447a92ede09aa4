"""What the README tells people to type works as it stands there."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import COMMAND
from knowscape.corpus.readers import read_corpus
from knowscape.corpus.sample import sample_articles_path, sample_questions_path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)
SHELL = [line for kind, block in BLOCKS if kind == "" for line in block.splitlines() if line.strip()]
PYTHON = [block for kind, block in BLOCKS if kind == "python"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the README names."""
    import pyarrow.parquet as pq

    folder = tmp_path_factory.mktemp("desk")
    articles = read_corpus(sample_articles_path(), limit=150)
    pq.write_table(articles.table.select(["id", "title", "text"]), folder / "articles.parquet")
    questions = json.loads(sample_questions_path().read_text(encoding="utf-8"))[:10]
    (folder / "questions.json").write_text(json.dumps(questions), encoding="utf-8")
    return folder


def test_the_make_targets_that_the_readme_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = [line.split()[1] for line in SHELL if line.startswith("make ")]
    assert {"demo", "test"} <= set(named)
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in named)
    assert "SERVE" in makefile


@pytest.mark.parametrize("line", [line for line in SHELL if line.startswith("knowscape ")])
def test_each_command_of_the_readme_runs(desk: Path, line: str) -> None:
    words = [*COMMAND, *shlex.split(line, comments=True)[1:]]
    if words[3] == "serve":
        process = subprocess.Popen(words, cwd=desk, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        assert "http://localhost:" in process.stderr.readline()
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) in {0, 130, -signal.SIGINT}
        process.stderr.close()
        return
    done = subprocess.run(words, cwd=desk, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


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
    assert read_corpus(desk / "articles.parquet").report.kept == 150


def test_links_of_the_readme_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", README):
        assert (ROOT / target).exists(), target
