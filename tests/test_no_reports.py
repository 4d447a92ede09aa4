"""Nobody is told that Knowscape is used."""

import subprocess
import sys
from pathlib import Path

from faults.drill import make_corpus
from knowscape.encoders.catalogue import DEFAULT_MODEL, entry
from knowscape.encoders.weights import fetch_weights

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


def test_embedding_connects_to_nobody_and_leaves_nothing_at_home(tmp_path: Path) -> None:
    (corpus, _), home = make_corpus(tmp_path, 50), tmp_path / "home"
    home.mkdir()
    model = fetch_weights(entry(DEFAULT_MODEL))  # which OpenVINO runs
    command = ["embed", corpus, "--model", model, "-o", tmp_path / "x.atlas", "--no-cache"]
    environment = {"HOME": str(home), "PYTHONPATH": ":".join(sys.path)}  # none that says that this is a test
    done = subprocess.run(
        [sys.executable, "-c", CODE, *map(str, command)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
    assert list(home.iterdir()) == []
