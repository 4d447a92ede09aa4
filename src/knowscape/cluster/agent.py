"""What runs on a host: its Python reads this file over ssh, then requests, a line each, and answers each with a line.

The standard library alone, since Knowscape is not there yet.  It ends with the connection, and what it runs with it.
"""

import fcntl
import hashlib
import json
import os
import re
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

__all__ = ["serve"]

_GRACE, _REACH, _TICK, _TOLD = 3.0, 10.0, 0.2, 600
# What an environment takes, in bytes, with pip's cache and temporary files: 1.1 GB were measured without torch; with it
# the sizes of its wheels, CUDA included, are counted twice.
_ROOM, _ROOM_TORCH = 2_500_000_000, 15_000_000_000
# Shared memory for texts and vectors on their way, in bytes: slices of a few MB, two for each worker.
_LEAST_SHARED, _MOST_SHARED = 100_000_000, 2_000_000_000
_RECORD, _LOCK, _LOG = "host.json", "lock", "log"
# Where workers keep models if the host has no such cache: what was not there before is gone after `down`.
_CACHES = {"KNOWSCAPE_CACHE": "~/.cache/knowscape", "HF_HOME": "~/.cache/huggingface"}


class RefusedError(Exception):
    """What speaks against a request, in a sentence without its end, and what a person types on this host."""

    def __init__(self, why: str, type_there: str = "") -> None:
        super().__init__(why)
        self.type_there = type_there


class Place:
    """The folder on this host that holds all of the cluster of `owner`, locked unless it is only read.

    Below the folder each host has its own, since a home may be shared by all hosts.
    """

    def __init__(self, folder: str, owner: str, *, reads: bool = False) -> None:
        self.folder = Path(folder).expanduser().resolve() / socket.gethostname()
        self._lock: IO[str] | None = None
        self.record: dict[str, Any] = {}
        if (self.folder / _RECORD).is_file():
            if not reads:
                self._hold()
            self.record = json.loads((self.folder / _RECORD).read_text(encoding="utf-8"))
            if self.record["owner"] != owner:
                raise RefusedError(
                    f"It belongs to another cluster, of {self.record['owner']}. Take that down first, or name another "
                    "folder (folder: in cluster.yaml)"
                )

    def make(self, owner: str) -> None:
        """Make what is not there yet."""
        if self.record:
            return
        made = [str(path) for path in (self.folder, *self.folder.parents) if not path.exists()]
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(path.name not in (_LOCK, f"{_RECORD}.new") for path in self.folder.iterdir()):
            raise RefusedError(f"{self.folder} holds something else. Name another folder (folder: in cluster.yaml)")
        self._hold()
        self.note(owner=owner, made=made)

    def note(self, **changes: Any) -> None:
        """Change the record: the old one or the new one."""
        self.record |= changes
        self.write(_RECORD, json.dumps(self.record))

    def write(self, name: str, text: str) -> None:
        """Replace a file that nobody else may read."""
        new = self.folder / f"{name}.new"
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        new.replace(self.folder / name)

    def release(self) -> None:
        """Let others have the folder."""
        if self._lock is not None:
            self._lock.close()

    def remove(self) -> None:
        """Remove all that is here, and the folders above that were made for it, where nothing else is in them."""
        self.release()
        shutil.rmtree(self.folder)
        for path in self.record["made"]:
            with suppress(OSError):
                Path(path).rmdir()

    def processes(self) -> dict[int, str]:
        """Return the cluster's processes on this host, by number, and the programs that they run.

        They are those that work in Ray's own folder here: some of them overwrite their environment by their title.
        """
        found: dict[int, str] = {}
        for path in Path("/proc").glob("[0-9]*") if self.record.get("ray") else ():
            try:
                if str((path / "cwd").readlink()) == self.record["ray"]:
                    program = (path / "cmdline").read_bytes().split(b"\0")[0]
                    found[int(path.name)] = os.fsdecode(program).rpartition("/")[2]
            except OSError:  # it has ended, or is another user's
                continue
        return found

    def stop(self) -> int:
        """End the cluster's processes; returns how many there were."""
        count, end = len(self.processes()), time.monotonic() + _GRACE
        for step in (signal.SIGTERM, signal.SIGKILL):
            while found := self.processes():
                for process in found:
                    _signal(process, step)
                time.sleep(_TICK)
                if step == signal.SIGTERM and time.monotonic() > end:
                    break
        if self.record.get("ray"):
            shutil.rmtree(self.record["ray"], ignore_errors=True)
            self.note(ray=None, spec=None, session=None)
        return count

    def environment(self) -> dict[str, str]:
        """Return what Ray's processes get."""
        folder = self.folder
        own = {
            "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(folder / "token"),
            "RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL": "minor",
            # With it the server that Ray starts for a client sometimes ends at once (Ray 2.60, grpcio 1.85).
            "GRPC_ENABLE_FORK_SUPPORT": "0",
        }  # fmt: skip
        caches = {
            name: str(folder / "cache" / name)
            for name, usual in _CACHES.items()
            if name not in os.environ and not Path(usual).expanduser().exists()
        }
        return {**os.environ, **caches, **own}

    def run(self, command: list[str], environment: dict[str, str], folder: Path | None = None) -> str | None:
        """Run a command; returns what it said where it failed.  It ends if the connection does."""
        with (self.folder / _LOG).open("w+", encoding="utf-8", errors="replace") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, **environment}, cwd=folder or self.folder,
            )  # fmt: skip
            while process.poll() is None:
                if select.select([sys.stdin.buffer], [], [], _TICK)[0]:  # nothing comes now, so it is the end
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
                    sys.exit(1)
            log.seek(0)
            return log.read() if process.returncode else None

    def _hold(self) -> None:
        self._lock = (self.folder / _LOCK).open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.release()
            raise RefusedError("Another `knowscape cluster` is at work there. Wait until it has ended") from None


