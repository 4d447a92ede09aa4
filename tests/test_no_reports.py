"""Nobody is told that Knowscape is used."""

import subprocess
import sys
from pathlib import Path

import pytest

from faults.drill import make_corpus
from knowscape.encoders.catalogue import DEFAULT_MODEL, entry
from knowscape.encoders.weights import cache_folder, fetch_weights

# Whoever connects, asks for an address or starts a process, from whatever thread, is on the list.
CODE = """
import sys
calls = []
watched = {"socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.fork", "os.posix_spawn"}
sys.addaudithook(lambda event, found: calls.append((event, found)) if event in watched else None)
from knowscape.cli import main
try:
    main()
finally:
    print(calls)
"""


@pytest.mark.parametrize("command", ["embed", "demo"])
def test_nobody_hears_of_a_command_and_nothing_is_left_at_home(command: str, tmp_path: Path) -> None:
    (corpus, _), home = make_corpus(tmp_path, 50), tmp_path / "home"
    home.mkdir()
    model = fetch_weights(entry(DEFAULT_MODEL))  # which OpenVINO runs
    embed = ["embed", corpus, "--model", model, "-o", "x.atlas", "--no-cache"]
    words = embed if command == "embed" else ["demo", "--no-serve"]
    # None that says that this is a test.
    environment = {"HOME": str(home), "PYTHONPATH": ":".join(sys.path), "KNOWSCAPE_CACHE": str(cache_folder())}
    done = subprocess.run(
        [sys.executable, "-c", CODE, *map(str, words)], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    assert list(home.iterdir()) == []
