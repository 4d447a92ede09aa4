"""Chaos on a real cluster: whatever befalls workers, hosts, links and the driver, the bytes are those of a local run.

Five hosts with two workers each, and one where the command runs.  Every worker notes each slice that it begins, so a
slice that is computed twice is seen, whichever fault it was.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

from faults.drill import make_corpus, make_model, rows
from knowscape.files import sha256_text
from knowscape.ray_environment import ENVIRONMENT
from namespaces import Host, hosts

pytest.importorskip("ray", reason="Ray is not installed: pip install 'knowscape[ray]'")

SLICES, SECONDS = 1000, 2.0
HOSTS, WORKERS = 5, 2
# A slice takes some time; which one it is its first text says.
HOOK = """
import sys
if any("default_worker" in word for word in sys.orig_argv):
    import os, time
    from knowscape.embed.remote import Remote
    encode = Remote.encode
    def noted(self, work, *others):
        with open(os.environ["TALLY"], "a", encoding="ascii") as file:
            file.write(f"{os.environ['ADDRESS']} {os.getpid()} {work.texts[0].split()[0]}\\n")
        time.sleep(float(os.environ["SECONDS"]))
        return encode(self, work, *others)
    Remote.encode = noted
"""
# With slices of so many rows.
COMMAND = """
import sys
import knowscape.build
from knowscape.cli import main
rows = int(sys.argv.pop(1))
knowscape.build.slice_rows = lambda *_, **__: rows
main()
"""


class Begun(NamedTuple):
    """A slice that a worker of a host began: the process there, and the slice's first word."""

    address: str
    process: str
    first: str


@dataclass
class Cluster:
    """Ray on hosts, the first of which is its head, and the command on `driver`."""

    folder: Path
    hosts: list[Host]
    driver: Host
    command: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Start Ray, as docs/cluster.md has it."""
        (self.folder / "sitecustomize.py").write_text(HOOK, encoding="ascii")
        head = self.hosts[0]
        self._ray(head, "--head", "--port", 6379, "--ray-client-server-port", 10001, "--include-dashboard", "false")
        for host in self.hosts[1:]:
            self._ray(host, "--address", f"{head.address}:6379")

    def _ray(self, host: Host, *options: object) -> None:
        ray = [Path(sys.executable).with_name("ray"), "start", "--node-ip-address", host.address]
        own = ["--num-cpus", WORKERS, "--temp-dir", "/mnt/ray", "--object-store-memory", 80_000_000]
        environment = {
            "PYTHONPATH": os.pathsep.join([str(self.folder), *filter(None, sys.path)]), "TALLY": str(self.tally),
            "ADDRESS": host.address, "SECONDS": str(SECONDS), "GRPC_ENABLE_FORK_SUPPORT": "0",
            "RAY_preallocate_plasma_memory": "1",
        }  # fmt: skip
        host.run(*ray, *own, *options, env={**os.environ, "RAY_AUTH_MODE": "disabled", **ENVIRONMENT, **environment})

    def embed(self, words: list[str], out: Path, said: Path) -> "subprocess.Popen[bytes]":
        """Begin the command on the driver's host."""
        on = ["--on", f"ray://{self.hosts[0].address}:10001", "--workers", WORKERS, "--checkpoint-every", 1]
        with said.open("wb") as file:
            environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
            return subprocess.Popen(self.driver.command(*words, out, *on), stderr=file, stdout=file, env=environment)

    def kill_driver(self) -> None:
        for process in self.driver.processes(sys.executable):
            os.kill(process, signal.SIGKILL)

    @property
    def tally(self) -> Path:
        return self.folder / "tally"

    def begun(self) -> list["Begun"]:
        """Return the slices that were begun, in that order."""
        lines = self.tally.read_text(encoding="ascii").splitlines() if self.tally.exists() else []
        return [Begun(*line.split()) for line in lines]

    def workers(self) -> list[tuple[Host, int]]:
        return [(host, process) for host in self.hosts for process in host.processes("ray::Remote")]


@contextmanager
def cluster(folder: Path, count: int) -> Iterator[Cluster]:
    """Yield a cluster of so many hosts, and the driver's."""
    with hosts(count + 1) as made:
        world = Cluster(folder, made[:count], made[count])
        world.start()
        yield world


def embedding(corpus: Path, model: str, size: int) -> list[str]:
    """Return the command that embeds in slices of that size, but for the atlas."""
    words = ["embed", str(corpus), "--model", model, "--no-cache", "--json", "-o"]
    return [sys.executable, "-c", COMMAND, str(size), *words]


