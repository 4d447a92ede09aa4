"""What this machine knows of a cluster: its token, its head, and where the last run stands."""

import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from knowscape.errors import UsageError
from knowscape.files import link_new, make_folder, sha256_text, storing, write_json

__all__ = ["Cluster", "State", "cluster_of", "joined"]


@dataclass(frozen=True, slots=True)
class State:
    """The head as its file names it, the addresses of its ports for hosts and for clients, and its session."""

    head: str
    address: str
    client: str
    session: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """The folder for the cluster of one file, below $XDG_STATE_HOME; `owner` is how hosts know that it is theirs."""

    path: Path
    folder: Path

    @property
    def owner(self) -> str:
        return f"{socket.gethostname()}:{self.path}"

    @property
    def token_file(self) -> Path:
        return self.folder / "token"

    @property
    def run_file(self) -> Path:
        return self.folder / "run.json"

    def token(self, given: Path | None) -> str:
        """Return the token: the given one, the one that is there, or a new one, which only this user may read."""
        if given is not None:
            self._put(given.read_text(encoding="ascii").strip())
        elif not self.token_file.is_file():
            self._put(secrets.token_hex(32))
        return self.token_file.read_text(encoding="ascii")

    def _put(self, token: str) -> None:
        make_folder(self.folder)
        with storing(self.token_file):
            self.folder.chmod(0o700)
            self.token_file.unlink(missing_ok=True)
        link_new(self.token_file, token.encode())
        self.token_file.chmod(0o600)

    def state(self) -> State | None:
        """Return what `up` left; None where nothing runs."""
        try:
            return State(**json.loads((self.folder / "cluster.json").read_bytes()))
        except FileNotFoundError:
            return None

    def keep(self, state: State) -> None:
        write_json(self.folder / "cluster.json", asdict(state))

    def forget(self) -> None:
        """Remove all that is known."""
        for name in ("cluster.json", "run.json", "token"):
            (self.folder / name).unlink(missing_ok=True)
        if self.folder.is_dir():
            self.folder.rmdir()


def cluster_of(path: Path) -> Cluster:
    """Return what is known of the cluster of this file."""
    whole = path.resolve()
    root = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "knowscape" / "clusters"
    return Cluster(whole, root / sha256_text(str(whole))[:16])


def joined(path: Path) -> str:
    """Return the address of the cluster of a file, whose token is in the environment then, where Ray looks for it.

    UsageError where it is not up.
    """
    cluster = cluster_of(path)
    state = cluster.state()
    if state is None:
        raise UsageError(f"The cluster of {path} is not up. Type: knowscape cluster up {path}")
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN_PATH"] = str(cluster.token_file)
    os.environ.pop("RAY_AUTH_TOKEN", None)  # it would count more
    return f"ray://{state.client}"
