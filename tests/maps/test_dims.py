"""A map of three dimensions is a whole map, but for the page."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from conftest import Run
from knowscape.atlas import Atlas, open_atlas
from knowscape.build import MapOptions, make_page, map_atlas
from knowscape.errors import UsageError
from knowscape.export import export_atlas
from knowscape.maps.labels import untrue_labels
from knowscape.maps.layout import LayoutOptions
from small_atlas import small_atlas

DEEP = MapOptions(LayoutOptions(dims=3))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    atlas = small_atlas(tmp_path_factory.mktemp("deep") / "small.atlas")
    map_atlas(atlas, DEEP)
    return atlas.path


@pytest.fixture
def atlas(made: Path, tmp_path: Path) -> Atlas:
    return open_atlas(shutil.copytree(made, tmp_path / "small.atlas"))


def test_it_comes_back_whole_with_labels_that_stand_in_space(atlas: Atlas) -> None:
    made = atlas.map()
    assert made.dims == 3
    assert np.ptp(made.coordinates, axis=0).min() > 0.1
    assert len(made.question_region or ()) == 6
    assert all(region.z is not None for level in made.regions.levels for region in level)
    assert list(untrue_labels(made, atlas.neighbours())) == []
    assert atlas.check(full=True) == []
    assert map_atlas(atlas, DEEP).about == made.about


def test_its_table_has_a_third_axis(atlas: Atlas, tmp_path: Path) -> None:
    export_atlas(atlas, "parquet", tmp_path / "deep.parquet")
    table = pq.read_table(tmp_path / "deep.parquet")
    np.testing.assert_array_equal(table["z"].to_numpy(), atlas.map().coordinates[:, 2])
    assert "z_raw" in table.column_names


def test_it_has_no_page_and_no_grid_and_that_is_said(atlas: Atlas, tmp_path: Path) -> None:
    assert not atlas.folder.page().exists()
    with pytest.raises(UsageError, match="two with: knowscape map"):
        make_page(atlas)
    with pytest.raises(UsageError, match="a map of 2 dimensions; this one has 3"):
        export_atlas(atlas, "grid", tmp_path / "grid.json")


def test_the_command_makes_one_and_goes_back(atlas: Atlas, knowscape: Run) -> None:
    flat = knowscape("map", atlas.path, "--json")
    assert flat.returncode == 0, flat.stderr
    assert open_atlas(atlas.path).map().dims == 2
    assert knowscape("page", atlas.path).returncode == 0
    deep = knowscape("map", atlas.path, "--dims", 3, "--json")
    assert deep.returncode == 0, deep.stderr
    assert "is removed: the page shows maps of 2 dimensions" in deep.stderr
    assert json.loads(deep.stdout)["recall"]["10"]["mean"] > 0
    assert open_atlas(atlas.path).map().dims == 3
    refused = knowscape("map", atlas.path, "--method", "mds")
    assert (refused.returncode, "tsne, umap, pacmap" in refused.stderr) == (2, True)
