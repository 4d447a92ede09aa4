"""Every label is true, on the sample and on real data, and what is untrue is found."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from conftest import Run
from knowscape.atlas import Atlas, open_atlas
from knowscape.labels import spots
from knowscape.maps.knowledge_map import KnowledgeMap
from knowscape.maps.labels import untrue_labels
from knowscape.maps.regions import Region, Regions, level_sizes
from small_atlas import small_atlas

DATA = Path(os.environ.get("KNOWSCAPE_DATA") or Path(__file__).parents[3] / "shared" / "data")


def _brute_force(atlas: Atlas) -> None:
    """Compare every label with its own articles, one at a time and with no code of the labels' own."""
    made, graph = atlas.map(), atlas.neighbours()
    count = len(made.document_ids)
    places = made.coordinates[:count].astype(np.float64)
    for level, regions in enumerate(made.regions.levels):
        own = made.regions.membership[:, level]
        assert len({region.label for region in regions}) == len(regions)
        for number, region in enumerate(regions):
            members = np.flatnonzero(own == number)
            assert region.support == len(members) > 0
            assert own[region.exemplars[0]] == number
            assert (region.x, region.y) == tuple(places[region.exemplars[0]])
            asked = graph.indices[members, : min(10, len(members) - 1)]
            assert region.purity == pytest.approx(np.isin(asked, members).mean() if asked.size else 1)
            distance = np.hypot(*(places - [region.x, region.y]).T)
            nearest = np.argsort(distance, kind="stable")[: min(10, len(members))]
            assert region.place == pytest.approx(np.isin(nearest, members).mean(), abs=0.11)  # where two are as far
            assert region.place is not None
            assert region.place >= 0.5, region
            if level:
                assert set(made.regions.membership[members, level - 1].tolist()) == {region.parent}


def test_every_label_of_the_sample_is_true(sample_atlas: Path) -> None:
    atlas = open_atlas(sample_atlas)
    sizes = [len(level) for level in atlas.map().regions.levels]
    assert len(sizes) == 4
    assert all(0.7 * wanted <= size <= wanted for size, wanted in zip(sizes, level_sizes(684), strict=True))
    _brute_force(atlas)
    assert list(untrue_labels(atlas.map(), atlas.neighbours())) == []


def _built(knowscape: Run, tmp_path: Path, every: int) -> Atlas:
    source = DATA / "wikipedia-excerpts.parquet"
    if not source.is_file():
        pytest.skip(f"{source} is not there; name the folder that holds it in KNOWSCAPE_DATA")
    table = pq.read_table(source)
    pq.write_table(table.take(np.arange(0, len(table), every)), tmp_path / "articles.parquet")
    done = knowscape("build", tmp_path / "articles.parquet", "-o", tmp_path / "real.atlas", "--json")
    assert done.returncode == 0, done.stderr
    return open_atlas(tmp_path / "real.atlas")


def test_every_label_of_a_map_of_real_articles_is_true(knowscape: Run, tmp_path: Path) -> None:
    atlas = _built(knowscape, tmp_path, every=24)
    assert len(atlas.map().regions.levels) == 4
    _brute_force(atlas)
    assert atlas.check(full=True) == []


@pytest.mark.soak
def test_every_label_of_24_403_real_articles_is_true(knowscape: Run, tmp_path: Path) -> None:
    atlas = _built(knowscape, tmp_path, every=1)
    assert len(atlas.map().regions.levels) == 4
    _brute_force(atlas)
    assert atlas.check(full=True) == []


def _label(made: KnowledgeMap, level: int, **other: object) -> KnowledgeMap:
    """Return the map with the first region of a level changed."""
    levels = list(made.regions.levels)
    levels[level] = (replace(levels[level][0], **other), *levels[level][1:])  # type: ignore[arg-type]
    return replace(made, regions=Regions(tuple(levels), made.regions.membership))


def _first(made: KnowledgeMap, level: int) -> Region:
    return made.regions.levels[level][0]


