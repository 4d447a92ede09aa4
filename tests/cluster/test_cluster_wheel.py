"""The wheel that hosts get is the Knowscape that runs here, and what pip makes of it is the same files."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import knowscape
from knowscape.cluster.wheel import make_wheel
from knowscape.errors import UsageError


def files(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_pip_installs_from_it_the_files_that_run_here(tmp_path: Path) -> None:
    wheel = make_wheel()
    (tmp_path / wheel.name).write_bytes(wheel.content)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*pip, "--target", tmp_path / "there", tmp_path / wheel.name], check=True)
    assert files(tmp_path / "there" / "knowscape") == files(Path(knowscape.__file__).parent)
    (about,) = (tmp_path / "there").glob("*.dist-info")
    assert (about / "entry_points.txt").read_text(encoding="ascii").split() == [
        "[console_scripts]", "knowscape", "=", "knowscape.cli:main",
    ]  # fmt: skip
    assert (about / "licenses" / "LICENSE").is_file()


def test_equal_files_give_equal_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    one = make_wheel()
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert make_wheel() == one
    names = zipfile.ZipFile(io.BytesIO(one.content)).namelist()
    assert names[-1] == f"knowscape-{knowscape.__version__}.dist-info/RECORD"
    assert "knowscape/cluster/agent.py" in names


def test_an_extra_that_the_installed_description_lacks_is_named() -> None:
    with pytest.raises(UsageError, match=r"without an extra 'lasers'\. Accepted: .*mediawiki"):
        make_wheel(["lasers"])
