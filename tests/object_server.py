"""An S3 in a process of its own, for tests: moto's, with faults that a test asks for."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

# moto looks whether a key is there and then writes it; the lock makes one step of the two, as S3 promises.
SERVER = """
import io, json, re, sys, threading, time
from pathlib import Path
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

faults, log, lock = Path(sys.argv[1]) / "faults.json", Path(sys.argv[1]) / "requests", threading.Lock()
inner, counts = DomainDispatcherApplication(create_backend_app), {}

def matching(line):
    fault = json.loads(faults.read_text()) if faults.exists() else {}
    if not fault or not re.search(fault["request"], line):
        return {"does": "nothing"}
    counts[fault["id"]] = counts.get(fault["id"], 0) + 1
    return fault if counts[fault["id"]] <= fault["times"] else {"does": "nothing"}

def app(environ, start):
    query = environ.get("QUERY_STRING", "")
    line = environ["REQUEST_METHOD"] + " " + environ["PATH_INFO"] + ("?" + query if query else "")
    with lock:
        with log.open("a") as file:
            print(line, file=file)
        fault = matching(line)
    if fault["does"] == "refuse":
        start(fault["status"], [("Content-Type", "application/xml")])
        return [fault["body"].encode()]
    if fault["does"] == "hold":
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        environ["wsgi.input"] = io.BytesIO(body)
        time.sleep(fault["seconds"])
    if environ["REQUEST_METHOD"] == "GET":
        return inner(environ, start)
    with lock:
        answer = b"".join(inner(environ, start))
    if fault["does"] == "lose":
        environ["werkzeug.socket"].shutdown(2)
        raise ConnectionResetError
    return [answer]

class Quiet(WSGIRequestHandler):
    def log(self, *_):
        pass

server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
print(server.server_port, flush=True)
server.serve_forever()
"""


class ObjectServer:
    """An S3 with the bucket `maps`; `environment` leads a process to it."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._asked, self.url = folder, 0, f"http://127.0.0.1:{port}"
        self.environment = {
            "AWS_ENDPOINT_URL": self.url, "AWS_ACCESS_KEY_ID": "ada", "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }  # fmt: skip

    def make_bucket(self, name: str) -> None:
        # By this header moto knows which service is meant.
        signed = "AWS4-HMAC-SHA256 Credential=ada/20260101/us-east-1/s3/aws4_request"
        with urlopen(Request(f"{self.url}/{name}", method="PUT", headers={"Authorization": signed})):
            pass

    def requests(self) -> list[str]:
        return (self._folder / "requests").read_text().splitlines()

    def fail(self, request: str = "", does: str = "nothing", times: int = 1, **how: object) -> None:
        """Let the next `times` requests that fit a pattern be refused, held for some seconds, or their answer be lost.

        In place of the fault that was asked for before; without arguments there is none any more.
        """
        self._asked += 1
        new = self._folder / "faults.new"
        new.write_text(json.dumps({"id": self._asked, "request": request, "does": does, "times": times, **how}))
        new.replace(self._folder / "faults.json")


@contextmanager
def object_server(folder: Path) -> Iterator[ObjectServer]:
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SERVER, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONUNBUFFERED": "1"}, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        server = ObjectServer(folder, int(process.stdout.readline()))
        server.make_bucket("maps")
        yield server
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
