"""The grid's labels lie in the cells that they name."""

import json
from pathlib import Path

import numpy as np
import pytest

from conftest import Run
from knowscape.atlas import open_atlas
from knowscape.maps.grid import label_grid
from knowscape.maps.neighbours import neighbour_graph


@pytest.mark.parametrize("side", [1, 5, 40])
def test_a_grid_of_any_size_says_what_lies_in_each_cell(
    knowscape: Run, sample_atlas: Path, tmp_path: Path, side: int
) -> None:
    out = tmp_path / "heatmap_cell_labels.json"
    done = knowscape("export", sample_atlas, "--format", "grid", "--grid", side, "--nearest", 7, "-o", out)
    assert done.returncode == 0, done.stderr
    written = json.loads(out.read_text(encoding="utf-8"))
    assert (written["metadata"]["grid_size"], written["metadata"]["num_cells"]) == (side, side * side)
    atlas = open_atlas(sample_atlas)
    documents = atlas.documents()
    places = atlas.map().coordinates[: len(documents)].astype(np.float64)
    assert sum(cell["count"] for cell in written["cells"]) == len(documents)
    for number, cell in enumerate(written["cells"]):
        assert (cell["gy"], cell["gx"]) == divmod(number, side)
        centre = np.array([cell["center_x"], cell["center_y"]])
        assert centre * side == pytest.approx([cell["gx"] + 0.5, cell["gy"] + 0.5])
        distance = np.hypot(*(places - centre).T)
        assert [one["distance"] for one in cell["neighbors"]] == pytest.approx(np.sort(distance)[:7], abs=1e-6)
        for one in cell["neighbors"]:
            row = documents.ids.index(one["id"])
            assert (one["title"], one["distance"]) == (documents.titles[row], pytest.approx(distance[row], abs=1e-6))


def test_each_cells_label_is_made_of_the_articles_in_it_and_an_empty_cell_has_none() -> None:
    """Every corner speaks of one thing only, and the middle is empty."""
    things = ("lava", "violins", "enzymes", "senates")
    random = np.random.default_rng(2)
    own = np.repeat(np.arange(4), 30)
    points = (np.stack([own % 2, own // 2], axis=1) * 0.8 + random.uniform(0, 0.19, size=(120, 2))).astype(np.float32)
    vectors = (np.eye(4)[own] + random.normal(scale=0.1, size=(120, 4))).astype(np.float32)
    cells = label_grid(
        points,
        vectors,
        neighbour_graph(vectors),
        ids=[str(row) for row in range(120)],
        titles=[f"{things[one].title()} {'abcdefghij'[row % 10]}{'klm'[row % 3]}" for row, one in enumerate(own)],
        texts=[f"This is about {things[one]} and no more." for one in own],
        size=(5, 4),
    )
    for cell in cells:
        inside = [
            row
            for row, place in enumerate(points)
            if (min(4, int(place[0] * 5)), min(4, int(place[1] * 5))) == (cell["gx"], cell["gy"])
        ]
        assert cell["count"] == len(inside)
        if inside:
            assert things[own[inside[0]]].rstrip("s") in cell["label"].lower()
        else:
            assert cell["label"] is None
    assert sum(cell["label"] is not None for cell in cells) == 4
