"""Another host: a real sshd on localhost with keys and known hosts of its own, and an ssh that can be disturbed."""

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from knowscape.ssh import Host

SSHD = next((path for path in (shutil.which("sshd"), "/usr/sbin/sshd") if path and os.access(path, os.X_OK)), None)
SSH = shutil.which("ssh")
needs_sshd = pytest.mark.skipif(
    SSHD is None or SSH is None, reason="There is no sshd or no ssh here. On Debian: apt-get install openssh-server"
)

# Stands for ssh and hands on what the other host prints; the first connection may stop, hang, or have one bit flipped
# after the first bytes of a Parquet file.  A file for each connection holds the bytes that came.
_RELAY = """#!{python} -IS
import os, subprocess, sys, time
fault, limit, log = {fault!r}, {limit!r}, {log!r}
first, count, parent = not os.listdir(log), 0, os.getppid()
ssh = subprocess.Popen([{ssh!r}, "-F", {config!r}, *sys.argv[1:]], stdout=subprocess.PIPE)
with open(os.path.join(log, str(os.getpid())), "w") as told:
    while block := ssh.stdout.read1(1 << 16):
        if first and fault == "flip" and (at := block.find(b"PAR1")) >= 0 and at + 60 < len(block):
            block, first = block[: at + 50] + bytes([block[at + 50] ^ 1]) + block[at + 51 :], False
        ends = first and fault in ("stop", "hang") and count + len(block) > limit
        block = block[: limit - count] if ends else block
        sys.stdout.buffer.write(block)
        sys.stdout.flush()
        count += len(block)
        told.seek(0)
        told.write(str(count))
        told.flush()
        if ends:
            while fault == "hang" and os.getppid() == parent:
                time.sleep(0.05)
            ssh.kill()
            sys.exit(255)
sys.exit(ssh.wait())
"""


@dataclass(frozen=True)
class Sshd:
    """A running sshd, and the folder with its keys, the ssh configuration, and `bin/ssh` that uses it."""

    folder: Path
    port: int

    @property
    def host(self) -> Host:
        return Host("127.0.0.1", getpass.getuser(), self.port)

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    def trust(self, key: str = "host_key") -> None:
        """Make known_hosts name this key for the host."""
        kind, content = (self.folder / f"{key}.pub").read_text(encoding="ascii").split()[:2]
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {kind} {content}\n", encoding="ascii")

    def relay(self, folder: Path, fault: str = "", limit: int = 0) -> Path:
        """Return a folder with an ssh that counts, and disturbs its first connection; `log` in it has the counts."""
        (folder / "log").mkdir(parents=True)
        words = {"python": sys.executable, "ssh": SSH, "config": str(self.folder / "config")}
        program(folder / "ssh", _RELAY.format(**words, fault=fault, limit=limit, log=str(folder / "log")))
        return folder


def came(relay: Path) -> int:
    """Return the bytes that came through a relay, over all connections."""
    return sum(int(path.read_text() or 0) for path in (relay / "log").iterdir())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def make_key(path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True)


@contextmanager
def sshd(folder: Path, settings: str = "") -> Iterator[Sshd]:
    """Run an sshd that lets in `key`, and `greeted_key` behind a greeting, until the block ends.

    `settings` are further lines of its configuration.
    """
    for name in ("host_key", "other_host_key", "key", "greeted_key", "strange_key"):
        make_key(folder / name)
    public = {name: (folder / f"{name}.pub").read_text(encoding="ascii") for name in ("key", "greeted_key")}
    greeting = 'command="echo Welcome, $USER; printf tip: ; $SSH_ORIGINAL_COMMAND" '
    (folder / "authorized_keys").write_text(public["key"] + greeting + public["greeted_key"], encoding="ascii")
    port = free_port()
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host_key\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\n"
        "PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n"
        + settings
    )
    (folder / "config").write_text(
        f"UserKnownHostsFile {folder}/known_hosts\nGlobalKnownHostsFile /dev/null\nIdentityFile {folder}/key\n"
        "IdentityAgent none\n"
    )
    program(folder / "bin" / "ssh", f'#!/bin/sh\nexec {SSH} -F {folder}/config "$@"\n')
    if os.getuid() == 0:  # where sshd puts those who have not logged in yet
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen([str(SSHD), "-D", "-e", "-f", f"{folder}/sshd_config"], stderr=said)
    try:
        _wait(process, port, folder / "said")
        made = Sshd(folder, port)
        made.trust()
        yield made
    finally:
        process.terminate()
        process.wait(10)


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def _wait(process: "subprocess.Popen[bytes]", port: int, said: Path) -> None:
    for _ in range(100):
        if process.poll() is not None:
            pytest.skip(f"sshd does not start here: {said.read_text(errors='replace')[-300:]}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    pytest.skip("sshd does not answer here")
