"""A map is never replaced by a clearly worse one of the same articles, unless that is asked for."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from knowscape.atlas import Atlas, open_atlas
from knowscape.build import MapOptions, build, map_atlas, put_questions
from knowscape.corpus.document import Corpus, Document
from knowscape.errors import WorseMapError
from knowscape.maps.intervals import Interval
from knowscape.maps.layout import LayoutOptions
from small_atlas import QUESTIONS, small_atlas

Run = Callable[..., CompletedProcess[str]]
OTHER = MapOptions(LayoutOptions(seed=5))
CUT_SHORT = MapOptions(LayoutOptions(seed=1, early_iterations=0, iterations=0, rounds=0))


def _praise(atlas: Atlas, figure: float = 1.1) -> None:
    """Let the map that is there claim a recall that no map has."""
    made = atlas.map()
    recall = {**made.quality.recall, 10: Interval(figure, figure, figure)}
    quality = dataclasses.replace(made.quality, recall=recall)
    dataclasses.replace(made, quality=quality).save(atlas.folder.map("by-hand"))


def _bytes(atlas: Atlas) -> bytes:
    return (atlas.folder.map("by-hand") / "map.json").read_bytes()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_atlas(tmp_path_factory.mktemp("made") / "small.atlas", page=False).path


@pytest.fixture
def atlas(made: Path, tmp_path: Path) -> Atlas:
    return open_atlas(shutil.copytree(made, tmp_path / "small.atlas"))


def test_a_clearly_worse_map_is_refused_with_both_figures_and_what_to_type(atlas: Atlas) -> None:
    _praise(atlas)
    before = _bytes(atlas)
    with pytest.raises(WorseMapError) as refusal:
        map_atlas(atlas, OTHER)
    assert _bytes(atlas) == before
    assert refusal.value.exit_code == 2
    assert "1.100 (1.100 to 1.100)" in str(refusal.value)
    assert f"knowscape map {atlas.path} --force" in str(refusal.value)


def test_a_layout_that_was_cut_short_is_clearly_worse(atlas: Atlas) -> None:
    with pytest.raises(WorseMapError):
        map_atlas(atlas, CUT_SHORT)


def test_force_replaces_a_better_map(atlas: Atlas) -> None:
    _praise(atlas)
    made = map_atlas(atlas, OTHER, force=True)
    assert made.about["options"]["layout"]["seed"] == 5
    assert open_atlas(atlas.path).map().quality == made.quality


def test_a_map_that_is_as_good_or_better_replaces_the_other(atlas: Atlas) -> None:
    _praise(atlas, 0.05)
    assert map_atlas(atlas, OTHER).about["options"]["layout"]["seed"] == 5


def test_a_map_of_other_questions_is_replaced_whatever_its_figures(atlas: Atlas) -> None:
    _praise(atlas)
    put_questions(atlas.folder, QUESTIONS[:2])
    made = map_atlas(open_atlas(atlas.path), MapOptions())
    assert len(made.question_ids) == 2


def test_the_command_refuses_with_exit_code_2_until_forced(atlas: Atlas, knowscape: Run) -> None:
    _praise(atlas)
    refused = knowscape("map", atlas.path, "--seed", 7)
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert "Traceback" not in refused.stderr
    done = knowscape("map", atlas.path, "--seed", 7, "--force", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["recall"]["10"]["mean"] < 1.1
    assert found["trustworthiness"]["mean"] > 0
    assert found["measured"] == 39


def test_inspect_shows_the_figures_of_the_map_that_is_there(atlas: Atlas, knowscape: Run) -> None:
    found = json.loads(knowscape("inspect", atlas.path, "--json").stdout)
    quality = atlas.map().quality
    assert {key: found[key] for key in quality.to_json()} == json.loads(json.dumps(quality.to_json()))
    assert [len(level) for level in found["regions"]] == [len(level) for level in atlas.map().regions.levels]
    said = knowscape("inspect", atlas.path).stdout
    for what, figure in quality.words().items():
        assert f"{what} " in said
        assert figure in said
    refused = knowscape("inspect", atlas.path, "--limit", 3)
    assert (refused.returncode, "--json" in refused.stderr) == (2, True)


class _Notes:
    """A progress that remembers what it was told."""

    def __init__(self) -> None:
        from knowscape.progress import SILENT

        self.said, self.stage = list[str](), SILENT.stage

    def note(self, message: str) -> None:
        self.said.append(message)


def test_build_keeps_the_better_map_and_says_so_but_not_for_more_articles(small_model: Path, tmp_path: Path) -> None:
    words = ["river", "stone", "violin", "engine", "planet", "bread", "number", "market"]
    documents = [
        Document(f"d{n}", f"The {words[n % 8]} and the {words[n // 8]}, told in {n} words.", f"Text {n}")
        for n in range(60)
    ]
    bad, notes = CUT_SHORT, _Notes()
    first = Corpus.from_documents(documents[:50])
    good = build(first, out=tmp_path / "a.atlas", model=str(small_model)).map()
    again = build(first, out=tmp_path / "a.atlas", model=str(small_model), options=bad, progress=notes).map()
    assert again.about == good.about
    assert any("--force" in line for line in notes.said)
    more = build(Corpus.from_documents(documents), out=tmp_path / "a.atlas", model=str(small_model), options=bad).map()
    assert len(more.document_ids) == 60
    assert more.quality.recall[10].mean < good.quality.recall[10].mean
