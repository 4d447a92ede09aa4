"""cluster.yaml: which hosts, how ssh gets to them, what they are to offer; anything else in it is refused by name."""

import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowscape.errors import UsageError
from knowscape.ssh import Host, read_credentials

__all__ = ["ClusterFile", "Member", "read_cluster"]

_FOLDER = "~/.knowscape/cluster"
_RAY_PORT, _CLIENT_PORT = 6379, 10001
_PASSWORD = re.compile(r"pass(word|wd|phrase)?|secret", re.IGNORECASE)
_LARGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """A host: the way there, the address by which the others see it, and what of it the cluster gets.

    `gpus` is how many, which ones, or None: all.  `cores` None: all.  `python` None: the first python3 that has the
    version of this machine.
    """

    host: Host
    inside: str | None
    gpus: int | tuple[int, ...] | None
    cores: int | None
    python: str | None
    folder: str

    def __str__(self) -> str:
        return f"{self.host}:{self.host.port}" if self.host.port not in (None, 22) else str(self.host)


@dataclass(frozen=True, slots=True)
class ClusterFile:
    """A cluster as its file describes it, the head first.

    `pip` are further arguments for pip, `extras` further optional parts of Knowscape, `token` a file with a token that
    is there already; `notes` is what a person should know.
    """

    path: Path
    members: tuple[Member, ...]
    pip: tuple[str, ...]
    extras: tuple[str, ...]
    token: Path | None
    ray_port: int
    client_port: int
    notes: tuple[str, ...]


def read_cluster(path: Path) -> ClusterFile:
    """Return what a cluster.yaml says; UsageError names the field that is wrong, and what is accepted."""
    fields = _checked(_load(path), _TOP, str(path))
    hosts = fields.get("hosts") or []
    if not hosts:
        raise UsageError(f"{path} names no hosts. Accepted: hosts: [{{address: 10.0.0.1, user: ada}}, ...]")
    usual = {name: fields[name] for name in _USUAL if name in fields}
    notes: list[str] = []
    members = [_member(host, (path, n), usual, notes) for n, host in enumerate(hosts)]
    for n, member in enumerate(members):
        if str(member) in map(str, members[:n]):
            raise UsageError(f"{path} names {member} twice. Remove one of them.")
    token = _near(path, fields["token"]) if "token" in fields else None
    if token is not None and not token.is_file():
        raise UsageError(f"{path}: token: there is no file {token}. Remove the line; then a token is made.")
    return ClusterFile(
        path=path,
        members=_head_first(members, fields.get("head"), path),
        pip=tuple(fields.get("pip", ())),
        extras=tuple(fields.get("extras", ())),
        token=token,
        ray_port=fields.get("ray_port", _RAY_PORT),
        client_port=fields.get("client_port", _CLIENT_PORT),
        notes=tuple(notes),
    )


def _load(path: Path) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Makes plain values, and takes no key twice."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
            names = [key.value for key, _ in node.value]
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"{name!r:.60} stands twice in what begins in line {node.start_mark.line + 1}")
            return dict(super().construct_mapping(node, deep))

    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"{path} has more than {_LARGEST:,} bytes, which no list of hosts needs.")
        return yaml.load(path.read_bytes(), Loader)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}. Name a file with: hosts: [...]") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = " ".join(str(error).split())
        raise UsageError(f"{path} is no YAML: {said:.300}") from error


