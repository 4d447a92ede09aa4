"""An atlas in an object store: the same bytes as in a folder, whoever else writes, and whatever the network does."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fakes import SPEC, CountingEncoder

from faults.drill import make_corpus, make_model, rows
from knowscape import __version__
from knowscape.atlas import Atlas, open_atlas
from knowscape.build import build, embed_corpus, put_corpus
from knowscape.check import check_atlas, leftovers
from knowscape.corpus.readers import read_corpus
from knowscape.embed.executors import Threads, Work
from knowscape.embed.remote import Remote
from knowscape.embed.run import Commits, Embedded, Texts, embed
from knowscape.embed.worker import Encoded, Shelf
from knowscape.errors import DamageError, KnowscapeError, StorageError, UsageError
from knowscape.files import link_new, sha256_text, write_atomic, write_named
from knowscape.merge.run import merge
from knowscape.pull.run import pull_url
from knowscape.repair import repair
from knowscape.store import manifest, objects
from knowscape.store.atlas import AtlasFolder
from knowscape.store.cache import VectorCache
from knowscape.store.manifest import PartFolder
from knowscape.store.objects import atlas_path
from knowscape.store.parts import write_part
from knowscape.store.refusals import refusal
from knowscape.store.vectors import VectorStore
from object_server import ObjectServer, object_server

Run = Callable[..., subprocess.CompletedProcess[str]]
COMMAND = [sys.executable, "-c", "from knowscape.cli import main; main()"]
SLICE = 8
TEXTS = [f"text {n}" for n in range(20 * SLICE)]
DIGESTS = [sha256_text(text) for text in TEXTS]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    with object_server(tmp_path_factory.mktemp("objects")) as made:
        yield made


@pytest.fixture
def url(server: ObjectServer, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[str]:
    """A place where nothing is, in a store that this process is led to."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    connect = objects._connect
    connect.cache_clear()
    yield f"s3://maps/{re.sub('[^a-z0-9]', '-', request.node.name)}"
    server.fail()
    connect.cache_clear()