def _signal(process: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, number)


def prepare(asked: dict[str, Any]) -> dict[str, Any]:
    """Install Knowscape from the wheel that follows, unless just that is there; the answer has the number of GPUs."""
    if not sys.platform.startswith("linux"):
        raise RefusedError(
            f"It runs {sys.platform}, and Ray joins hosts with Linux only. Embed there by itself, and join the atlases "
            "with: knowscape pull, knowscape merge"
        )
    gpus = _gpus(asked["gpus"])
    place = Place(asked["folder"], asked["owner"])
    place.make(asked["owner"])
    extras = ["ray", *(["torch"] if gpus else []), *asked["extras"]]
    wanted = {name: asked[name] for name in ("sha256", "companions", "pip")} | {"extras": extras, "python": sys.version}
    if place.record.get("installed") == wanted:
        return {"gpus": gpus, "installed": False}
    free, room = shutil.disk_usage(place.folder).free, _ROOM_TORCH if gpus else _ROOM
    if free < room and not place.record.get("installed"):
        raise RefusedError(
            f"{place.folder} has {free / 1e9:.1f} GB free, and {room / 1e9:.1f} GB are needed. Make room there, "
            "or name another folder (folder: in cluster.yaml)",
            f"df -h {place.folder}",
        )
    answer({"send": True})
    place.note(installed=None)
    place.stop()
    wheel = place.folder / asked["wheel"]
    wheel.write_bytes(sys.stdin.buffer.read(asked["bytes"]))
    _install(place, f"{wheel}[{','.join(extras)}]", wheel, asked)
    place.note(installed=wanted)
    return {"gpus": gpus, "installed": True}


def _gpus(asked: int | list[int] | None) -> int:
    """Return how many GPUs the cluster gets of those that are here."""
    try:
        said = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False).stdout
    except OSError:
        said = ""
    here = sum(line.startswith("GPU ") for line in said.splitlines())
    count = here if asked is None else asked if isinstance(asked, int) else len(asked)
    if count > here or (isinstance(asked, list) and max(asked) >= here):
        raise RefusedError(f"It has {here} GPUs, and {asked} are asked for (gpus: in cluster.yaml)", "nvidia-smi -L")
    return count


