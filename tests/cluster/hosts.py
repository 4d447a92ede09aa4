"""Hosts on one machine: network namespaces with addresses of their own on one bridge, an sshd in each."""

import os
import shutil
import subprocess
import sysconfig
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ssh_host import SSH, SSHD, make_key, program

IP = shutil.which("ip") or "/usr/sbin/ip"
needs_namespaces = pytest.mark.skipif(
    os.getuid() != 0 or not Path(IP).exists() or SSHD is None or SSH is None,
    reason="network namespaces need root, ip (apt-get install iproute2) and an sshd",
)
# The packages of the environment that runs the tests, so that pip finds all but Knowscape installed.
PACKAGES = f"SetEnv PYTHONPATH={sysconfig.get_paths()['purelib']}\n"


@dataclass(frozen=True)
class Namespace:
    """A host: its namespace, address, and folder."""

    name: str
    address: str
    folder: Path

    def run(self, *command: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([IP, "netns", "exec", self.name, *command], stderr=subprocess.DEVNULL)


@dataclass(frozen=True)
class Network:
    """The hosts, and the folder whose `bin/ssh` knows their keys."""

    folder: Path
    hosts: tuple[Namespace, ...]
    bridge: str

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}", "XDG_STATE_HOME": str(self.folder)}

    def link(self, number: int, state: str) -> None:
        """Set a host's cable up or down."""
        _ip("link", "set", f"{self.bridge}v{number}", state)


@contextmanager
def network(folder: Path, count: int) -> Iterator[Network]:
    """Make the hosts, the keys and `known_hosts`; all of it is removed with the block."""
    process = os.getpid()
    bridge, net = f"ks{process}", f"10.{100 + process % 100}.{process // 100 % 250}"
    make_key(folder / "key")
    made = Network(
        folder,
        tuple(Namespace(f"{bridge}n{n}", f"{net}.{n + 11}", folder / f"host{n}") for n in range(count)),
        bridge,
    )
    program(folder / "bin" / "ssh", f'#!/bin/sh\nexec {SSH} -F {folder}/config "$@"\n')
    (folder / "config").write_text(
        f"UserKnownHostsFile {folder}/known_hosts\nGlobalKnownHostsFile /dev/null\nIdentityFile {folder}/key\n"
        "IdentityAgent none\n"
    )
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("addr", "add", f"{net}.1/24", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for number, host in enumerate(made.hosts):
            _wire(host, bridge, number)
            daemons.append(_serve(host, folder))
        _wait(made)
        yield made
    finally:
        for daemon in daemons:
            daemon.terminate()
            daemon.wait(10)
        # The kernel removes what is in a namespace some time after it, and the next network has the same names.
        for kind, names in (
            ("link", [f"{bridge}v{number}" for number in range(count)]),
            ("netns", [host.name for host in made.hosts]),
            ("link", [bridge]),
        ):
            for name in names:
                subprocess.run([IP, kind, "delete", name], stderr=subprocess.DEVNULL)


def _wire(host: Namespace, bridge: str, number: int) -> None:
    """Connect a namespace with the bridge."""
    cable = f"{bridge}v{number}"
    _ip("netns", "add", host.name)
    _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", host.name)
    _ip("link", "set", cable, "master", bridge, "up")
    _ip("-n", host.name, "addr", "add", f"{host.address}/24", "dev", "eth0")
    for device in ("eth0", "lo"):
        _ip("-n", host.name, "link", "set", device, "up")


def _serve(host: Namespace, folder: Path) -> "subprocess.Popen[bytes]":
    """Start a host's sshd, with its own key, which known_hosts is told."""
    host.folder.mkdir()
    make_key(host.folder / "host_key")
    kind, key = (host.folder / "host_key.pub").read_text(encoding="ascii").split()[:2]
    with (folder / "known_hosts").open("a", encoding="ascii") as known:
        known.write(f"{host.address} {kind} {key}\n")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    (host.folder / "sshd_config").write_text(
        f"Port 22\nListenAddress {host.address}\nHostKey {host.folder}/host_key\nAuthorizedKeysFile {folder}/key.pub\n"
        f"PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n{PACKAGES}"
    )
    return host.run(str(SSHD), "-D", "-f", str(host.folder / "sshd_config"))


def _wait(made: Network) -> None:
    for host in made.hosts:
        command = [str(made.folder / "bin" / "ssh"), "-o", "BatchMode=yes", host.address, "true"]
        for _ in range(100):
            if subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0:
                break
            time.sleep(0.1)
        else:
            pytest.skip(f"no sshd answers at {host.address}")


def _ip(*words: str) -> None:
    subprocess.run([IP, *words], check=True)
