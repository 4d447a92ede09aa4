"""cluster.yaml is read strictly: each wrong field is named, with what is accepted, and no password is ever used."""

import json
import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowscape.cluster.file import ClusterFile, read_cluster
from knowscape.errors import UsageError


def read(folder: Path, text: str) -> ClusterFile:
    path = folder / "cluster.yaml"
    path.write_text(text, encoding="utf-8")
    return read_cluster(path)


def test_a_host_is_an_address_alone_or_all_that_can_be_said(tmp_path: Path) -> None:
    (tmp_path / "key").touch()
    found = read(
        tmp_path,
        """
        hosts:
          - ada@10.0.0.1
          - address: gpu2
            user: bob
            port: 2222
            key: key
            inside: 192.168.0.2
            gpus: [0, 2]
            cores: 8
            python: ~/py/bin/python3.11
            folder: /data/knowscape
        pip: [--index-url, "https://pypi.example.org"]
        extras: [mediawiki]
        ray_port: 6380
        """,
    )
    one, two = found.members
    assert (str(one), one.gpus, one.cores, one.python, one.folder) == (
        "ada@10.0.0.1", None, None, None, "~/.knowscape/cluster",
    )  # fmt: skip
    assert (str(two), two.host.identity, two.inside, two.gpus) == (
        "bob@gpu2:2222", tmp_path / "key", "192.168.0.2", (0, 2),
    )  # fmt: skip
    assert (two.cores, two.python, two.folder) == (8, "~/py/bin/python3.11", "/data/knowscape")
    assert found.pip == ("--index-url", "https://pypi.example.org")
    assert (found.extras, found.ray_port, found.client_port, found.notes) == (("mediawiki",), 6380, 10001, ())


def test_what_stands_above_the_hosts_is_for_all_that_say_nothing_else(tmp_path: Path) -> None:
    found = read(tmp_path, "user: ada\ngpus: 0\nhosts: [a, {address: b, user: bob, gpus: 4}, carl@c]")
    assert [(str(member), member.gpus) for member in found.members] == [("ada@a", 0), ("bob@b", 4), ("carl@c", 0)]


def test_the_head_is_the_first_host_unless_another_is_named(tmp_path: Path) -> None:
    assert [str(member) for member in read(tmp_path, "hosts: [a, b, c]").members] == ["a", "b", "c"]
    assert [str(member) for member in read(tmp_path, "hosts: [a, b, c]\nhead: c").members] == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hosts: []", "names no hosts"),
        ("{}", "names no hosts"),
        ("[a, b]", "where fields belong. Accepted: hosts, head"),
        ("hosts: a", "hosts: 'a' is not accepted. Accepted: a list of hosts"),
        ("hosts: [a]\nworkers: 3", "'workers' is no field. Accepted: hosts, head"),
        ("hosts: [{address: a, gpu: 1}]", r"hosts\[0\]: 'gpu' is no field. Accepted: address, credentials, inside"),
        (
            "hosts: [a, {address: b, port: '22'}]",
            r"hosts\[1\]: port: '22' is not accepted. Accepted: a number from 1 to",
        ),
        ("hosts: [{address: a, user: 7}]", "user: 7 is not accepted. Accepted: a text, in quotes"),
        ("hosts: [{address: a, gpus: yes}]", "gpus: True is not accepted. Accepted: all, a number"),
        ("hosts: [{address: a, gpus: [0, 0]}]", r"gpus: \[0, 0\] is not accepted"),
        ("hosts: [{address: a, cores: 0}]", "cores: 0 is not accepted"),
        ("hosts: [{address: a}]\nhead: b", "head: 'b' is no host of it. Accepted: a"),
        ("hosts: [a, a]", "names a twice"),
        ("hosts: [{user: a}]", "needs an address, or a file of credentials"),
        ("hosts: [a]\nhosts: [b]", "'hosts' stands twice"),
        ("hosts: [a", "is no YAML"),
        ("hosts: !!python/object/apply:os.getcwd []", "is no YAML"),
        ("hosts: [-oProxyCommand=x]", "is no host. Accepted: HOST, USER@HOST"),
        ("hosts: [{address: a, key: nowhere}]", "There is no key at .*nowhere. Make one with: ssh-keygen"),
        ("hosts: [a]\ntoken: nowhere", "token: there is no file .*nowhere"),
        ("hosts: [a]\npip: --no-deps", "pip: '--no-deps' is not accepted. Accepted: a list of texts"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_accepted(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read(tmp_path, text)


@pytest.mark.parametrize("name", ["password", "passwd", "Passphrase", "pass"])
def test_a_password_is_refused_with_the_two_commands_that_set_up_a_key(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="a password is never used") as caught:
        read(tmp_path, f"hosts: [{{address: gpu1, user: ada, {name}: tulip}}]")
    assert "ssh-keygen -t ed25519 && ssh-copy-id ada@gpu1" in str(caught.value)
    assert "tulip" not in str(caught.value)


def test_a_file_of_credentials_gives_address_and_user_and_its_password_is_not_used(tmp_path: Path) -> None:
    secret = {"address": "10.0.0.7", "username": "ada", "password": "tulip"}
    (tmp_path / "gpu.credentials").write_text(json.dumps(secret), encoding="ascii")
    found = read(tmp_path, "hosts: [{credentials: gpu.credentials, gpus: 2}]")
    assert [str(member) for member in found.members] == ["ada@10.0.0.7"]
    (note,) = found.notes
    assert "gpu.credentials is not used. Remove it from there, and set up a key: ssh-keygen -t ed25519 && " in note
    assert "ssh-copy-id ada@10.0.0.7" in note
    assert "tulip" not in f"{found}"


def test_a_file_that_is_not_there_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cluster\.yaml cannot be read: No such file"):
        read_cluster(tmp_path / "cluster.yaml")


@given(st.text(max_size=200))
def test_whatever_it_holds_it_is_a_cluster_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.getbasetemp() / "any"
    folder.mkdir(exist_ok=True)
    with suppress(UsageError):
        assert read(folder, text).members


def test_the_files_in_the_guide_are_accepted(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", guide, re.DOTALL)
    for name in ("key", "my.token"):
        (tmp_path / name).touch()
    (tmp_path / "gpu2.credentials").write_text('{"address": "gpu2.example.org", "username": "ada"}', encoding="ascii")
    short, whole = (read(tmp_path, block.replace("~/.ssh/id_ed25519", "key")) for block in blocks)
    assert [member.host.name for member in short.members] == [member.host.name for member in whole.members]
    assert all(name in blocks[1] for name in ("inside", "folder", "head", "pip", "extras", "token", "client_port"))
