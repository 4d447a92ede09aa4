"""Another host over the system's own ssh: how it is named, a shell on it, and what ssh's refusals mean.

Keys only, never a password, and only hosts whose key known_hosts has.  Nothing here asks a question.
"""

import io
import json
import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from knowscape.errors import KnowscapeError, UsageError, first_line

__all__ = ["Host", "Shell", "read_credentials", "shell_on"]

_OPTIONS = (
    "BatchMode=yes", "StrictHostKeyChecking=yes", "PasswordAuthentication=no", "KbdInteractiveAuthentication=no",
    "ConnectTimeout=15", "ServerAliveInterval=15", "ServerAliveCountMax=4", "ClearAllForwardings=yes",
    "PermitLocalCommand=no", "RequestTTY=no",
)  # fmt: skip
# What ssh or a shell would take for an option or a command matches neither.
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*|[0-9A-Fa-f.]*:[0-9A-Fa-f:.]+(%[A-Za-z0-9]+)?")
_BLOCK, _LONGEST_LINE, _GREETING_LINES, _TOLD = 1 << 20, 1 << 16, 1000, 1 << 14
_READY = "knowscape-ready"

# What ssh says, and what that means; the first that is found counts.
_MEANINGS = (
    (r"HOST IDENTIFICATION HAS CHANGED", "{host} shows another key than known_hosts has for it: it was set up anew, or "
     "something else answers in its place. Ask its owner; if it was set up anew, type: {forget}, then {ssh}, and "
     "compare the fingerprint that is shown with the one that the owner tells you"),
    (r"host key is known for|[Hh]ost key verification failed", "known_hosts has no key of {host}, so that nobody can "
     "tell whether it is the right host. Type: {ssh}, compare the fingerprint that is shown with the one that its "
     "owner tells you, and answer yes; then run the same command again"),
    (r"[Cc]ould not resolve|Name or service not known", "There is no host of the name {name}. See that it is spelled "
     "as in ~/.ssh/config, or name its address"),
    (r"Connection refused", "{host} is there, but no sshd answers on port {port}. Start it there, or name its port: "
     "--port, or port: in cluster.yaml"),
    (r"timed out|No route to host|unreachable|[Hh]ost is down", "{host} does not answer. See that it is switched on "
     "and that this machine reaches it: {ssh}"),
    (r"UNPROTECTED PRIVATE KEY", "The file with the key may be read by others, so ssh does not use it. Type: "
     "chmod 600 {identity}"),
    (r"Permission denied|Too many authentication failures", "{host} accepts none of the keys that it was offered, and "
     "a password is never used. Set a key up with: {keys}; or name the right one: --identity FILE, or key: in "
     "cluster.yaml"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Host:
    """Where ssh goes: an address or an alias of ~/.ssh/config, and what differs from what ssh does by itself.

    Raises UsageError for what is no name, or would be an option of ssh.
    """

    name: str
    user: str | None = None
    port: int | None = None
    identity: Path | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise UsageError(f"{self.name!r:.100} is no host. Accepted: HOST, USER@HOST, [IPV6] or an alias of ssh's.")
        if self.user is not None and not _USER.fullmatch(self.user):
            raise UsageError(f"{self.user!r:.100} is no user. Accepted: letters, digits, dot, dash, underscore, plus.")
        if self.identity is not None and not self.identity.is_file():
            raise UsageError(f"There is no key at {self.identity}. Make one with: ssh-keygen -f {self._key()}")

    @classmethod
    def parse(cls, text: str, *, port: int | None = None, identity: Path | None = None) -> "Host":
        """Return the host of `HOST`, `USER@HOST` or `USER@[IPV6]`."""
        user, at, name = text.rpartition("@")
        bracketed = name.startswith("[") and name.endswith("]")
        return cls(name[1:-1] if bracketed else name, user if at else None, port, identity)

    def __str__(self) -> str:
        name = f"[{self.name}]" if ":" in self.name else self.name
        return f"{self.user}@{name}" if self.user else name

    def command(self, remote: str) -> list[str]:
        """Return the command line that runs `remote` there, through the user's login shell."""
        options = [word for option in _OPTIONS for word in ("-o", option)]
        only = ["-o", "IdentitiesOnly=yes"] if self.identity is not None else []
        user = ["-l", self.user] if self.user else []
        return ["ssh", "-T", "-a", "-x", *options, *only, *self._own(), *user, "--", self.name, remote]

    def typed(self) -> str:
        """Return what a person types to get there."""
        return shlex.join(["ssh", *self._own(), self._login()])

    def keys(self) -> str:
        """Return the two commands that set up a key."""
        key = self.identity or Path("~/.ssh/id_ed25519")
        port = ["-p", str(self.port)] if self.port else []
        copy = ["ssh-copy-id", *port, *(["-i", f"{key}.pub"] if self.identity else []), self._login()]
        return f"ssh-keygen -t ed25519{f' -f {self._key()}' if self.identity else ''} && {shlex.join(copy)}"

    def _login(self) -> str:
        return f"{self.user}@{self.name}" if self.user else self.name

    def _key(self) -> str:
        return shlex.quote(str(self.identity))

    def _own(self) -> list[str]:
        port = ["-p", str(self.port)] if self.port else []
        return [*port, *(["-i", str(self.identity)] if self.identity else [])]


def read_credentials(path: Path, *, port: int | None = None, identity: Path | None = None) -> tuple[Host, bool]:
    """Return the host of a `.credentials` file, JSON with `address` and `username`, and whether it holds a password.

    The password is not even looked at.  Raises UsageError where the file is something else.
    """
    try:
        value: Any = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no JSON: {first_line(error)}.") from error
    fields = value if isinstance(value, dict) else {}
    address, user = fields.get("address"), fields.get("username")
    if not isinstance(address, str) or not isinstance(user, str):
        raise UsageError(f'{path} does not say where to go. Accepted: {{"address": "10.0.0.7", "username": "ada"}}')
    return Host(address, user, port, identity), bool(fields.get("password"))


class Shell:
    """A POSIX shell on another host: what is sent are its commands, what is read is what they print.

    Every method raises KnowscapeError where the connection ends, which says why and what to type.
    """

    def __init__(self, host: Host, process: "subprocess.Popen[bytes]", errors: IO[bytes]) -> None:
        self._host, self._process, self._errors, self._greeted = host, process, errors, False
        self._in = cast(IO[bytes], process.stdin).fileno()  # nothing is buffered that a dead ssh could not take
        self._out = cast(io.BufferedReader, process.stdout)

    def greet(self) -> None:
        """Pass over what the host prints at each login, until the shell answers."""
        self.send(f"echo; echo {_READY}\n")
        for _ in range(_GREETING_LINES):
            if self.line() == _READY:
                self._greeted = True
                return
        raise KnowscapeError(f"{self._host} prints without end at login. See what it says: {self._host.typed()}")

    def send(self, said: str | bytes) -> None:
        data = memoryview(said.encode("utf-8", "surrogateescape") if isinstance(said, str) else said)
        try:
            while data:
                data = data[os.write(self._in, data) :]
        except OSError:
            raise self._ended() from None

    def line(self) -> str:
        """Return the next line, without its end; bytes that are no UTF-8 become surrogates."""
        data = self._out.readline(_LONGEST_LINE)
        if not data.endswith(b"\n"):
            raise self._ended()
        return data[:-1].decode("utf-8", "surrogateescape")

    def read(self, count: int) -> Iterator[bytes]:
        """Yield the next `count` bytes in blocks, as they come."""
        while count:
            block = self._out.read1(min(count, _BLOCK))
            if not block:
                raise self._ended()
            count -= len(block)
            yield block

    def _ended(self) -> KnowscapeError:
        """Return why the connection has ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - _TOLD))
        said = self._errors.read().decode(errors="replace").strip()
        last = said.splitlines()[-1].strip() if said else "it said nothing"
        if self._greeted:
            return KnowscapeError(
                f"The connection to {self._host} was lost ({last}). What was finished is kept; run the same command "
                "again."
            )
        return KnowscapeError(_meaning(self._host, said) or _untold(self._host, last))


def _meaning(host: Host, said: str) -> str | None:
    """Return what the refusal of ssh means and what to type; None where it is none that is known."""
    target = f"[{host.name}]:{host.port}" if host.port not in (None, 22) else host.name
    file = re.search(r"Offending .*key in (.+):\d+", said)
    words = {
        "host": host, "name": host.name, "ssh": host.typed(), "keys": host.keys(), "port": host.port or 22,
        "identity": host._key() if host.identity else "~/.ssh/id_ed25519",
        "forget": shlex.join(["ssh-keygen", *(["-f", file[1]] if file else []), "-R", target]),
    }  # fmt: skip
    return next((meaning.format(**words) for found, meaning in _MEANINGS if re.search(found, said)), None)


def _untold(host: Host, last: str) -> str:
    return f"ssh opened no shell on {host} ({last}). Try it by hand: {host.typed()}"


@contextmanager
def shell_on(host: Host) -> Iterator[Shell]:
    """Yield a shell on `host`, which ends with the block."""
    with tempfile.TemporaryFile() as errors, _start(host, errors) as process:
        try:
            shell = Shell(host, process, errors)
            shell.greet()
            yield shell
        finally:
            process.kill()


def _start(host: Host, errors: IO[bytes]) -> "subprocess.Popen[bytes]":
    command, pipe = host.command("exec sh"), subprocess.PIPE
    try:
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, env={**os.environ, "LC_ALL": "C"})
    except FileNotFoundError as error:
        raise KnowscapeError("There is no ssh here. Install it (on Debian: apt-get install openssh-client).") from error
