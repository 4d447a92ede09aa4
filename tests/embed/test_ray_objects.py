"""On a real Ray of two nodes with an S3 beside it: workers store parts, the driver names them, some are killed."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from fakes import SPEC, CountingEncoder, Watched
from nodes import RAY_MARKS, ROWS, TEXTS, two_nodes

from faults.drill import make_corpus, make_model, rows
from knowscape.embed.places import Job
from knowscape.embed.ray_run import RayWorkers
from knowscape.embed.run import Commits, Embedded, Texts, embed
from knowscape.embed.schedule import Patience
from knowscape.embed.worker import Shelf
from knowscape.files import sha256_text
from knowscape.pull.run import pull_url
from knowscape.store import objects
from knowscape.store.objects import atlas_path
from knowscape.store.vectors import VectorStore
from object_server import ObjectServer, object_server

pytest.importorskip("ray", reason="Ray is not installed: pip install 'knowscape[ray]'")

pytestmark = RAY_MARKS
DIGESTS = [sha256_text(text) for text in TEXTS]


@pytest.fixture(scope="module")
def patch() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, patch: pytest.MonkeyPatch) -> Iterator[ObjectServer]:
    with object_server(tmp_path_factory.mktemp("objects")) as made:
        for name, value in made.environment.items():
            patch.setenv(name, value)
        objects._connect.cache_clear()
        yield made
    objects._connect.cache_clear()


@pytest.fixture(scope="module")
def cluster(server: ObjectServer, patch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes which are led to the object store."""
    with two_nodes(patch) as made:
        yield made


def run(address: str, url: str, load: Watched) -> Embedded:
    job = Job(load, CountingEncoder, shelf=Shelf(url))
    with closing(RayWorkers(address, job, patience=Patience(quiet=2))) as executor:
        these, commits = Texts(TEXTS, TEXTS, DIGESTS), Commits(seconds=0.2, slice_rows=ROWS)
        return embed(these, spec=SPEC, executor=executor, store=VectorStore(atlas_path(url)), commits=commits)


def assert_whole(url: str) -> VectorStore:
    """Every text is stored once, with the bytes of a local run."""
    store = VectorStore(atlas_path(url))
    table = store.parts.read(["text_digest"])
    assert table is not None
    assert sorted(table["text_digest"].to_pylist()) == sorted(DIGESTS)
    assert store.read(DIGESTS).tobytes() == CountingEncoder().encode_documents(TEXTS).tobytes()
    assert store.parts.check(full=True) == []
    return store


def until(happens: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_the_command_on_a_cluster_makes_the_atlas_of_a_local_one(
    cluster: Any, tmp_path: Path, knowscape: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    url, (corpus, _) = "s3://maps/there.atlas", make_corpus(tmp_path, 9000)
    command = ("embed", corpus, "--model", make_model(tmp_path / "tiny"), "--no-cache", "--json")
    for options in (["-o", tmp_path / "here"], ["-o", url, "--on", cluster.address]):
        done = knowscape(*command, *options)
        assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    pull_url(url, tmp_path / "pulled")
    found = rows(tmp_path / "pulled")
    assert len(found) == 9000
    assert found == rows(tmp_path / "here")


def test_workers_store_the_parts_and_a_killed_one_costs_a_slice(cluster: Any, tmp_path: Path) -> None:
    url, load = "s3://maps/killed", Watched(tmp_path / "seen", 0.4, deaths=(5,))
    assert run(cluster.address, url, load) == Embedded(len(TEXTS), 0, {})
    store = assert_whole(url)
    assert {part.rows for part in store.parts.parts()} == {ROWS}
    assert sorted(Counter(first for _, first in load.said()).values()) == [1] * (len(TEXTS) // ROWS - 1) + [2]


DRIVER = """
import sys
from pathlib import Path
import test_ray_objects
from fakes import Watched
test_ray_objects.run(sys.argv[1], sys.argv[2], Watched(Path(sys.argv[3]), 0.3))
"""


def test_two_drivers_at_once_of_which_one_is_killed(cluster: Any, tmp_path: Path) -> None:
    """Its workers have stored parts that nothing names; the other goes on, and what they left does no harm."""
    url = "s3://maps/drivers"
    store = VectorStore(atlas_path(url))
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, cluster.address, url, str(tmp_path / "seen")])
    until(lambda: len(store.done()) >= 3 * ROWS)
    found = list[Embedded]()
    other = Thread(target=lambda: found.append(run(cluster.address, url, Watched(tmp_path / "again", 0.02))))
    other.start()
    driver.kill()
    driver.wait()
    other.join()
    assert 0 < found[0].computed <= len(TEXTS) - 3 * ROWS
    assert_whole(url)
    assert run(cluster.address, url, Watched(tmp_path / "third")) == Embedded(0, 0, {})