def _install(place: Place, requirement: str, wheel: Path, asked: dict[str, Any]) -> None:
    """Make the environment, where there is none, and install into it."""
    environment, temporary = place.folder / "venv", place.folder / "tmp"
    python = environment / "bin" / "python"
    temporary.mkdir(exist_ok=True)
    room = {"TMPDIR": str(temporary), "PIP_CACHE_DIR": str(place.folder / "pip"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    if not (environment / "made").is_file():
        shutil.rmtree(environment, ignore_errors=True)
        if said := place.run([sys.executable, "-I", "-m", "venv", str(environment)], {}):
            name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
            lacks = "ensurepip" in said
            then = f"sudo apt-get install {name}-venv" if lacks else ""
            raise RefusedError(f"No environment could be made: {_end(said)}", then)
        (environment / "made").touch()
    pip = [str(python), "-m", "pip", "install", "--no-input", "--progress-bar", "off", *asked["pip"]]
    said = place.run([*pip, *asked["companions"], requirement], room)
    # Another wheel of the same version counts as installed, else.
    said = said or place.run([*pip, "--no-deps", "--force-reinstall", str(wheel)], room)
    shutil.rmtree(temporary, ignore_errors=True)
    if said:
        full = "No space left" in said
        then = f"df -h {place.folder}" if full else f"tail -n 40 {place.folder / _LOG}"
        raise RefusedError(
            f"{'The disk became full' if full else 'pip could not install Knowscape'}: {_end(said)}", then
        )


def start(asked: dict[str, Any]) -> dict[str, Any]:
    """Start Ray, as the head or to join `head`, unless just that runs; the answer has its address and session."""
    place = Place(asked["folder"], asked["owner"])
    place.write("token", asked["token"])
    installed = place.record["installed"]["sha256"]
    spec = {name: value for name, value in asked.items() if name != "token"} | {"installed": installed}
    spec["token"] = hashlib.sha256(asked["token"].encode()).hexdigest()
    runs = place.processes().values()
    needed = {"raylet"} if asked["head"] else {"raylet", "gcs_server"}
    if place.record.get("spec") == spec and needed <= set(runs):
        return {"address": place.record["address"], "session": place.record["session"], "started": False}
    place.stop()
    if asked["head"]:
        _reach(asked["head"])
    else:
        _free(asked["ray_port"], asked["client_port"])
    session = asked["session"] or secrets.token_hex(8)
    # In /tmp, since a socket's path has to be short; in a folder of its own, since Ray lets everybody into its own one.
    place.note(ray=tempfile.mkdtemp(prefix="knowscape-ray-", dir="/tmp"), session=session)
    environment = place.environment() | asked["environment"]
    if isinstance(asked["gpus"], list):
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, asked["gpus"]))
    if said := place.run(_command(place, asked), environment, Path(place.record["ray"])):
        place.stop()
        raise RefusedError(f"Ray did not start: {_end(said)}", f"cat {place.folder / _LOG}")
    address = (_ray_folder(place) / "ray_current_cluster").read_text(encoding="ascii").strip()
    place.note(spec=spec, address=address)
    return {"address": address, "session": session, "started": True}


def _command(place: Place, asked: dict[str, Any]) -> list[str]:
    head = asked["head"]
    role = ["--address", head] if head else ["--head", "--port", str(asked["ray_port"]), "--include-dashboard", "false"]
    door = [] if head else ["--ray-client-server-port", str(asked["client_port"])]
    # Else the address that ssh has reached; the third of four words.
    address = asked["inside"] or "".join(os.environ.get("SSH_CONNECTION", "").split(" ")[2:3])
    gpus = len(asked["gpus"]) if isinstance(asked["gpus"], list) else asked["gpus"]
    own = [f"--object-store-memory={_shared_memory()}", *([f"--node-ip-address={address}"] if address else [])]
    cores = [f"--num-cpus={asked['cores']}"] if asked["cores"] else []
    folder = f"--temp-dir={_ray_folder(place)}"
    ray = str(place.folder / "venv" / "bin" / "python"), "-m", "ray.scripts.scripts"
    return [*ray, "start", *role, *door, *own, *cores, f"--num-gpus={gpus}", folder, "--disable-usage-stats"]


