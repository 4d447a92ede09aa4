"""A grid over the map: each cell's label, and the articles nearest to its centre."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.maps.names import name_regions
from knowscape.maps.neighbours import NeighbourGraph

__all__ = ["label_grid"]


def label_grid(
    coordinates: NDArray[np.float32],
    vectors: NDArray[np.float32],
    graph: NeighbourGraph,
    *,
    ids: Sequence[str],
    titles: Sequence[str],
    texts: Sequence[str],
    size: tuple[int, int],
) -> list[dict[str, Any]]:
    """Return the cells of a grid over the unit square in the form of ContextLab/mapper's heatmap_cell_labels.json.

    `coordinates` float32[n, 2]; `size` is the number of cells along a side and of articles a cell.  Of a cell, `gx`
    counts from the left and `gy` from below, `count` are the articles in it, `neighbors` those nearest to its centre,
    which may lie outside it.  `label` is made of the articles in the cell alone, and None where there are none.
    """
    side, nearest = size
    cells = _cells_of(coordinates, side)
    filled, own = np.unique(cells, return_inverse=True)
    names = name_regions(own[:, None].astype(np.int32), vectors, graph, titles=titles, texts=texts)[0]
    label = dict(zip(filled.tolist(), names, strict=True))
    counts = np.bincount(cells, minlength=side * side).tolist()
    gy, gx = np.divmod(np.arange(side * side), side)
    centres = (np.column_stack([gx, gy]) + 0.5) / side
    found, distances = _nearest(coordinates, centres, nearest)
    return [
        {
            "gx": int(gx[cell]),
            "gy": int(gy[cell]),
            "center_x": float(centres[cell, 0]),
            "center_y": float(centres[cell, 1]),
            "label": label.get(cell),
            "count": counts[cell],
            "neighbors": [
                {"id": ids[row], "title": titles[row], "distance": distance}
                for row, distance in zip(found[cell].tolist(), distances[cell].tolist(), strict=True)
            ],
        }
        for cell in range(side * side)
    ]


def _cells_of(coordinates: NDArray[np.float32], side: int) -> NDArray[np.int64]:
    """Return int64[n]: the number of each article's cell, row by row from below."""
    places = np.minimum((coordinates.astype(np.float64) * side).astype(np.int64), side - 1)
    return places[:, 1] * side + places[:, 0]


def _nearest(
    coordinates: NDArray[np.float32], centres: NDArray[np.float64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    from scipy.spatial import cKDTree

    wanted = list(range(1, min(count, len(coordinates)) + 1))
    distances, found = cKDTree(coordinates).query(centres, k=wanted, workers=-1)
    return np.asarray(found, np.int64), np.asarray(distances, np.float64)
