"""Hosts on this machine: each has its own address, link, disk and processes, and is gone with the test."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Host", "hosts"]

# The first process of a host: it ends with its input, and with it, as the kernel has it, every process of the host.
_INIT = """
set -e
ip link set lo up
mount -t tmpfs -o size={megabytes}m tmpfs /mnt
mount -t tmpfs -o size={megabytes}m tmpfs /dev/shm
echo ready
read line
"""
_SPACES = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


@dataclass(frozen=True)
class Host:
    """A host with its `address`; its disk of so many megabytes is /mnt, and its own /dev/shm has as many.

    All else of the file system is this machine's.
    """

    address: str
    init: int
    switch: int

    def command(self, *words: object) -> list[str]:
        """Return the command that runs another one there."""
        return _enter(self.init, "--net", "--mount", "--pid", "--", *words)

    def run(self, *words: object, **options: Any) -> "subprocess.CompletedProcess[str]":
        """Run a command there to its end, which has to be a good one."""
        return subprocess.run(self.command(*words), check=True, capture_output=True, text=True, **options)

    def processes(self, title: str) -> list[int]:
        """Return the processes there whose title begins so, by their numbers here."""
        found, here = [], (self._init_at / "ns/pid").readlink()
        for process in Path("/proc").iterdir():
            with suppress(OSError):
                if process.name.isdigit() and (process / "ns/pid").readlink() == here:
                    words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    if words.startswith(title):
                        found.append(int(process.name))
        return sorted(found)

    def set_link(self, state: str) -> None:
        """Set its link `up` or `down`, at the switch."""
        subprocess.run(_links(self.switch, "set", self._port, state), check=True)

    def fill(self) -> None:
        """Leave no byte free on its disk and in its shared memory."""
        for place in (self.disk, self._init_at / "root/dev/shm"):
            with (place / "filler").open("wb", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(bytes(4096))

    @property
    def disk(self) -> Path:
        """Its disk, as it is seen from here."""
        return self._init_at / "root/mnt"

    @property
    def _init_at(self) -> Path:
        return Path(f"/proc/{self.init}")

    @property
    def _port(self) -> str:
        return f"port{self.address.rsplit('.', 1)[1]}"


@contextmanager
def hosts(count: int, megabytes: int = 256) -> Iterator[list[Host]]:
    """Yield hosts 10.77.0.1, 10.77.0.2 and so on at one switch; the test is skipped where none can be had."""
    if os.getuid() != 0 or not all(map(shutil.which, ("ip", "unshare", "nsenter", "mount"))):
        pytest.skip("Hosts in namespaces take root, ip (iproute2), unshare and nsenter (util-linux).")
    with ExitStack() as stack:
        switch = stack.enter_context(_spaces(1))
        subprocess.run(_links(switch, "add", "bridge", "type", "bridge"), check=True)
        subprocess.run(_links(switch, "set", "bridge", "up"), check=True)
        made = []
        for number in range(1, count + 1):
            made.append(Host(f"10.77.0.{number}", stack.enter_context(_spaces(megabytes)), switch))
            _connect(made[-1])
        yield made


@contextmanager
def _spaces(megabytes: int) -> Iterator[int]:
    """Yield the process that stands for a host."""
    made = subprocess.Popen(
        [*_SPACES, "sh", "-c", _INIT.format(megabytes=megabytes)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with made:
        assert made.stdin is not None
        assert made.stdout is not None
        assert made.stderr is not None
        if made.stdout.readline() != "ready\n":
            pytest.skip(f"No host can be had in namespaces here: {made.stderr.read().strip()[-300:]}")
        try:
            yield int(Path(f"/proc/{made.pid}/task/{made.pid}/children").read_text())
        finally:
            made.stdin.close()
            made.wait(20)


def _connect(host: Host) -> None:
    """Lay a cable between a host and the switch."""
    cable = (host._port, "type", "veth", "peer", "eth0", "netns", host.init)
    subprocess.run(_links(host.switch, "add", *cable), check=True)
    subprocess.run(_links(host.switch, "set", host._port, "master", "bridge", "up"), check=True)
    host.run("ip", "address", "add", f"{host.address}/24", "dev", "eth0")
    host.run("ip", "link", "set", "eth0", "up")


def _links(switch: int, *words: object) -> list[str]:
    return _enter(switch, "--net", "--", "ip", "link", *words)  # numbers of processes are this machine's


def _enter(init: int, *words: object) -> list[str]:
    return ["nsenter", "--target", str(init), *map(str, words)]