def _shared_memory() -> int:
    """Return how many bytes of it Ray may have, and sets aside as it starts; it ends where it finds none later."""
    free = shutil.disk_usage("/dev/shm").free if Path("/dev/shm").is_dir() else 0
    return max(_LEAST_SHARED, min(_MOST_SHARED, _memory()["MemTotal"] // 10, free * 8 // 10))


def _ray_folder(place: Place) -> Path:
    return Path(place.record["ray"]) / "ray"


def _reach(head: str) -> None:
    host, _, port = head.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _REACH).close()
    except OSError as error:
        raise RefusedError(
            f"It does not reach the head at {head}: {error}. Let the hosts reach each other at all ports, or name the "
            "head's address among them (inside: in cluster.yaml)",
            f"ping -c 1 {host}",
        ) from None


def _free(*ports: int) -> None:
    for port in ports:
        try:
            socket.create_server(("", port)).close()
        except OSError as error:
            raise RefusedError(
                f"Port {port} cannot be had: {error.strerror}. Another Ray may run there; name other ports "
                "(ray_port: and client_port: in cluster.yaml)",
                f"ss -ltnp | grep {port}",
            ) from None


def look(asked: dict[str, Any]) -> dict[str, Any]:
    """Return what the host does: whether Ray runs, memory in bytes, and of each GPU its use and memory."""
    place = Place(asked["folder"], asked["owner"], reads=True)
    found = place.processes() if place.record else {}
    memory = _memory()
    ray = sum(int(Path(f"/proc/{n}/statm").read_text().split()[1]) for n in found) * os.sysconf("SC_PAGE_SIZE")
    return {
        "address": _node_address(found), "held": ray, "memory": memory["MemTotal"], "free": memory["MemAvailable"],
        "gpus": list(_gpu_use()),
    }  # fmt: skip


def _memory() -> dict[str, int]:
    lines = (line.split() for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines}


def _node_address(found: dict[int, str]) -> str | None:
    """Return the address under which the cluster knows this host; None where Ray does not run."""
    for process in [process for process, program in found.items() if program == "raylet"]:
        for word in Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0"):
            if word.startswith(b"--node_ip_address="):
                return os.fsdecode(word.partition(b"=")[2])
    return None


def _gpu_use() -> Iterator[dict[str, int]]:
    names = "index", "use", "memory", "total"
    query = "--query-gpu=index,utilization.gpu,memory.used,memory.total"
    try:
        command = ["nvidia-smi", query, "--format=csv,noheader,nounits"]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return
    for line in said.splitlines():
        with suppress(ValueError):  # what it does not know is no number
            yield dict(zip(names, map(int, line.split(",")), strict=True))


def stop(asked: dict[str, Any]) -> dict[str, Any]:
    """End all that belongs to the cluster here, and remove it."""
    place = Place(asked["folder"], asked["owner"])
    if not place.record:
        return {"ended": 0, "removed": False}
    ended = place.stop()
    place.remove()
    return {"ended": ended, "removed": True}


def _end(said: str) -> str:
    """Return the end of what a command said in one line, the lines with its errors where it marks them."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    marked = [line for line in lines if re.match(r"(\w*Error|ERROR)\b", line)]
    return " ".join(marked or lines)[-_TOLD:].rstrip(". ")


def answer(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


_DO = {"prepare": prepare, "start": start, "look": look, "stop": stop}


def serve() -> None:
    """Answer the one request that comes."""
    asked = json.loads(sys.stdin.buffer.readline())
    try:
        answer(_DO[asked.pop("do")](asked))
    except RefusedError as error:
        answer({"refused": str(error), "type": error.type_there})
    except OSError as error:
        what = ": ".join(str(part) for part in (error.filename, error.strerror or error) if part)
        answer({"refused": what, "type": ""})
