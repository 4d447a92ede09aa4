"""Any model of the hub, pinned to its commit.  The hub itself is another machine's: this one speaks its protocol."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CODE = """
import json, sys
from knowscape.encoders.load import load_encoder
encoder = load_encoder(sys.argv[1])
vectors = encoder.encode_documents(["The sun is a star."])
print(json.dumps({"name": encoder.spec.name, "revision": encoder.spec.revision, "shape": vectors.shape,
                  "weights": encoder.spec.weights_sha256}))
"""


@contextmanager
def hub(folder: Path, asked: list[str]) -> Iterator[str]:
    """Serve a folder as the repository me/tiny, with the few addresses that the hub's client needs."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            asked.append(f"{self.command} {self.path}")

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            name = self.path.split(f"/resolve/{COMMIT}/")[-1].split("/resolve/main/")[-1]
            files = [path for path in folder.rglob("*") if path.is_file()]
            if self.path.startswith("/api/models/me/tiny/tree/"):
                tree = [  # what the client lists
                    {
                        "type": "file",
                        "oid": "0" * 40,
                        "size": path.stat().st_size,
                        "path": str(path.relative_to(folder)),
                    }
                    for path in files
                ]
                self._send(json.dumps(tree).encode(), {}, body=body)
            elif self.path.startswith("/api/models/me/tiny"):
                siblings = [{"rfilename": str(path.relative_to(folder))} for path in files]
                about = {"id": "me/tiny", "sha": COMMIT, "siblings": siblings}
                self._send(json.dumps(about).encode(), {}, body=body)
            elif self.path.startswith("/me/tiny/resolve/") and (folder / name).is_file():
                content = (folder / name).read_bytes()
                etag = hashlib.sha256(content).hexdigest()
                self._send(content, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}, body=body)
            else:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()

        def _send(self, content: bytes, headers: dict[str, str], *, body: bool) -> None:
            self.send_response(200)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def load(name: str, endpoint: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"}
    environment.pop("HF_HUB_OFFLINE", None)
    return subprocess.run(
        [sys.executable, "-c", CODE, name], capture_output=True, text=True, timeout=120, env=environment
    )


@pytest.fixture
def tiny(small_model: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_model, tmp_path / "tiny"))


def test_a_model_of_the_hub_is_fetched_once_and_pinned_to_its_commit(tiny: Path, tmp_path: Path) -> None:
    (tiny / "pytorch_model.bin").write_bytes(b"a pickle, which nobody asked for")
    asked: list[str] = []
    with hub(tiny, asked) as endpoint:
        done = load("hf:me/tiny", endpoint, tmp_path / "home")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    weights = hashlib.sha256((tiny / "model.safetensors").read_bytes()).hexdigest()
    assert found == {"name": "tiny", "revision": COMMIT, "shape": [1, 32], "weights": weights}
    assert not any("pytorch_model.bin" in line for line in asked)
    again = load(f"hf:me/tiny@{COMMIT}", "http://127.0.0.1:9", tmp_path / "home")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout.splitlines()[-1]) == found


def test_weights_that_changed_in_the_cache_are_named(tiny: Path, tmp_path: Path) -> None:
    with hub(tiny, []) as endpoint:
        assert load("hf:me/tiny", endpoint, tmp_path / "home").returncode == 0
    [blob] = [
        path for path in tmp_path.rglob("blobs/*") if path.stat().st_size == (tiny / "model.safetensors").stat().st_size
    ]
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1
    blob.chmod(0o644)
    blob.write_bytes(content)
    done = load(f"hf:me/tiny@{COMMIT}", "http://127.0.0.1:9", tmp_path / "home")
    assert "DamageError" in done.stderr
    assert "has the SHA-256" in done.stderr


def test_a_repository_without_safetensors_and_one_that_is_not_there_are_refused(tiny: Path, tmp_path: Path) -> None:
    (tiny / "model.safetensors").rename(tiny / "pytorch_model.bin")
    with hub(tiny, []) as endpoint:
        done = load("hf:me/tiny", endpoint, tmp_path / "home")
        assert "it has no model.safetensors at this revision; other formats are not read" in done.stderr
        done = load("hf:me/nothing", endpoint, tmp_path / "home")
        assert "The weights of me/nothing could not be had" in done.stderr
