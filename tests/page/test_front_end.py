"""The front-end's own checks: its types and its unit tests, run by the Node.js that builds it."""

import importlib.util
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def npm() -> Any:
    """Run npm in `web/`, with the packages of its lock file installed."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    command, environment = hook.npm_command()

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *arguments], cwd=ROOT / "web", env=environment, capture_output=True, text=True)

    if not (ROOT / "web" / "node_modules").is_dir():
        assert run("ci", "--no-audit", "--no-fund").returncode == 0
    return run


@pytest.mark.parametrize("script", ["check", "test"])
def test_the_front_end_passes_its_own_checks(npm: Any, script: str) -> None:
    """`check` is tsc without output, `test` the unit tests."""
    done = npm("run", script)
    assert done.returncode == 0, done.stdout + done.stderr