LIES: dict[str, Callable[[KnowledgeMap], KnowledgeMap]] = {
    "count its own": lambda made: _label(made, 1, support=_first(made, 1).support + 1),
    "are its own articles": lambda made: _label(made, 1, place=0.123),
    "whose purity is": lambda made: _label(made, 1, purity=_first(made, 1).purity + 0.01),
    "where it claims": lambda made: _label(made, 0, x=_first(made, 0).x + 0.01),
    "in its parent": lambda made: _label(made, 1, parent=made.regions.levels[1][0].parent ^ 1),  # type: ignore[operator]
    "stands twice": lambda made: _label(made, 1, label=made.regions.levels[1][1].label),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Atlas:
    return small_atlas(tmp_path_factory.mktemp("labels") / "small.atlas", page=False)


@pytest.mark.parametrize("says", LIES)
def test_each_untrue_claim_is_found_and_named(small: Atlas, says: str) -> None:
    made, graph = small.map(), small.neighbours()
    assert list(untrue_labels(made, graph)) == []
    found = list(untrue_labels(LIES[says](made), graph))
    assert found
    assert any(says in sentence for sentence in found)


def test_a_name_that_stands_above_too_is_found(small: Atlas) -> None:
    made = small.map()
    lie = _label(made, 1, label=made.regions.levels[0][_first(made, 1).parent or 0].label)
    assert any("stands twice" in sentence for sentence in untrue_labels(lie))


def test_a_map_moved_under_its_labels_is_found_by_the_full_check(tmp_path: Path) -> None:
    """What befell the predecessor: the map was made anew, and the labels stayed."""
    atlas = small_atlas(tmp_path / "moved.atlas", page=False)
    made = atlas.map()
    moved = replace(made, coordinates=np.ascontiguousarray(made.coordinates[:, ::-1]))
    moved.save(atlas.folder.map(atlas.model()[0]))
    assert {fault.kind for fault in open_atlas(atlas.path).check(full=True)} == {"labels"}


def test_the_labels_are_shown_with_what_speaks_for_them(knowscape: Run, sample_atlas: Path) -> None:
    found = json.loads(knowscape("labels", sample_atlas, "--json").stdout)["labels"]
    levels = open_atlas(sample_atlas).map().regions.levels
    assert [one["label"] for one in found] == [region.label for level in levels for region in level]
    assert all(one["support"] > 0 and 0 <= one["purity"] <= 1 and len(one["exemplars"]) == 3 for one in found)
    shown = knowscape("labels", sample_atlas, "--level", 1)
    assert shown.returncode == 0
    assert all(region.label in shown.stdout for region in levels[0])
    refused = knowscape("labels", sample_atlas, "--level", 9)
    assert refused.returncode == 2
    assert "to 4" in refused.stderr


def test_verify_says_that_all_labels_are_true_or_exits_with_3(
    knowscape: Run, sample_atlas: Path, tmp_path: Path
) -> None:
    done = knowscape("labels", sample_atlas, "--verify")
    assert done.returncode == 0
    assert "labels are true" in done.stdout
    atlas = small_atlas(tmp_path / "lies.atlas", page=False)
    LIES["whose purity is"](atlas.map()).save(atlas.folder.map(atlas.model()[0]))
    done = knowscape("labels", atlas.path, "--verify", "--json")
    assert done.returncode == 3
    assert "purity" in json.loads(done.stdout)["untrue"][0]


def test_a_spot_check_shows_articles_among_labels_of_their_true_neighbours(sample_atlas: Path, knowscape: Run) -> None:
    atlas = open_atlas(sample_atlas)
    found = spots(atlas, 25, seed=4)
    assert found == spots(atlas, 25, seed=4) != spots(atlas, 25, seed=5)
    made, graph = atlas.map(), atlas.neighbours()
    for one in found:
        row = atlas.documents().ids.index(one["id"])
        for level, (label, theirs) in enumerate(zip(one["labels"], one["neighbours_labels"], strict=True)):
            regions, own = made.regions.levels[level], made.regions.membership[:, level]
            assert regions[own[row]].label == label
            assert sum(theirs.values()) == 10
            assert theirs.get(label, 0) == (own[graph.indices[row, :10]] == own[row]).sum()
    shown = knowscape("labels", sample_atlas, "--spot-check", 3)
    assert (shown.returncode, shown.stderr) == (0, "")


@pytest.mark.parametrize(
    "arguments", [("--verify", "--level", 1), ("--label-url", "http://localhost:1/v1"), ("--label-model", "x")]
)
def test_options_that_do_not_go_together_are_refused(
    knowscape: Run, sample_atlas: Path, arguments: tuple[object]
) -> None:
    done: subprocess.CompletedProcess[str] = knowscape("labels", sample_atlas, *arguments)
    assert done.returncode == 2
    assert "--label-url" in done.stderr
