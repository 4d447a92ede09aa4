"""On a real Ray of two nodes: the bytes of a local run, whatever befalls workers, nodes and the driver."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from fakes import SPEC, CountingEncoder, Watched
from nodes import IMPATIENT, RAY_MARKS, ROWS, TEXTS, two_nodes

from faults.drill import WORDS, make_model, rows
from knowscape import __version__
from knowscape.embed.executors import Executor, Threads, Work
from knowscape.embed.places import Job, slots
from knowscape.embed.ray_run import RayWorkers
from knowscape.embed.remote import Ready, Remote, least_cosine
from knowscape.embed.run import Commits, Embedded, Texts, embed
from knowscape.embed.schedule import Patience
from knowscape.embed.worker import Encoded
from knowscape.embedding import EmbedOptions, executor_for
from knowscape.encoders.load import EngineOptions, find_model
from knowscape.errors import KnowscapeError, UsageError
from knowscape.files import sha256_text
from knowscape.store.vectors import VectorStore

pytest.importorskip("ray", reason="Ray is not installed: pip install 'knowscape[ray]'")

pytestmark = RAY_MARKS
FIRST = TEXTS[::ROWS]


class Notes:
    """Keeps what is told."""

    def __init__(self) -> None:
        from knowscape.progress import SILENT

        self.lines: list[str] = []
        self.stage = SILENT.stage

    def note(self, message: str) -> None:
        self.lines.append(message)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch, two_nodes(patch) as made:
        yield made


def workers(cluster: Any, load: Watched, notes: Notes | None = None, patience: Patience = Patience()) -> RayWorkers:
    return RayWorkers(cluster.address, Job(load, CountingEncoder), patience=patience, progress=notes or Notes())


def run(executor: Executor, store: VectorStore) -> Embedded:
    these = Texts(TEXTS, TEXTS, [sha256_text(text) for text in TEXTS])
    with closing(executor):
        commits = Commits(seconds=0.2, slice_rows=ROWS)
        return embed(these, spec=SPEC, executor=executor, store=store, commits=commits)


def during(happens: Callable[[], bool]) -> Thread:
    """Try it again and again beside the test until it happens, for at most two minutes."""

    def look() -> None:
        end = time.monotonic() + 120
        while not happens() and time.monotonic() < end:
            time.sleep(0.02)

    thread = Thread(target=look)
    thread.start()
    return thread


def assert_whole(store: VectorStore) -> None:
    """Every text is stored once, with the bytes of a local run."""
    table = store.parts.read(["text_digest"])
    assert table is not None
    digests = [sha256_text(text) for text in TEXTS]
    assert sorted(table["text_digest"].to_pylist()) == sorted(digests)
    assert store.read(digests).tobytes() == CountingEncoder().encode_documents(TEXTS).tobytes()


def test_the_command_on_a_cluster_gives_the_bytes_of_the_local_one(
    cluster: Any, tmp_path: Path, knowscape: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    corpus = tmp_path / "texts.csv"
    lines = [f"{n},{' '.join(WORDS[(n * step) % len(WORDS)] for step in range(1, 9))} {n}" for n in range(9000)]
    corpus.write_text("id,text\n" + "\n".join(lines), encoding="ascii")
    command = ("embed", corpus, "--model", make_model(tmp_path / "tiny"), "--no-cache", "--json")
    for out, options in (("here", []), ("there", ["--on", cluster.door])):
        done = knowscape(*command, "-o", tmp_path / out, *options)
        assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    found = rows(tmp_path / "there")
    assert len(found) == 9000
    assert found == rows(tmp_path / "here")


@pytest.mark.soak
def test_both_workers_compute_and_no_slice_twice(cluster: Any, tmp_path: Path) -> None:
    store, load, notes = VectorStore(tmp_path / "store"), Watched(tmp_path / "seen", 0.02), Notes()
    hold = tmp_path / "seen" / "hold"
    hold.touch()

    def both_began() -> bool:
        if begun := len(load.said()) == 2:
            hold.unlink()
        return begun

    thread = during(both_began)
    assert run(workers(cluster, load, notes), store) == Embedded(len(TEXTS), 0, {})
    thread.join()
    assert_whole(store)
    assert sorted(first for _, first in load.said()) == sorted(FIRST)
    assert len({process for process, _ in load.said()}) == 2
    assert notes.lines == []


def test_a_second_run_has_the_workers_of_the_first(cluster: Any, tmp_path: Path) -> None:
    load = Watched(tmp_path / "seen")
    with closing(workers(cluster, load)) as executor:
        for start in (0, 80):
            work = [
                Work(number, TEXTS[start + ROWS * number :][:ROWS], [], f"{start} {number}") for number in range(10)
            ]
            assert sorted(number for number, _ in executor.encode(work)) == list(range(10))
    assert len({process for process, _ in load.said()}) == 2


def test_killed_workers_are_replaced_and_only_their_slices_computed_again(cluster: Any, tmp_path: Path) -> None:
    # In the seconds of a slice the one before it has come home: a death costs the slice that it meets.
    store, notes = VectorStore(tmp_path / "store"), Notes()
    load = Watched(tmp_path / "seen", 0.4, deaths=(5, 10))
    run(workers(cluster, load, notes), store)
    assert_whole(store)
    # A busy machine may make a healthy worker late, too.
    late = len([line for line in notes.lines if " is late " in line])
    assert len(FIRST) + 2 <= len(load.said()) <= len(FIRST) + 2 + late
    assert len([line for line in notes.lines if " is started anew" in line]) == 2, notes.lines


@pytest.mark.soak
def test_the_slice_of_a_frozen_worker_goes_to_another_and_counts_once(cluster: Any, tmp_path: Path) -> None:
    store, load, notes, frozen = VectorStore(tmp_path / "store"), Watched(tmp_path / "seen", 0.2), Notes(), list[int]()

    def freeze() -> bool:
        if len(load.said()) < 5:
            return False
        frozen.append(load.said()[-1][0])
        os.kill(frozen[0], signal.SIGSTOP)
        return True

    thread = during(freeze)
    try:
        run(workers(cluster, load, notes, IMPATIENT), store)
    finally:
        thread.join()
        for process in frozen:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)
    assert_whole(store)
    late = [line for line in notes.lines if "is late with slice" in line]
    assert late, notes.lines
    assert len(load.said()) <= len(FIRST) + len(late)  # on a busy machine the other may be late, too


@pytest.mark.soak
def test_a_worker_that_comes_back_is_given_work_again(cluster: Any, tmp_path: Path) -> None:
    store, load, notes, frozen = VectorStore(tmp_path / "store"), Watched(tmp_path / "seen", 0.4), Notes(), list[int]()

    def freeze_and_go_on() -> bool:
        if not frozen and len(load.said()) >= 4:
            frozen.append(load.said()[-1][0])
            os.kill(frozen[0], signal.SIGSTOP)
        if frozen and any("is late" in line for line in notes.lines):
            frozen.append(len(load.said()))
            os.kill(frozen[0], signal.SIGCONT)
            return True
        return False

    thread = during(freeze_and_go_on)
    run(workers(cluster, load, notes, IMPATIENT), store)
    thread.join()
    assert_whole(store)
    assert len(load.said()) <= len(FIRST) + len([line for line in notes.lines if "is late" in line])
    assert any("answers again" in line for line in notes.lines), notes.lines
    assert frozen[0] in {process for process, _ in load.said()[frozen[1] :]}


@pytest.mark.soak
def test_a_worker_with_other_vectors_is_named_and_left_out(cluster: Any, tmp_path: Path) -> None:
    store, load, notes = VectorStore(tmp_path / "store"), Watched(tmp_path / "seen", 0.02, first="wrong"), Notes()
    run(workers(cluster, load, notes), store)
    assert_whole(store)
    assert len({process for process, _ in load.said()}) == 1
    assert len(notes.lines) == 1
    assert "is left out: its vectors differ from those computed here: least cosine 0." in notes.lines[0]


@pytest.mark.soak
def test_a_worker_that_cannot_have_the_model_is_named_and_left_out(cluster: Any, tmp_path: Path) -> None:
    store, load, notes = VectorStore(tmp_path / "store"), Watched(tmp_path / "seen", 0.02, first="refuses"), Notes()
    run(workers(cluster, load, notes), store)
    assert_whole(store)
    assert [line.split("is left out: ")[1] for line in notes.lines] == ["the model has another fingerprint."]


@pytest.mark.soak
def test_where_no_host_has_the_model_the_run_ends_and_says_why(cluster: Any, tmp_path: Path) -> None:
    place = make_model(tmp_path / "tiny")
    spec, files = find_model(str(place))
    options = EmbedOptions(on=cluster.address)
    with closing(executor_for(spec, files, options, place=str(place))) as executor:
        assert isinstance(executor, RayWorkers)
        executor._patience = IMPATIENT
        make_model(tmp_path / "other" / "tiny", seed=1)
        (place / "model.safetensors").write_bytes((tmp_path / "other" / "tiny" / "model.safetensors").read_bytes())
        with pytest.raises(
            KnowscapeError, match=r"has had no worker for 1\.0 s.*has the fingerprint .* there, .* here"
        ):
            list(executor.encode([Work(0, ["star"], ["1"], "key")]))


@pytest.mark.soak
def test_a_node_that_joins_gets_work_and_one_that_leaves_is_left_behind(cluster: Any, tmp_path: Path) -> None:
    store, load, notes = VectorStore(tmp_path / "store"), Watched(tmp_path / "seen", 0.02), Notes()
    hold = tmp_path / "seen" / "hold"
    hold.touch()
    thread = Thread(target=run, args=(workers(cluster, load, notes), store))
    thread.start()
    during(lambda: len(load.said()) == 2).join()
    node = cluster.add_node(num_cpus=1)
    during(lambda: len(load.said()) == 3).join()
    assert len({process for process, _ in load.said()}) == 3
    cluster.remove_node(node)
    hold.unlink()
    thread.join()
    assert_whole(store)
    assert len(load.said()) <= len(FIRST) + 1
    assert any(" is gone with its host: " in line for line in notes.lines), notes.lines


DRIVER = """
import sys
from pathlib import Path
import test_ray
from fakes import CountingEncoder, Watched
from knowscape.embed.places import Job
from knowscape.embed.ray_run import RayWorkers
from knowscape.embed.schedule import Patience
from knowscape.store.vectors import VectorStore
address, folder, idle, notes = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), test_ray.Notes()
job = Job(Watched(folder / "seen", 0.3), CountingEncoder, run=folder.name)
workers = RayWorkers(address, job, patience=Patience(idle=idle), progress=notes)
print(test_ray.run(workers, VectorStore(folder / "store")).computed, *notes.lines, sep="\\n")
"""


def driver(cluster: Any, folder: Path, idle: float = 60) -> "subprocess.Popen[str]":
    """Begin a run in a process of its own, as a client of the cluster."""
    paths = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    command = [sys.executable, "-c", DRIVER, cluster.door, str(folder), str(idle)]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths}, stdout=subprocess.PIPE, text=True)


def kill_driver(cluster: Any, folder: Path, idle: float = 60) -> VectorStore:
    """Kill a driver when it has stored three slices; returns the store."""
    store = VectorStore(folder / "store")
    with driver(cluster, folder, idle) as running:
        during(lambda: len(store.done()) >= 3 * ROWS).join()
        running.kill()
    assert 3 * ROWS <= len(store.done()) < len(TEXTS)
    return store


def actors(run: str) -> list[str]:
    import ray

    return [it["name"] for it in ray.util.list_named_actors(all_namespaces=True) if it["name"].startswith(run)]


def test_what_workers_had_when_their_driver_died_is_not_computed_again(cluster: Any, tmp_path: Path) -> None:
    store, load = kill_driver(cluster, tmp_path), Watched(tmp_path / "seen")
    missing = len(TEXTS) - len(store.done())
    with driver(cluster, tmp_path) as running:
        said = running.communicate(timeout=120)[0].splitlines()
    assert said[0] == str(missing)
    assert len([line for line in said if " has lost its driver and goes on; it has " in line]) == 2, said
    assert_whole(store)
    assert sorted(first for _, first in load.said()) == sorted(FIRST)
    assert len({process for process, _ in load.said()}) == 2
    during(lambda: not actors(tmp_path.name)).join()
    assert actors(tmp_path.name) == []


def test_workers_whose_driver_does_not_come_back_end_by_themselves(cluster: Any, tmp_path: Path) -> None:
    kill_driver(cluster, tmp_path, idle=2)
    assert len(actors(tmp_path.name)) == 2
    during(lambda: not actors(tmp_path.name)).join()
    assert actors(tmp_path.name) == []


def test_workers_whose_driver_is_gone_make_room_for_those_of_another(cluster: Any, tmp_path: Path) -> None:
    kill_driver(cluster, tmp_path)
    store, load, notes = VectorStore(tmp_path / "other"), Watched(tmp_path / "other seen", 0.02), Notes()
    assert run(workers(cluster, load, notes, Patience(quiet=1)), store).computed == len(TEXTS)
    assert_whole(store)
    assert notes.lines == ["2 workers of other commands are there; they go if their command has ended."]
    assert actors(tmp_path.name) == []


def test_workers_whose_driver_is_there_stay_where_another_waits(cluster: Any, tmp_path: Path) -> None:
    """One computes for long, and one has nothing to do."""
    load, hold, patience = Watched(tmp_path / "seen", 0.02), tmp_path / "seen" / "hold", Patience(quiet=3)
    hold.touch()
    with closing(workers(cluster, load, patience=patience)) as first:
        one = Thread(target=lambda: list(first.encode([Work(0, TEXTS[:ROWS], [], "0")])))
        one.start()
        during(lambda: len(load.said()) == 1).join()
        store, other = VectorStore(tmp_path / "other"), Watched(tmp_path / "other seen", 0.02)
        two = Thread(target=run, args=(workers(cluster, other, patience=patience), store))
        two.start()
        time.sleep(8)
        assert len(actors("")) == 4
        assert other.said() == []
        hold.unlink()
        one.join()
    two.join()
    assert_whole(store)
    assert len(load.said()) == 1


def test_workers_in_places_that_the_run_has_no_more_are_ended(cluster: Any, tmp_path: Path) -> None:
    import ray

    there = {"name": f"{tmp_path.name} another 0 1 0", "namespace": "knowscape", "lifetime": "detached", "num_cpus": 1}
    ray.remote(Remote).options(**there).remote(600, 600)
    store, load = VectorStore(tmp_path / "store"), Watched(tmp_path / "seen", 0.02)
    run(RayWorkers(cluster.address, Job(load, CountingEncoder, run=tmp_path.name)), store)
    assert_whole(store)
    assert actors(tmp_path.name) == []


def test_a_worker_keeps_its_results_until_they_are_stored() -> None:
    worker, work = Remote(10**6, 10**6), [Work(n, [f"text {n}"], [str(n)], f"key {n}") for n in range(3)]
    assert isinstance(worker.start(__version__, lambda _: CountingEncoder(), 1), Ready)
    for item, stored in zip(work, ([], [], ["key 0"]), strict=True):
        assert isinstance(worker.encode(item, False, stored), Encoded)
    again = worker.start(__version__, lambda _: pytest.fail("the model is there"), 1)
    assert isinstance(again, Ready)
    assert list(again.held) == ["key 1", "key 2"]
    assert again.held["key 2"].vectors.tobytes() == CountingEncoder().encode_documents(["text 2"]).tobytes()


def test_nothing_to_do_starts_no_worker() -> None:
    assert list(RayWorkers("ray://nowhere:1", Job(Watched, Threads)).encode([])) == []  # type: ignore[arg-type]


def test_a_place_on_one_host_is_refused_for_a_cluster(tmp_path: Path) -> None:
    spec, files = find_model(str(make_model(tmp_path / "tiny")))
    with pytest.raises(UsageError, match="'cuda:1' cannot be chosen: use cuda"):
        executor_for(spec, files, EmbedOptions(EngineOptions("cuda:1"), on="auto"), place="tiny")


@pytest.mark.parametrize(
    ("offered", "workers", "gpus", "found"),
    [
        ({"CPU": 16, "GPU": 2}, None, True, [(8, 1), (8, 1)]),
        ({"CPU": 16, "GPU": 2}, 3, True, [(5, 0.5)] * 3),
        ({"CPU": 16, "GPU": 2}, None, False, [(16, 0)]),
        ({"CPU": 4}, None, True, [(4, 0)]),
        ({"CPU": 4}, 3, True, [(1, 0)] * 3),
        ({"CPU": 2}, 5, True, [(1, 0)] * 2),
        ({"GPU": 1}, None, True, [(0, 1)]),
        ({"memory": 9}, None, True, []),
    ],
)
def test_a_host_has_a_worker_for_each_gpu_or_one_for_its_cores(
    offered: dict[str, float], workers: int | None, gpus: bool, found: list[tuple[int, float]]
) -> None:
    node = {"NodeID": "abcdef", "NodeManagerAddress": "10.0.0.7", "Resources": offered}
    places = slots(node, Job(Watched, CountingEncoder, workers, gpus))  # type: ignore[arg-type]
    assert [(slot.cores, slot.gpus) for slot in places] == found


def test_the_least_cosine_knows_zero_vectors_other_shapes_and_no_numbers() -> None:
    here = np.array([[1, 0], [0, 2], [0, 0]], np.float32)
    assert least_cosine(here, 3 * here) == 1
    assert least_cosine(here, here[:, ::-1].copy()) == 0
    assert least_cosine(here, here[:2]) == 0
    assert not least_cosine(here, here * np.float32("nan")) >= 0.999


def test_a_worker_of_another_version_says_so() -> None:
    assert Remote(10**6, 10**6).start("0.0.9", Watched, 1) == f"it has Knowscape {__version__}, and not 0.0.9"  # type: ignore[arg-type]
