"""Worlds that several tests share: the sample atlas, built once by the command that users type."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# Each test computes its own vectors; those of the cache's own tests have a cache of their own.
os.environ["KNOWSCAPE_CACHE_GB"] = "0"

Run = Callable[..., subprocess.CompletedProcess[str]]
COMMAND = [sys.executable, "-c", "from knowscape.cli import main; main()"]


@pytest.fixture(scope="session")
def knowscape() -> Run:
    """Run the command line in a process of its own."""

    def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        command = [*COMMAND, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=600, **options)  # type: ignore[call-overload,no-any-return]

    return run


@pytest.fixture(scope="session")
def sample_atlas(knowscape: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample corpus, embedded with the real weights and mapped."""
    out = tmp_path_factory.mktemp("sample") / "sample.atlas"
    done = knowscape("demo", "--no-serve", "-o", out, "--json", env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    return out
