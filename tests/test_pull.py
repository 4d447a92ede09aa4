"""What `knowscape pull` promises, against a real sshd: all of it or nothing that looks whole, and never a password."""

import getpass
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fakes import SPEC
from hypothesis import given
from hypothesis import strategies as st
from shards import checkpoint, corpus, embedded, holds, shard, stars, tree

from conftest import COMMAND, Run
from knowscape.atlas import open_atlas
from knowscape.build import put_corpus
from knowscape.errors import DamageError, KnowscapeError, StorageError, UsageError
from knowscape.merge.run import MergeOptions, merge
from knowscape.pull import transfer
from knowscape.pull.contents import contents, index_names
from knowscape.pull.place import Place
from knowscape.pull.remote import split_source
from knowscape.pull.run import pull
from knowscape.search.generations import Generations
from knowscape.ssh import Host, read_credentials
from knowscape.store.atlas import AtlasFolder
from knowscape.store.signed import write_signed
from knowscape.store.vectors import VectorStore
from small_atlas import small_atlas
from ssh_host import Sshd, came, needs_sshd, sshd

ALL = stars(range(60))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with sshd(tmp_path_factory.mktemp("sshd")) as made:
        yield made


@pytest.fixture
def there(running: Sshd, monkeypatch: pytest.MonkeyPatch) -> Sshd:
    """The other host, which is known and lets this one in."""
    running.trust()
    _use(running.folder / "bin", monkeypatch)
    return running


