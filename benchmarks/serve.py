"""The server under load: clients that search without a pause; how many answers they get, how late, and whether all.

    python benchmarks/serve.py ATLAS QUESTIONS [--clients 16] [--seconds 60]

ATLAS is an embedded atlas, QUESTIONS a file of quiz questions, which the clients ask in turns, each over a connection
of its own that stays open.  Server and clients are two processes on the same cores; the index is made before the clock
starts.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from statistics import quantiles
from urllib.parse import quote

SERVER = """
import sys
from pathlib import Path
from knowscape.atlas import open_atlas
from knowscape.page.api import Api
from knowscape.page.limits import Limits
from knowscape.page.server import serve
all_they_want = Limits(rate=1e6, burst=10**6)
serve(Path(sys.argv[2]), port=int(sys.argv[3]), api=Api(open_atlas(sys.argv[1])), limits=all_they_want)
"""


def ready(port: int) -> None:
    """Wait until the server answers searches."""
    while True:
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/healthz")
            if json.loads(connection.getresponse().read())["search"] == "ready":
                return
        except OSError:
            pass
        time.sleep(0.2)


def client(port: int, paths: list[str], until: float, told: list[tuple[float, int]]) -> None:
    """Ask until the time is over and note how long each answer took, and its status, 0 for none."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    number = 0
    while time.perf_counter() < until:
        start = time.perf_counter()
        try:
            connection.request("GET", paths[number % len(paths)])
            answer = connection.getresponse()
            found = json.loads(answer.read())
            status = answer.status if found.get("hits") else 0
        except (OSError, ValueError):
            status = 0
            connection = HTTPConnection("127.0.0.1", port, timeout=30)
        told.append((time.perf_counter() - start, status))
        number += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("atlas", type=Path)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--port", type=int, default=18_765)
    options = parser.parse_args()
    queries = [one["question"] for one in json.loads(options.questions.read_text(encoding="utf-8"))]
    paths = [f"/api/search?q={quote(query)}" for query in queries]
    with tempfile.TemporaryDirectory() as page:
        command = [sys.executable, "-c", SERVER, options.atlas, page, str(options.port)]
        server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            ready(options.port)
            told: list[tuple[float, int]] = []
            until = time.perf_counter() + options.seconds
            share = len(paths) // options.clients
            threads = [
                threading.Thread(
                    target=client, args=(options.port, paths[n * share :] + paths[: n * share], until, told)
                )
                for n in range(options.clients)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            status = Path(f"/proc/{server.pid}/status").read_text().splitlines()
            peak = next(int(line.split()[1]) / 1e6 for line in status if line.startswith("VmHWM"))
        finally:
            server.terminate()
            server.wait()
    cuts = quantiles([seconds for seconds, _ in told], n=100)
    errors = sum(code != 200 for _, code in told)
    rate = len(told) / options.seconds
    print(f"{options.clients} clients, {options.seconds:.0f} s: {rate:.0f} answers/s, {errors} errors")
    print(f"  p50 {1000 * cuts[49]:.0f} ms, p99 {1000 * cuts[98]:.0f} ms; server {peak:.2f} GB")


if __name__ == "__main__":
    main()