def _member(value: Any, place: tuple[Path, int], usual: Mapping[str, Any], notes: list[str]) -> Member:
    path, where = place[0], f"{place[0]}: hosts[{place[1]}]"
    own = _checked({"address": value} if isinstance(value, str) else value, _HOST, where)
    fields = {**usual, **own}
    key = _near(path, fields["key"]) if "key" in fields else None
    if ("credentials" in own) == ("address" in own):
        raise UsageError(f"{where} needs an address, or a file of credentials instead; not both.")
    if "credentials" in own:
        if "user" in own:
            raise UsageError(f"{where}: the user comes from the credentials. Remove user, or name an address instead.")
        file = _near(path, own["credentials"])
        host, password = read_credentials(file, port=fields.get("port"), identity=key)
        if password:
            notes.append(f"The password in {file} is not used. Remove it from there, and set up a key: {host.keys()}")
    else:
        named = Host.parse(own["address"], port=fields.get("port"), identity=key)
        host = Host(named.name, named.user or fields.get("user"), named.port, named.identity)
    gpus = fields.get("gpus", "all")
    return Member(
        host=host,
        inside=fields.get("inside"),
        gpus=None if gpus == "all" else tuple(gpus) if isinstance(gpus, list) else gpus,
        cores=fields.get("cores"),
        python=fields.get("python"),
        folder=fields.get("folder", _FOLDER),
    )


def _head_first(members: list[Member], head: str | None, path: Path) -> tuple[Member, ...]:
    if head is None:
        return tuple(members)
    found = [member for member in members if head in (str(member), str(member.host), member.host.name)]
    if len(found) != 1:
        raise UsageError(f"{path}: head: {head!r:.100} is no host of it. Accepted: {', '.join(map(str, members))}")
    return (found[0], *(member for member in members if member is not found[0]))


def _near(path: Path, name: str) -> Path:
    """Return a path that the file names: relative to the file."""
    return path.parent / Path(name).expanduser()


def _checked(value: Any, accepted: Mapping[str, "_Field"], where: str) -> dict[str, Any]:
    """Return the fields of a mapping, each of the right kind and known."""
    if not isinstance(value, dict):
        raise UsageError(f"{where} has {value!r:.60} where fields belong. Accepted: {', '.join(accepted)}")
    for name, content in value.items():
        if name in accepted:
            test, kind = accepted[name]
            if not test(content):
                raise UsageError(f"{where}: {name}: {content!r:.100} is not accepted. Accepted: {kind}")
        elif isinstance(name, str) and _PASSWORD.fullmatch(name):
            raise UsageError(f"{where}: {name}: a password is never used. Remove it, and set up a key: {_keys(value)}")
        else:
            raise UsageError(f"{where}: {name!r:.60} is no field. Accepted: {', '.join(accepted)}")
    return value


def _keys(host: Mapping[Any, Any]) -> str:
    address, user = host.get("address", "HOST"), host.get("user")
    text = isinstance(address, str) and isinstance(user, str | None)
    return Host(address, user).keys() if text else Host("HOST").keys()


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and value.isprintable()


def _is_count(value: Any, least: int = 1, most: int = 1 << 20) -> bool:
    return type(value) is int and least <= value <= most


def _is_gpus(value: Any) -> bool:
    if isinstance(value, list):
        return bool(value) and len(set(map(repr, value))) == len(value) and all(_is_count(n, 0) for n in value)
    return value == "all" or _is_count(value, 0)


def _is_port(value: Any) -> bool:
    return _is_count(value, 1, 65535)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


_Field = tuple[Callable[[Any], bool], str]
_TEXT: _Field = (_is_text, "a text, in quotes where YAML takes it for something else")
_PORT: _Field = (_is_port, "a number from 1 to 65535")
# Which of a host's fields may stand above the hosts, for all of them.
_USUAL: dict[str, _Field] = {
    "user": _TEXT, "port": _PORT, "key": _TEXT, "python": _TEXT, "folder": _TEXT,
    "gpus": (_is_gpus, "all, a number (0: the cores alone), or a list of the GPUs' numbers"),
    "cores": (_is_count, "a number from 1 up"),
}  # fmt: skip
_HOST: dict[str, _Field] = {"address": _TEXT, "credentials": _TEXT, "inside": _TEXT, **_USUAL}
_TOP: dict[str, _Field] = {
    "hosts": (lambda value: isinstance(value, list), "a list of hosts"), "head": _TEXT, **_USUAL,
    "pip": (_are_texts, "a list of texts, the arguments for pip"), "extras": (_are_texts, "a list of texts"),
    "token": _TEXT, "ray_port": _PORT, "client_port": _PORT,
}  # fmt: skip
