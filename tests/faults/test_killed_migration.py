"""A change of models that is killed at any step: people search all the time, see no error and no mixture of models."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from drill import WORDS, make_corpus, make_model

from knowscape.atlas import Atlas, open_atlas
from knowscape.build import embed_corpus, put_corpus
from knowscape.corpus.readers import read_corpus
from knowscape.embedding import EmbedOptions
from knowscape.indexing import IndexOptions
from knowscape.search.index import MODES, SearchOptions
from knowscape.store.atlas import AtlasFolder

COUNT = 120
# The process ends itself before the n-th time that it names, links or removes something, as SIGKILL ends it.
CHILD = """
import os, shutil, signal, sys
path, model, other, deadly, back = sys.argv[1:6]
count = 0
def deadly_at(function):
    def called(*arguments, **options):
        global count
        count += 1
        if count == int(deadly):
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return called
for room, name in ((os, "rename"), (os, "replace"), (os, "link"), (shutil, "rmtree"), (os, "fsync")):
    setattr(room, name, deadly_at(getattr(room, name)))
from knowscape.atlas import open_atlas
from knowscape.embedding import EmbedOptions
from knowscape.indexing import IndexOptions
from knowscape.migration import Gate, migrate, roll_back
from knowscape.sites import EmbeddedSite
atlas = open_atlas(path)
options = IndexOptions(embedding=EmbedOptions(cache=False), models=(model, other))
site = EmbeddedSite(atlas.folder, options)
if back == "back":
    roll_back(atlas, site, options=options)
else:
    migrate(atlas, model, site, gate=Gate(force=True), options=options)
print(count)
"""
Answers = dict[tuple[str, str], dict[str, float]]


@dataclass(frozen=True)
class World:
    atlas: Path
    models: tuple[Path, Path]
    old: Answers
    new: Answers
    steps: int


def options(models: tuple[Path, Path]) -> IndexOptions:
    return IndexOptions(embedding=EmbedOptions(cache=False), models=tuple(map(str, models)))


def answers(atlas: Atlas, models: tuple[Path, Path]) -> Answers:
    """Return what is found for each query in each mode, all of it, with the scores."""
    index = atlas.searcher(list(map(str, models)))
    found = {
        (query, mode): {hit.id: round(hit.score, 4) for hit in index.search(query, SearchOptions(COUNT, mode, COUNT))}
        for query in WORDS[:4]
        for mode in MODES
    }
    index.close()
    return found


def migrate(path: Path, models: tuple[Path, Path], deadly: int = 0, back: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", CHILD, path, models[1], models[0], deadly, back]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, env={**os.environ}, check=False)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("migration")
    models = make_model(root / "one"), make_model(root / "other", seed=1)
    texts, _ = make_corpus(root, COUNT)
    folder = AtlasFolder.create(root / "base.atlas")
    put_corpus(folder, read_corpus(texts))
    atlas = Atlas(folder)
    embed_corpus(atlas, str(models[0]), EmbedOptions(cache=False))
    atlas.index(options=options(models))
    old, whole = answers(open_atlas(folder.path), models), root / "whole.atlas"
    shutil.copytree(folder.path, whole)
    done = migrate(whole, models)
    assert done.returncode == 0, done.stderr
    new = answers(open_atlas(whole), models)
    assert all(old[asked] != new[asked] for asked in old if asked[1] != "lexical")
    return World(folder.path, models, old, new, int(done.stdout))


@contextmanager
def searching(atlas: Atlas, world: World) -> Iterator[list[int]]:
    """Search all the time; in the end nothing was an error or a mixture.  Yields how often which model answered."""
    counts, wrong, stop = [0, 0], list[object](), threading.Event()
    index = atlas.searcher(list(map(str, world.models)))

    def search() -> None:
        while not stop.is_set():
            for asked in world.old:
                try:
                    hits = index.search(asked[0], SearchOptions(COUNT, asked[1], COUNT))
                except Exception as error:  # noqa: BLE001 - whatever it is, a reader would have seen it
                    wrong.append(error)
                    return
                found = {hit.id: round(hit.score, 4) for hit in hits}
                if found not in (world.old[asked], world.new[asked]):
                    wrong.append((asked, found))
                counts[found != world.old[asked]] += 1

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        index.close()
        assert wrong == []


def one_drill(world: World, path: Path, deadly: int) -> None:
    shutil.copytree(world.atlas, path)
    atlas = open_atlas(path)
    with searching(atlas, world) as counts:
        killed = migrate(path, world.models, deadly)
        assert killed.returncode == -9, killed.stderr
        assert answers(open_atlas(path), world.models) in (world.old, world.new)
        done = migrate(path, world.models)
        assert done.returncode == 0, done.stderr
        assert answers(open_atlas(path), world.models) == world.new
        for _ in range(1000):
            if counts[1]:
                break
            threading.Event().wait(0.01)
    assert min(counts) > 0
    faults = [str(fault) for fault in open_atlas(path).check(full=True)]
    assert [fault for fault in faults if "index" in fault or "damaged" in fault] == []
    shutil.rmtree(path)


def test_a_migration_that_is_killed_is_continued_while_people_search(world: World, tmp_path: Path) -> None:
    for deadly in range(2, world.steps, max(1, world.steps // 5)):
        one_drill(world, tmp_path / f"{deadly}.atlas", deadly)


@pytest.mark.soak
def test_a_migration_that_is_killed_at_any_step_is_continued_while_people_search(world: World, tmp_path: Path) -> None:
    for deadly in range(1, world.steps + 1):
        one_drill(world, tmp_path / f"{deadly}.atlas", deadly)
    print(f"{world.steps} steps, each killed and continued: no error, no mixture")


@pytest.mark.parametrize("share", [0.3, 0.9, 0.99])
def test_a_rollback_that_is_killed_is_continued(world: World, tmp_path: Path, share: float) -> None:
    shutil.copytree(world.atlas, tmp_path / "a.atlas")
    assert migrate(tmp_path / "a.atlas", world.models).returncode == 0
    atlas = open_atlas(tmp_path / "a.atlas")
    shutil.copytree(tmp_path / "a.atlas", tmp_path / "b.atlas")
    steps = int(migrate(tmp_path / "b.atlas", world.models, back="back").stdout)
    with searching(atlas, world):
        assert migrate(tmp_path / "a.atlas", world.models, 1 + int(share * steps), "back").returncode == -9
        assert answers(open_atlas(tmp_path / "a.atlas"), world.models) in (world.old, world.new)
        done = migrate(tmp_path / "a.atlas", world.models, back="back")
    assert done.returncode == 0, done.stderr
    assert answers(open_atlas(tmp_path / "a.atlas"), world.models) == world.old