@pytest.fixture(params=["a folder", "an object store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / "place" if request.param == "a folder" else atlas_path(request.getfixturevalue("url"))


def these(texts: Sequence[str] = TEXTS) -> Texts:
    return Texts(texts, [f"id of {text}" for text in texts], [sha256_text(text) for text in texts])


def run(store: VectorStore, texts: Sequence[str] = TEXTS, executor: Any = None) -> Embedded:
    commits = Commits(rows=2 * SLICE, slice_rows=SLICE)
    return embed(these(texts), spec=SPEC, executor=executor or Threads(CountingEncoder), store=store, commits=commits)


def assert_whole(store: VectorStore, digests: Sequence[str] = DIGESTS) -> None:
    """Every text has one vector, with the bytes of a local run."""
    table = store.parts.read(["text_digest"])
    assert table is not None
    assert sorted(table["text_digest"].to_pylist()) == sorted(digests)
    assert store.parts.check(full=True) == []
    assert store.read(DIGESTS).tobytes() == CountingEncoder().encode_documents(TEXTS).tobytes()


def together(*jobs: Callable[[], object]) -> None:
    """Do all at the same time; the first error of any is raised."""
    ready, errors = Barrier(len(jobs)), list[BaseException]()

    def do(job: Callable[[], object]) -> None:
        try:
            ready.wait()
            job()
        except BaseException as error:  # noqa: BLE001 - it is raised below
            errors.append(error)

    threads = [Thread(target=do, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


# A folder and an object store behave alike


def test_a_file_is_created_once_and_replaced_whole(place: Path) -> None:
    assert link_new(place / "a.json", b"one")
    assert not link_new(place / "a.json", b"two")
    assert (place / "a.json").read_bytes() == b"one"
    write_atomic(place / "a.json", lambda file: file.write(b"three"))
    assert (place / "a.json").read_bytes() == b"three"


def test_what_is_there_is_listed_and_what_is_not_is_said_to_be_missing(place: Path) -> None:
    for name in ("manifest-1.json", "part-b.parquet", "part-a.parquet", "zoo"):
        write_named(place, lambda file, name=name: file.write(b"1") and name)
    write_atomic(place / "deep" / "part-c.parquet", lambda file: file.write(b"1"))
    assert sorted(path.name for path in place.iterdir()) == [
        "deep", "manifest-1.json", "part-a.parquet", "part-b.parquet", "zoo"
    ]  # fmt: skip
    assert sorted(path.name for path in place.glob("part-*.parquet")) == ["part-a.parquet", "part-b.parquet"]
    assert [path.name for path in (place / "none").glob("part-*")] == []
    assert (place.exists(), place.is_dir(), place.is_file()) == (True, True, False)
    assert ((place / "zoo").is_file(), (place / "zoo").is_dir(), (place / "zo").exists()) == (True, False, False)
    with pytest.raises(FileNotFoundError):
        (place / "none").read_bytes()
    with pytest.raises(FileNotFoundError):
        list((place / "none").iterdir())
    (place / "zoo").unlink()
    (place / "zoo").unlink(missing_ok=True)
    assert not (place / "zoo").exists()


def test_parts_are_committed_read_checked_and_forgotten_alike(place: Path) -> None:
    parts = PartFolder(place)
    with parts.writing() as writer:
        for number in range(5):
            writer.append(pa.table({"n": [number]}), {"kind": "test"})
        writer.replace(pa.table({"n": [9, 10]}), {"kind": "other"})
    for table in (parts.read(), parts.scan(["n"])):
        assert table is not None
        assert table["n"].to_pylist() == [9, 10]
    assert (parts.rows(), parts.about(), parts.check(full=True)) == (2, {"kind": "other"}, [])
    assert sorted(path.name for path in place.glob("manifest-*")) == [f"manifest-{n}.json" for n in (4, 5, 6)]


def test_the_same_rows_are_the_same_part_in_both(url: str, tmp_path: Path) -> None:
    stores = [VectorStore(tmp_path / "here"), VectorStore(atlas_path(url))]
    for store in stores:
        assert run(store).computed == len(TEXTS)
        assert_whole(store)
        assert run(store, [*TEXTS, "one more"]).computed == 1
    here, there = (store.parts.parts() for store in stores)
    assert sorted(part.file for part in there) == sorted(part.file for part in here)
    assert stores[0].parts.about() == stores[1].parts.about()


def test_vectors_of_other_atlases_of_this_machine_are_not_computed_again(url: str, tmp_path: Path) -> None:
    cache, found = VectorCache(tmp_path / "cache", 10**9), list[Embedded]()
    for folder, texts in ((tmp_path / "here", TEXTS[:50]), (atlas_path(url), TEXTS)):
        found.append(
            embed(these(texts), spec=SPEC, executor=Threads(CountingEncoder), store=VectorStore(folder), cache=cache)
        )
    assert found == [Embedded(50, 0, {}), Embedded(len(TEXTS) - 50, 50, {})]
    assert_whole(VectorStore(atlas_path(url)))


def test_damage_is_found_alike(place: Path) -> None:
    store = VectorStore(place)
    run(store)
    path = place / store.parts.parts()[0].file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.unlink()
    write_atomic(path, lambda file: file.write(content))
    assert [fault.path for fault in store.parts.check(full=True)] == [path]
    with pytest.raises(DamageError, match="does not have the digest"):
        store.read(DIGESTS)


def test_a_large_part_is_read_in_pieces(url: str, server: ObjectServer) -> None:
    parts = PartFolder(atlas_path(url))
    vectors = np.random.default_rng(0).bytes(2_000_000)
    with parts.writing() as writer:
        writer.append(pa.table({"n": ["a"], "v": [vectors]}), {})
    before = len(server.requests())
    table = parts.scan(["n"])
    assert table is not None
    assert table["n"].to_pylist() == ["a"]
    assert 2 < len(server.requests()) - before < 12
    whole = parts.read()
    assert whole is not None
    assert whole["v"].to_pylist() == [vectors]


# Several writers, of whom some die


def test_three_writers_at_once_leave_no_gap_and_no_duplicate(url: str) -> None:
    """They begin with other texts each, so that their slices overlap in part."""
    chance = np.random.default_rng(5)
    some = [list(chance.permutation(TEXTS)) for _ in range(2)]
    together(*(lambda texts=texts: run(VectorStore(atlas_path(url)), texts) for texts in [TEXTS, *some]))
    assert_whole(VectorStore(atlas_path(url)))


def test_writers_that_know_different_states_name_every_text_once(url: str) -> None:
    """What another committed between a look at what is done and the first commit is seen as well."""
    one, two = VectorStore(atlas_path(url)), VectorStore(atlas_path(url))
    run(one, TEXTS[:40])
    assert len(two.done()) == 40
    run(one, TEXTS[:100])
    with two.writing(SPEC.about()) as writer:
        vectors = CountingEncoder().encode_documents(TEXTS[40:])
        writer(TEXTS[40:], DIGESTS[40:], vectors)
    assert_whole(one)


def test_a_writer_that_was_held_up_does_not_take_a_number_that_was_freed(url: str) -> None:
    parts = PartFolder(atlas_path(url))
    with parts.writing() as slow, parts.writing() as fast:
        old = parts._state()
        for number in range(6):
            fast.append(pa.table({"n": [number]}), {})
        assert not (parts.folder / "manifest-1.json").exists()
        part = write_part(parts.folder, pa.table({"n": [6]}))
        slow._publish(lambda before: [*before, part], {}, old)
    table = parts.read()
    assert table is not None
    assert table["n"].to_pylist() == list(range(7))


def test_a_writer_that_is_always_overtaken_gives_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = PartFolder(atlas_path(url))
    monkeypatch.setattr(manifest, "link_new", lambda path, content: False)
    with parts.writing() as writer, pytest.raises(KnowscapeError, match="Another process wrote to s3://"):
        writer.append(pa.table({"n": [1]}), {})


def test_two_that_tell_the_atlas_of_their_models_are_both_remembered(url: str) -> None:
    folder = AtlasFolder.create(atlas_path(url))
    together(*(lambda name=name: folder.update({"models": {name: name}, "model": name}) for name in "abcdef"))
    assert sorted(folder.info()["models"]) == list("abcdef")


WRITER = """
import sys
from fakes import SPEC, CountingEncoder
from knowscape.embed.executors import Threads
from knowscape.embed.run import Commits, Texts, embed
from knowscape.files import sha256_text
from knowscape.store.objects import atlas_path
from knowscape.store.parts import write_part
from knowscape.store.refusals import refusal
from knowscape.store.vectors import VectorStore
texts = [f"text {n}" for n in range(160)]
these = Texts(texts, [f"id of {text}" for text in texts], [sha256_text(text) for text in texts])
store, commits = VectorStore(atlas_path(sys.argv[1])), Commits(rows=16, slice_rows=8)
embed(these, spec=SPEC, executor=Threads(CountingEncoder), store=store, commits=commits)
"""


def start_and_kill(command: Sequence[str], server: ObjectServer, seconds: float) -> None:
    """Start a writer and kill it while its second commit is on the way, which arrives so much later."""
    server.fail(r"PUT .*/manifest-2", "hold", seconds=seconds)
    before = len(server.requests())
    dead = subprocess.Popen(
        [sys.executable, "-c", *command], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    while not any(re.search(r"PUT .*/manifest-2", line) for line in server.requests()[before:]):
        assert dead.poll() is None
        time.sleep(0.02)
    dead.kill()
    assert dead.wait() == -signal.SIGKILL


@pytest.mark.parametrize("late", [0.3, 4], ids=["arrives", "arrives when its number is taken"])
def test_two_writers_go_on_beside_the_commit_of_one_that_was_killed(
    url: str, server: ObjectServer, late: float
) -> None:
    start_and_kill([WRITER, url], server, late)
    time.sleep(0.6 if late < 1 else 0)
    done = len(VectorStore(atlas_path(url)).done())
    assert done == (4 if late < 1 else 2) * SLICE
    found = list[Embedded]()
    together(*[lambda: found.append(run(VectorStore(atlas_path(url))))] * 2)
    assert max(each.computed for each in found) == len(TEXTS) - done
    time.sleep(late)
    assert_whole(VectorStore(atlas_path(url)))


@pytest.mark.soak
def test_commands_at_once_and_a_killed_one_make_the_atlas_of_one(
    url: str, server: ObjectServer, knowscape: Run, tmp_path: Path
) -> None:
    """The first is killed while its commit is on the way; that comes late, when its number has been taken."""
    corpus, _ = make_corpus(tmp_path, 9000)
    command = ["embed", str(corpus), "--model", str(make_model(tmp_path / "tiny")), "--no-cache"]
    command += ["--checkpoint-every", "0.1"]
    start_and_kill([COMMAND[2], *command, "-o", url], server, 20)
    done = list[subprocess.CompletedProcess[str]]()
    together(*[lambda: done.append(knowscape(*command, "-o", url))] * 2)
    assert [each.returncode for each in done] == [0, 0], [each.stderr for each in done]
    time.sleep(20)
    checked = knowscape("check", url, "--full")
    assert checked.returncode == 0, checked.stdout
    pull_url(url, tmp_path / "there")
    assert knowscape(*command, "-o", tmp_path / "here").returncode == 0
    found = rows(tmp_path / "there")
    assert len(found) == 9000
    assert found == rows(tmp_path / "here")
    for name in ("map", "check"):
        assert knowscape(name, tmp_path / "there").returncode == 0


def test_what_a_killed_writer_left_is_removed_when_it_is_a_day_old(
    url: str, knowscape: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = VectorStore(atlas_path(url))
    run(store)
    left = write_part(store.parts.folder, pa.table({"n": [1]}))
    assert store.parts.unnamed() == []
    monkeypatch.setattr(manifest, "_LOOSE_SECONDS", -60)
    assert [path.name for path in store.parts.unnamed()] == [left.file]
    assert_whole(store)


# Workers that store parts themselves


class OneWorker:
    """An executor around a worker of a cluster, without the cluster."""

    def __init__(self, url: str, twice: bool = False) -> None:
        self.worker = Remote(10**6, 10**6)
        assert not isinstance(self.worker.start(__version__, lambda _: CountingEncoder(), 1, Shelf(url)), str)
        self._twice = twice

    def encode(self, slices: Iterator[Work], *, queries: bool = False) -> Iterator[tuple[int, Encoded]]:
        for work in slices:
            found = self.worker.encode(work, queries, [])
            if self._twice:  # a slice that was handed out again, whose second result came first
                found = self.worker.encode(work, queries, [])
            assert isinstance(found, Encoded)
            assert not found.vectors.size
            yield work.number, found

    def stored(self) -> None:
        """Nothing is let go."""

    def close(self) -> None:
        """Nothing is loaded."""


def test_the_parts_that_workers_store_are_committed_by_the_driver(url: str, tmp_path: Path) -> None:
    store = VectorStore(atlas_path(url))
    assert run(store, executor=OneWorker(url, twice=True)) == Embedded(len(TEXTS), 0, {})
    assert_whole(store)
    assert {part.rows for part in store.parts.parts()} == {SLICE}
    table = store.parts.read()
    assert table is not None
    assert table["id"].to_pylist() == [f"id of {text}" for text in TEXTS]
    assert len(list(store.parts.folder.glob("part-*"))) == len(TEXTS) // SLICE


def test_drivers_with_workers_and_without_write_at_once(url: str) -> None:
    jobs = [OneWorker(url), OneWorker(url), None]
    together(*(lambda job=job: run(VectorStore(atlas_path(url)), executor=job) for job in jobs))
    assert_whole(VectorStore(atlas_path(url)))


def test_a_worker_that_may_not_write_says_so_before_it_gets_work(url: str, server: ObjectServer) -> None:
    server.fail("GET", "refuse", times=99, status="403 Forbidden", body="<Error><Code>AccessDenied</Code></Error>")
    said = Remote(10**6, 10**6).start(__version__, lambda _: CountingEncoder(), 1, Shelf(url))
    assert isinstance(said, str)
    assert "is refused to these credentials (AccessDenied)" in said


# The network and the store's own words


def test_an_answer_that_is_lost_does_not_make_a_second_commit(url: str, server: ObjectServer) -> None:
    server.fail("PUT .*/manifest-", "lose")
    store = VectorStore(atlas_path(url))
    run(store)
    assert_whole(store)
    assert any("manifest-" in line for line in server.requests())


def test_errors_that_pass_are_waited_for(url: str, server: ObjectServer) -> None:
    server.fail("", "refuse", times=5, status="503 Slow Down", body="<Error><Code>SlowDown</Code></Error>")
    store = VectorStore(atlas_path(url))
    run(store)
    assert_whole(store)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "_RETRIES", 2)
    monkeypatch.setattr(objects, "_PAUSE", 0.1)
    objects._connect.cache_clear()


def test_errors_that_stay_end_the_run_and_the_next_one_goes_on(url: str, server: ObjectServer, impatient: None) -> None:
    store = VectorStore(atlas_path(url))
    run(store, TEXTS[:50])
    server.fail("PUT .*/part-", "refuse", times=999, status="500 Oh", body="<Error><Code>InternalError</Code></Error>")
    with pytest.raises(StorageError, match=r"cannot be reached: InternalError\. What was committed stays"):
        run(store)
    name = url.rpartition("/")[2]
    assert len([line for line in server.requests() if line.startswith(f"PUT /maps/{name}/part-")]) == 4 + 3
    server.fail()
    run(store)
    assert_whole(store)


def test_a_store_that_is_gone_is_said_to_be_so(url: str, impatient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    start = time.monotonic()
    with pytest.raises(StorageError, match="cannot be reached"):
        run(VectorStore(atlas_path(url)))
    assert time.monotonic() - start < 20


MOVED = "<Error><Code>AuthorizationHeaderMalformed</Code><Message>'a' is wrong; expecting 'eu-west-1'</Message></Error>"


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        ("400 Bad Request", MOVED, "in another region than AWS_REGION says. Type: export AWS_REGION=eu-west-1"),
        ("301 Moved Permanently", "", "in another region than AWS_REGION says. Type: export AWS_REGION=REGION"),
        ("403 Forbidden", "<Error><Code>InvalidAccessKeyId</Code></Error>", "credentials (InvalidAccessKeyId)"),
        ("501 Not Implemented", "<Error><Code>NotImplemented</Code></Error>", "has no conditional writes"),
    ],
)
def test_what_the_store_refuses_is_told_with_what_to_type(
    url: str, server: ObjectServer, impatient: None, status: str, body: str, says: str
) -> None:
    server.fail("(PUT|GET) ", "refuse", times=999, status=status, body=body)
    with pytest.raises(UsageError, match=re.escape(says)):
        AtlasFolder.create(atlas_path(url))


def test_words_in_a_path_are_not_taken_for_the_stores() -> None:
    url = "s3://maps/redirect-NoSuchBucket-403-501-latest/api/token"
    says = f"Generic S3 error: Error performing GET http://s3/{url[5:]} in 403ms - HTTP error: error sending request"
    assert isinstance(refusal(url, says), StorageError)


def test_a_bucket_that_is_missing_and_credentials_that_are_not_set(
    url: str, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="There is no bucket s3://nowhere at http://127"):
        AtlasFolder.create(atlas_path("s3://nowhere/a.atlas"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9")
    objects._connect.cache_clear()
    with pytest.raises(UsageError, match="no credentials for s3://maps: set AWS_ACCESS_KEY_ID and"):
        AtlasFolder.create(atlas_path(url))


@pytest.mark.parametrize(
    "odd", ["s3://maps", "s3://maps/", "s3://maps/a b", "s3://maps/../x", "s3://m--x-s3/a", "gs://a"]
)
def test_odd_urls_are_refused(odd: str) -> None:
    with pytest.raises(UsageError):
        atlas_path(odd)


def test_a_store_that_ignores_conditions_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = objects._connect("s3://maps")

    class Careless:
        def put(self, key: str, content: Any, mode: str = "overwrite", **how: Any) -> Any:
            return real.put(key, content)

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

    monkeypatch.setattr(objects, "_connect", lambda root: Careless())
    with pytest.raises(UsageError, match="has no conditional writes"):
        AtlasFolder.create(atlas_path(url))


def test_what_needs_files_names_pull(url: str, knowscape: Run, tmp_path: Path) -> None:
    says = rf"{url} is in an object store.* knowscape pull {url} "
    corpus, _ = make_corpus(tmp_path, 4)
    for action in (
        lambda: open_atlas(url), lambda: build(corpus, out=url), lambda: merge([Path(url)], tmp_path / "out"),
    ):  # fmt: skip
        with pytest.raises(KnowscapeError, match=says):
            action()
    done = knowscape("inspect", url, cwd=tmp_path)
    assert done.returncode == 2
    assert re.search(says, done.stderr)


# From there to here


def test_a_pull_goes_on_where_it_was_cut(url: str, server: ObjectServer, impatient: None, tmp_path: Path) -> None:
    folder = AtlasFolder.create(atlas_path(url))
    store = folder.vectors("m", SPEC.fingerprint)
    run(store)
    files = [part.file for part in store.parts.parts()]
    server.fail(f"GET .*{files[-1]}", "refuse", times=99, status="500 Oh", body="")
    with pytest.raises(StorageError):
        pull_url(url, tmp_path / "here")
    assert not (tmp_path / "here" / "atlas.json").exists()
    server.fail()
    pulled = pull_url(url, tmp_path / "here")
    assert pulled.fetched == 1
    assert_whole(AtlasFolder.open(tmp_path / "here").vectors("m", SPEC.fingerprint))
    with pytest.raises(UsageError, match="There is nothing at s3://maps/none"):
        pull_url("s3://maps/none", tmp_path / "none")


def test_what_is_damaged_there_is_named_and_mended_there(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus, _ = make_corpus(tmp_path, 300)
    folder, model = AtlasFolder.create(atlas_path(url)), str(make_model(tmp_path / "tiny"))
    put_corpus(folder, read_corpus(corpus))
    embed_corpus(Atlas(folder), model)
    (store,) = folder.vector_stores()
    path = store.parts.folder / store.parts.parts()[0].file
    for part in store.parts.parts():  # what nothing names, and nothing needs after the repair
        some = store.parts.read_part(part)
        write_part(store.parts.folder, some.set_column(0, "id", some["text_digest"]).slice(0, 10))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    write_atomic(path, lambda file: file.write(content))
    with pytest.raises(DamageError, match=rf"does not have the digest.* Type: knowscape check {url} --repair"):
        pull_url(url, tmp_path / "here")
    assert [fault.path for fault in check_atlas(folder, full=True)] == [path]
    monkeypatch.setattr(manifest, "_LOOSE_SECONDS", -60)
    assert len(leftovers(folder)) == 1
    assert repair(url, models=[model]).faults == []
    assert check_atlas(folder, full=True) == leftovers(folder) == []
    assert pull_url(url, tmp_path / "here").kind == "atlas"
    assert len(rows(tmp_path / "here")) == 300
    assert open_atlas(tmp_path / "here").check(full=True) == []