def until(happens: Callable[[], object], said: Path, seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, said.read_text()[-3000:]
        time.sleep(0.2)


def lines(said: Path, address: str, words: str, since: int = 0) -> list[str]:
    """Return the lines of the command's log, from a character on, that name a worker of a host and say so."""
    return [line for line in said.read_text()[since:].splitlines() if f" of {address} (" in line and words in line]


def kill(killed: list[tuple[Host, int]], said: Path) -> None:
    for _, process in killed:
        os.kill(process, signal.SIGKILL)
    for address, times in Counter(host.address for host, _ in killed).items():
        until(lambda a=address, n=times: len(lines(said, a, "is started anew: The actor is dead")) == n, said)  # type: ignore[misc]


def freeze(host: Host, said: Path) -> None:
    """Freeze a worker until it is late, and let it go on."""
    frozen = host.processes("ray::Remote")[0]
    os.kill(frozen, signal.SIGSTOP)
    until(lambda: lines(said, host.address, "is late with slice"), said)
    time.sleep(10)
    os.kill(frozen, signal.SIGCONT)
    until(lambda: lines(said, host.address, "answers again"), said)


def cut(host: Host, said: Path) -> None:
    """Cut a host off for a minute, and wait until all its workers, which may be late more than once, are back."""
    before = len(said.read_text())

    def workers(words: str) -> set[str]:
        return {line.split(" of ")[0] for line in lines(said, host.address, words, before)}

    host.set_link("down")
    time.sleep(60)
    host.set_link("up")
    until(lambda: len(workers("answers again")) == WORKERS, said)
    assert len(workers("is late with slice")) == WORKERS


def fill(host: Host, cluster: Cluster, said: Path) -> None:
    """Fill a host's disk: its workers go on; when one of them is killed, another cannot start there."""
    host.fill()
    before = len(cluster.begun())
    until(lambda: len([it for it in cluster.begun()[before:] if it.address == host.address]) > 2 * WORKERS, said)
    os.kill(host.processes("ray::Remote")[0], signal.SIGKILL)
    until(lambda: lines(said, host.address, "is started anew in"), said)


@pytest.mark.soak
@pytest.mark.parametrize(("name", "size"), [("tiny", 64), ("all-MiniLM-L6-v2", 8)])
def test_chaos_leaves_no_gap_and_no_double_and_each_fault_is_in_the_log(tmp_path: Path, name: str, size: int) -> None:
    seed, (corpus, _) = random.randrange(10**6), make_corpus(tmp_path, SLICES * size)
    chance, said, again = random.Random(seed), tmp_path / "said", tmp_path / "said again"
    model = str(make_model(tmp_path / "tiny", dimension=512)) if name == "tiny" else name
    calm, rough = tmp_path / "calm.atlas", tmp_path / "rough.atlas"
    words = embedding(corpus, model, size)
    subprocess.run([*words, calm], check=True, capture_output=True)
    with cluster(tmp_path, HOSTS) as ray:
        frozen, lone, full = chance.sample(ray.hosts[1:], 3)
        print(f"\nseed {seed}; frozen on {frozen.address}, cut off {lone.address}, full {full.address}")
        running = ray.embed(words, rough, said)
        until(lambda: len({it.address for it in ray.begun()}) == HOSTS and len(ray.begun()) > 50, said)
        killed = chance.sample(ray.workers(), HOSTS * WORKERS // 5)
        kill(killed, said)
        freeze(frozen, said)
        cut(lone, said)
        fill(full, ray, said)
        assert running.poll() is None, said.read_text()
        ray.kill_driver()
        running.wait(20)
        left = len(ray.workers())
        before, committed = len(ray.begun()), {digest for _, digest in rows(rough)}
        running = ray.embed(words, rough, again)
        until(lambda: lines(again, full.address, "is started anew in"), again)
        (full.disk / "filler").unlink()
        processes = {it.process for it in ray.begun() if it.address == full.address}
        until(lambda: {it.process for it in ray.begun() if it.address == full.address} - processes, again)
        assert running.wait(900) == 0, again.read_text()
        begun = ray.begun()
        until(lambda: not ray.workers(), again, 20)
    print(said.read_text() + again.read_text())
    assert rows(rough) == rows(calm)
    assert len(rows(rough)) == SLICES * size
    assert again.read_text().count("has lost its driver and goes on") == left >= HOSTS * WORKERS - 1
    times, after = Counter(it.first for it in begun), {it.first for it in begun[before:]}
    faults = len(killed) + len(["frozen", "cut off", "full", "driver"])
    print(f"{len(times)} slices; {len(begun) - len(times)} computed twice by {faults} faults")
    assert len(times) == SLICES
    assert len(begun) - len(times) <= faults
    assert max(times.values()) <= 2
    texts = {text.split()[0]: text for text in (json.loads(line)["text"] for line in corpus.read_text().splitlines())}
    assert not [first for first in after if sha256_text(texts[first]) in committed], "it was committed, and done again"


@pytest.mark.soak
def test_a_driver_that_is_cut_off_for_more_than_a_minute_goes_on(tmp_path: Path) -> None:
    (corpus, _), said = make_corpus(tmp_path, 100 * 64), tmp_path / "said"
    calm, rough = tmp_path / "calm.atlas", tmp_path / "rough.atlas"
    words = embedding(corpus, str(make_model(tmp_path / "tiny")), 64)
    subprocess.run([*words, calm], check=True, capture_output=True)
    with cluster(tmp_path, 2) as ray:
        running = ray.embed(words, rough, said)
        until(lambda: len(ray.begun()) > 20, said)
        ray.driver.set_link("down")
        time.sleep(80)
        ray.driver.set_link("up")
        assert running.wait(300) == 0, said.read_text()
        begun = ray.begun()
    assert "does not answer any more" in said.read_text()
    assert "Traceback" not in said.read_text()
    assert rows(rough) == rows(calm)
    assert len(begun) - len({it.first for it in begun}) <= 1