def _use(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `ssh` be the one in this folder."""
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def fetched(out: Path) -> dict[str, bytes]:
    """Return every file of a folder but the pull's own."""
    return {name: content for name, content in tree(out).items() if not name.startswith(".pull/")}


def large(path: Path, parts: int = 3) -> Path:
    """Make a folder of vectors with some parts of 1 MB."""
    random = np.random.default_rng(0)
    with VectorStore(path).writing({**SPEC.about(), "dimension": 256}) as append:
        for part in range(parts):
            names = [f"{part:032d}{row:032d}" for row in range(1024)]
            append(names, names, random.standard_normal((1024, 256)).astype(np.float32))
    return path


pytestmark = needs_sshd


# What comes


def test_an_atlas_comes_byte_for_byte_with_the_newest_manifest_of_each_folder(there: Sshd, tmp_path: Path) -> None:
    folder = small_atlas(tmp_path / "wiki.atlas").folder
    theirs = tree(folder.path)
    done = pull(there.host, str(folder.path), tmp_path / "mine")
    mine = fetched(tmp_path / "mine")
    assert {name: theirs[name] for name in mine} == mine
    older = {name for name in theirs if name not in mine}
    assert all(name.rpartition("/")[2].startswith(("manifest-", "part-")) for name in older)
    assert sorted(name for name in mine if name.startswith("corpus/manifest")) == ["corpus/manifest-2.json"]
    assert open_atlas(tmp_path / "mine").check(full=True) == []
    assert (done.kind, done.files, done.behind) == ("atlas", len(mine), False)
    assert done.next == f"knowscape check {tmp_path / 'mine'}"


def test_the_index_of_searches_comes_too(there: Sshd, tmp_path: Path) -> None:
    path = shard(tmp_path / "wiki", ALL)
    searches = Generations(path / "search")
    with searches.writing():
        made = searches.make({}, lambda work: (work / ".meta.json").write_text("{}") and None)
        searches.switch(made, keep=None)
    pull(there.host, str(path), tmp_path / "mine")
    assert Generations(tmp_path / "mine" / "search").check(full=True) == []
    assert tree(tmp_path / "mine" / "search") == tree(path / "search")


def test_a_path_may_have_spaces_quotes_and_dollars(there: Sshd, tmp_path: Path) -> None:
    path = shard(tmp_path / """it's "a" $HOME `wiki`; x""", ALL)
    pull(there.host, str(path), tmp_path / "it's 'mine'")
    holds(tmp_path / "it's 'mine'", ALL)


def test_a_path_without_a_slash_begins_at_home(there: Sshd, tmp_path: Path) -> None:
    home = Path("~").expanduser()
    relative = os.path.relpath(shard(tmp_path / "wiki", ALL), home)
    for number, path in enumerate((relative, f"~/{relative}")):
        pull(there.host, path, tmp_path / str(number))
        holds(tmp_path / str(number), ALL)


def test_two_atlases_that_were_pulled_are_merged(there: Sshd, tmp_path: Path) -> None:
    for n in range(2):
        shard(tmp_path / "there" / str(n), ALL, ALL[n * 30 : n * 30 + 30])
        pull(there.host, str(tmp_path / "there" / str(n)), tmp_path / str(n))
    merge([tmp_path / "0", tmp_path / "1"], tmp_path / "c.atlas")
    holds(tmp_path / "c.atlas", ALL)


def test_a_folder_of_vectors_and_a_folder_of_checkpoints_can_be_pulled_and_merged(there: Sshd, tmp_path: Path) -> None:
    store = embedded(shard(tmp_path / "host", ALL, []), ALL[:30])
    (tmp_path / "pkl").mkdir()
    for n in (30, 45):
        checkpoint(tmp_path / "pkl" / f"gpu {n}'s.pkl", n, ALL[n : n + 15])
    (tmp_path / "pkl" / "notes.txt").write_text("not asked for")
    (tmp_path / "pkl" / "data").symlink_to("/")
    one = pull(there.host, str(store), tmp_path / "1")
    two = pull(there.host, str(tmp_path / "pkl"), tmp_path / "2")
    assert (one.kind, one.fetched, two.kind, two.fetched) == ("vectors", 3, "checkpoints", 2)
    assert fetched(tmp_path / "2") == {n: b for n, b in tree(tmp_path / "pkl").items() if n.endswith(".pkl")}
    sources = [tmp_path / "1", *sorted((tmp_path / "2").glob("*.pkl"))]
    merge(sources, tmp_path / "c", MergeOptions(corpus(ALL), SPEC))
    holds(tmp_path / "c", ALL)


def test_what_a_host_prints_at_login_does_no_harm(there: Sshd, tmp_path: Path) -> None:
    path = shard(tmp_path / "wiki", ALL)
    host = Host("127.0.0.1", getpass.getuser(), there.port, there.folder / "greeted_key")
    pull(host, str(path), tmp_path / "mine")
    holds(tmp_path / "mine", ALL)


# Again, and on


def test_a_second_pull_fetches_nothing_and_a_third_only_what_is_new(there: Sshd, tmp_path: Path) -> None:
    path = shard(tmp_path / "wiki", ALL, ALL[:30])
    pull(there.host, str(path), tmp_path / "mine")
    again = pull(there.host, str(path), tmp_path / "mine")
    assert (again.fetched, again.bytes) == (0, 0)
    embedded(path, ALL[30:])
    more = pull(there.host, str(path), tmp_path / "mine")
    assert more.fetched == 3
    holds(tmp_path / "mine", ALL)


def test_after_a_lost_connection_the_same_command_goes_on_within_the_file(
    there: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = large(tmp_path / "vectors")
    whole = sum(part.stat().st_size for part in path.glob("part-*"))
    relay = there.relay(tmp_path / "relay", "stop", whole // 2)
    _use(relay, monkeypatch)
    with pytest.raises(KnowscapeError, match=r"was lost .* run the same command again"):
        pull(there.host, str(path), tmp_path / "mine")
    assert fetched(tmp_path / "mine") == {}
    done = pull(there.host, str(path), tmp_path / "mine")
    assert fetched(tmp_path / "mine").keys() == {p.name for p in path.glob("part-*")} | {"manifest-3.json"}
    assert VectorStore(tmp_path / "mine").parts.check(full=True) == []
    assert abs(done.bytes - whole / 2) < 20_000
    assert came(relay) < whole + 20_000
    assert not (tmp_path / "mine" / ".pull" / "files").exists()


def test_a_pull_that_is_killed_leaves_nothing_that_looks_whole_and_goes_on(
    there: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, mine = shard(tmp_path / "wiki", ALL), tmp_path / "mine"
    shutil.move(large(tmp_path / "more"), path / "vectors" / "more-00000000")
    relay = there.relay(tmp_path / "relay", "hang", 2_000_000)
    _use(relay, monkeypatch)
    source = f"{there.host}:{path}"
    process = subprocess.Popen([*COMMAND, "pull", source, str(mine), "--port", str(there.port)], stderr=subprocess.PIPE)
    for _ in range(200):
        if came(relay) >= 2_000_000:
            break
        time.sleep(0.05)
    time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with pytest.raises(UsageError, match="no atlas"):
        open_atlas(mine)
    done = pull(there.host, str(path), mine)
    assert done.bytes < 2_000_000
    assert fetched(mine) == {name: content for name, content in tree(path).items() if name in fetched(mine)}
    assert AtlasFolder.open(mine).corpus.rows() == 60


@pytest.mark.parametrize("where", ["_settle", "_put"])
def test_a_pull_that_is_killed_while_it_puts_things_into_place_goes_on(
    there: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    path, mine = shard(tmp_path / "wiki", ALL[:30]), tmp_path / "mine"
    pull(there.host, str(path), mine)
    put_corpus(AtlasFolder.open(path), corpus(ALL))
    embedded(path, ALL[30:])
    real, calls = getattr(Place, where), []

    def stop(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(Place, where, stop)
    with pytest.raises(KeyboardInterrupt):
        pull(there.host, str(path), mine)
    put_corpus(AtlasFolder.open(path), corpus(ALL[:50]))
    done = pull(there.host, str(path), mine)
    assert done.fetched == 1
    assert open_atlas(mine).check(full=True) == []
    assert fetched(mine)["atlas.json"] == (path / "atlas.json").read_bytes()


def test_a_first_pull_is_no_atlas_before_its_last_step(
    there: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, mine = shard(tmp_path / "wiki", ALL), tmp_path / "mine"
    real, seen = Place._put, list[bool]()

    def put(self: Place, to: Path, content: bytes) -> None:
        seen.append((mine / "atlas.json").exists())
        real(self, to, content)

    monkeypatch.setattr(Place, "_put", put)
    pull(there.host, str(path), mine)
    assert seen == [False] * 3
    holds(mine, ALL)


def test_what_is_committed_there_meanwhile_comes_too(
    there: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what the first look named may be gone: only the last three states of the corpus are kept."""
    path = shard(tmp_path / "wiki", ALL[:20])
    real, rounds = transfer.Transfer.bring, []

    def bring(self: transfer.Transfer, wanted: object) -> object:
        rounds.append(wanted)
        if len(rounds) == 1:
            for end in (30, 40, 50, 60):
                put_corpus(AtlasFolder.open(path), corpus(ALL[:end]))
            embedded(path, ALL[20:])
        return real(self, wanted)  # type: ignore[arg-type]

    monkeypatch.setattr(transfer.Transfer, "bring", bring)
    done = pull(there.host, str(path), tmp_path / "mine")
    assert (len(rounds), done.behind) == (2, False)
    holds(tmp_path / "mine", ALL)


def test_an_atlas_that_grows_without_end_comes_as_it_was_a_moment_ago(
    there: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shard(tmp_path / "wiki", ALL, [])
    real, rows = transfer.Transfer.bring, iter(range(60))

    def bring(self: transfer.Transfer, wanted: object) -> object:
        found = real(self, wanted)  # type: ignore[arg-type]
        embedded(path, [ALL[next(rows)]])
        return found

    monkeypatch.setattr(transfer.Transfer, "bring", bring)
    done = pull(there.host, str(path), tmp_path / "mine")
    store = AtlasFolder.open(tmp_path / "mine").vectors(SPEC.name, SPEC.fingerprint)
    assert (done.behind, store.parts.rows()) == (True, 4)
    assert store.check(full=True) == []


# Damage


def test_a_bit_that_flips_on_the_way_is_noticed_and_the_part_fetched_again(
    there: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = large(tmp_path / "vectors")
    relay = there.relay(tmp_path / "relay", "flip")
    _use(relay, monkeypatch)
    done = pull(there.host, str(path), tmp_path / "mine")
    sizes = [part.stat().st_size for part in path.glob("part-*")]
    assert done.bytes in {sum(sizes) + size for size in sizes}
    assert VectorStore(tmp_path / "mine").parts.check(full=True) == []


@pytest.mark.parametrize("what", ["flipped", "cut", "missing"])
def test_a_part_that_is_damaged_there_is_named_and_all_else_is_kept(there: Sshd, tmp_path: Path, what: str) -> None:
    path = shard(tmp_path / "wiki", ALL)
    part = next(path.glob("vectors/*/part-*"))
    content = part.read_bytes()
    spoilt = {"flipped": content[:50] + bytes([content[50] ^ 1]) + content[51:], "cut": content[:-9], "missing": None}
    part.unlink() if spoilt[what] is None else part.write_bytes(spoilt[what])
    with pytest.raises(DamageError, match=rf"{part.name} .* --repair. All else is fetched"):
        pull(there.host, str(path), tmp_path / "mine")
    assert fetched(tmp_path / "mine") == {}
    part.write_bytes(content)
    assert pull(there.host, str(path), tmp_path / "mine").fetched == 1
    holds(tmp_path / "mine", ALL)


def test_a_manifest_that_is_damaged_there_is_named_by_its_place_there(there: Sshd, tmp_path: Path) -> None:
    path = shard(tmp_path / "wiki", ALL)
    manifest = path / "corpus" / "manifest-1.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"rows": 60', b'"rows": 61'))
    with pytest.raises(DamageError, match=f"{path}/corpus/manifest-1.json is damaged"):
        pull(there.host, str(path), tmp_path / "mine")


def test_a_damaged_file_here_is_fetched_again(there: Sshd, tmp_path: Path) -> None:
    path = shard(tmp_path / "wiki", ALL)
    pull(there.host, str(path), tmp_path / "mine")
    part = next((tmp_path / "mine").glob("vectors/*/part-*"))
    part.write_bytes(bytes(part.stat().st_size))
    assert pull(there.host, str(path), tmp_path / "mine").fetched == 1
    holds(tmp_path / "mine", ALL)


# What comes from elsewhere is data


def test_a_link_or_a_pipe_there_is_refused(there: Sshd, tmp_path: Path) -> None:
    path = shard(tmp_path / "wiki", ALL)
    for make in (lambda place: place.symlink_to("/etc/passwd"), os.mkfifo):
        make(path / "corpus" / "extra")
        with pytest.raises(DamageError, match=f"{path}/corpus/extra is a link, or no file"):
            pull(there.host, str(path), tmp_path / "mine")
        (path / "corpus" / "extra").unlink()
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil", "a/../../evil", "a\nb", "..", "", 5])
def test_an_index_cannot_name_a_file_elsewhere(there: Sshd, tmp_path: Path, name: object) -> None:
    path = shard(tmp_path / "wiki", ALL)
    files = [[name, "blake3:" + "0" * 64]] if not isinstance(name, str) else {name: "blake3:" + "0" * 64}
    write_signed(path / "page" / "files.json", {"map": "", "files": files})
    with pytest.raises(DamageError, match="names a file as none can be named"):
        pull(there.host, str(path), tmp_path / "mine")


@given(name=st.text(st.sampled_from("./a-\\ \n\x00é~")), digest=st.sampled_from(["0" * 64, "../x", "0"]))
def test_no_name_and_no_digest_leads_out_of_the_folder(
    tmp_path_factory: pytest.TempPathFactory, name: str, digest: str
) -> None:
    folder = tmp_path_factory.mktemp("index")
    AtlasFolder(folder).renew({})
    write_signed(folder / "page" / "files.json", {"map": "", "files": {name: f"sha256:{digest}"}})
    try:
        (wanted,) = contents("atlas", folder, {})
    except DamageError:
        return
    assert digest == "0" * 64
    page = folder.resolve() / "page"
    assert all(path.is_relative_to(page) and path != page for path in [(folder / wanted.names[0]).resolve()])


def test_names_that_no_atlas_has_are_passed_over() -> None:
    names = ["atlas.json", "a.exe", "vectors/../x/manifest-1.json", "vectors/x y/manifest-1.json", "corpus/a.json"]
    names += ["corpus/manifest-9.json", "corpus/manifest-10.json", "maps/m/map.json\n", "vectors/.hid/manifest-1.json"]
    assert sorted(index_names("atlas", names)) == ["atlas.json", "corpus/manifest-10.json"]
    with pytest.raises(UsageError, match="odd name"):
        index_names("checkpoints", ["-rf.pkl"])


@given(st.text(st.sampled_from("-o=a@:/.[]%$ \n'é")) | st.text())
def test_no_source_becomes_an_option_of_ssh(source: str) -> None:
    try:
        name, _ = split_source(source)
        command = Host.parse(name).command("exec sh")
    except UsageError:
        return
    end = command.index("--")
    assert not command[end + 1].startswith("-")
    assert "-l" not in command or command[command.index("-l") + 1][0] not in "-"
    assert command[end + 2 :] == ["exec sh"]


@pytest.mark.parametrize("source", ["-oProxyCommand=touch evil:x", "a b:x", "a@-b:x", "-l@b:x", "$(id):x", "wiki", ""])
def test_what_is_no_host_is_refused_with_what_is_accepted(knowscape: Run, tmp_path: Path, source: str) -> None:
    done = knowscape("pull", "--", source, tmp_path / "mine", cwd=tmp_path)
    assert done.returncode == 2
    assert "Accepted: " in done.stderr
    assert list(tmp_path.iterdir()) == []


# What a stranger understands


def test_a_host_that_nobody_knows_is_refused(there: Sshd, tmp_path: Path) -> None:
    there.known_hosts.write_text("")
    with pytest.raises(KnowscapeError, match=rf"known_hosts has no key of .* Type: ssh -p {there.port} .*@127.0.0.1"):
        pull(there.host, str(tmp_path), tmp_path / "mine")


def test_a_host_with_another_key_is_refused(there: Sshd, tmp_path: Path) -> None:
    there.trust("other_host_key")
    forget = rf"ssh-keygen -f {there.known_hosts} -R '\[127.0.0.1\]:{there.port}'"
    with pytest.raises(KnowscapeError, match=rf"shows another key .* {forget}"):
        pull(there.host, str(tmp_path), tmp_path / "mine")


def test_a_key_that_is_not_let_in_is_told_how_to_get_in(there: Sshd, tmp_path: Path) -> None:
    host = Host("127.0.0.1", "ada", there.port, there.folder / "strange_key")
    with pytest.raises(KnowscapeError, match=rf"ssh-keygen -t ed25519 .* && ssh-copy-id -p {there.port} .* ada@127"):
        pull(host, str(tmp_path), tmp_path / "mine")
    with pytest.raises(UsageError, match="no key at"):
        Host("127.0.0.1", identity=tmp_path / "none")


def test_a_port_where_nobody_answers_and_a_name_that_nobody_has(there: Sshd, tmp_path: Path) -> None:
    with pytest.raises(KnowscapeError, match=r"no sshd answers on port 1\b"):
        pull(Host("127.0.0.1", port=1), "x", tmp_path / "mine")
    with pytest.raises(KnowscapeError, match=r"There is no host of the name nowhere\.invalid"):
        pull(Host("nowhere.invalid"), "x", tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_a_host_that_is_down_is_said_to_be_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ssh's own words: no network here has a host that is surely down."""
    (tmp_path / "ssh").write_text(
        "#!/bin/sh\necho 'ssh: connect to host a port 22: Connection timed out' >&2; exit 255\n"
    )
    (tmp_path / "ssh").chmod(0o755)
    _use(tmp_path, monkeypatch)
    with pytest.raises(KnowscapeError, match=r"a does not answer\. See that it is switched on"):
        pull(Host("a"), "x", tmp_path / "mine")


def test_what_is_not_there_or_no_atlas_is_told(there: Sshd, tmp_path: Path) -> None:
    (tmp_path / "empty" / "deep").mkdir(parents=True)
    (tmp_path / "empty" / "link").symlink_to("/")
    (tmp_path / "empty" / "deep" / "atlas.json").write_text("{}")
    (tmp_path / "file").write_text("")
    for name, says in (
        ("none", "There is no folder .*none. See what is there"),
        ("file", "file is a file; name the folder"),
        ("empty", "empty holds nothing that can be merged. Accepted: an atlas"),
    ):
        with pytest.raises(UsageError, match=says):
            pull(there.host, str(tmp_path / name), tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_a_folder_that_holds_something_else_is_left_alone(there: Sshd, tmp_path: Path) -> None:
    one, two = shard(tmp_path / "1", ALL[:30]), shard(tmp_path / "2", ALL[30:])
    with pytest.raises(UsageError, match="not empty"):
        pull(there.host, str(one), two)
    pull(there.host, str(one), tmp_path / "mine")
    with pytest.raises(UsageError, match=rf"came from .*{one}. Name another folder"):
        pull(there.host, str(two), tmp_path / "mine")
    holds(tmp_path / "mine", ALL[:30])


def test_what_was_written_here_since_or_made_anew_there_is_not_lost(there: Sshd, tmp_path: Path) -> None:
    path, mine = shard(tmp_path / "wiki", ALL, ALL[:40]), tmp_path / "mine"
    pull(there.host, str(path), mine)
    embedded(mine, ALL[40:50])
    with pytest.raises(UsageError, match=r"written here since it was pulled.*knowscape merge"):
        pull(there.host, str(path), mine)
    pull(there.host, str(path), tmp_path / "other")
    shutil.rmtree(path)
    shard(path, stars(range(60), "Moon"))
    with pytest.raises(UsageError, match="written anew at"):
        pull(there.host, str(path), tmp_path / "other")


def test_a_disk_without_room_is_named_before_anything_is_fetched(
    there: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = large(tmp_path / "vectors")
    real = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda place: real(place)._replace(free=1000))
    with pytest.raises(StorageError, match=r"room for 1,000 bytes, and 3,\d+,\d+ are to come"):
        pull(there.host, str(path), tmp_path / "mine")


def test_a_write_that_the_system_refuses_keeps_what_came(there: Sshd, tmp_path: Path) -> None:
    path, mine = large(tmp_path / "vectors"), tmp_path / "mine"
    command = [*COMMAND, "pull", f"{there.host}:{path}", str(mine), "--port", str(there.port), "--json"]
    limited = subprocess.run(["bash", "-c", 'ulimit -f 500; exec "$@"', "-", *command], capture_output=True, text=True)
    assert limited.returncode == 1
    assert "File too large" in limited.stderr
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["bytes"] < sum(part.stat().st_size for part in path.glob("part-*"))


# The predecessor's file with a password


def test_the_password_of_a_credentials_file_is_refused_with_two_commands(
    there: Sshd, knowscape: Run, tmp_path: Path
) -> None:
    path = shard(tmp_path / "wiki", ALL)
    user, file = getpass.getuser(), tmp_path / "a.credentials"
    file.write_text(json.dumps({"address": "127.0.0.1", "username": user, "password": "open sesame"}))
    done = knowscape("pull", f":{path}", tmp_path / "mine", "--credentials", file, "--port", there.port)
    assert done.returncode == 0, done.stderr
    assert f"ssh-keygen -t ed25519 && ssh-copy-id -p {there.port} {user}@127.0.0.1" in done.stderr
    assert "sesame" not in done.stderr + done.stdout
    holds(tmp_path / "mine", ALL)
    both = knowscape("pull", f"host:{path}", tmp_path / "mine", "--credentials", file)
    assert (both.returncode, "Type: :PATH" in both.stderr) == (2, True)


@pytest.mark.parametrize("text", ["", "[]", '{"address": 1}', '{"address": "-oX", "username": "a"}', "[" * 10**5])
def test_a_credentials_file_that_is_none_is_told_so(tmp_path: Path, text: str) -> None:
    (tmp_path / "c").write_text(text)
    with pytest.raises(UsageError):
        read_credentials(tmp_path / "c")
    with pytest.raises(UsageError, match="cannot be read"):
        read_credentials(tmp_path / "none")
