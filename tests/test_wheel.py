"""What is installed: the page and the sample are in the wheel, torch is not asked for, and it is small."""

import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_the_page_the_sample_and_the_types_are_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    page = "knowscape/page/dist/"
    assert {page + "index.html", "knowscape/corpus/sample/articles.jsonl", "knowscape/py.typed"} <= names
    assert any(name.startswith(page + "assets/") and name.endswith(".woff2") for name in names)
    assert not any("node_modules" in name or "/test" in name for name in names)
    assert sum(info.compress_size for info in wheel.infolist()) < 2_000_000


def test_nothing_heavy_is_asked_for(wheel: zipfile.ZipFile) -> None:
    name = next(name for name in wheel.namelist() if name.endswith("METADATA"))
    wanted = Parser().parsestr(wheel.read(name).decode()).get_all("Requires-Dist") or []
    base = [line for line in wanted if "extra ==" not in line]
    assert not any(line.startswith(("torch", "transformers", "sentence-transformers", "pandas")) for line in base)
    assert len(base) <= 21
