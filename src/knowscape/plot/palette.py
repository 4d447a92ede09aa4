"""The picture's colours: those of the page, and for regions a set that every eye tells apart."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["DARK", "LIGHT", "Palette", "from_oklab", "rgb", "spread", "to_oklab"]


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours as `#rrggbb`, those of `web/src/styles/base.css`.

    `regions` are as far apart as could be found near seven colours of an atlas, in Oklab, and for eyes that lack one
    kind of cones as well (Machado 2009): 0.12 and 0.11 at the least, where the seven of Okabe and Ito (2008) have 0.08.
    `scale` runs from low to high.
    """

    sea: str
    shelf: str
    land: str
    upland: str
    contour: str
    coast: str
    ink: str
    halo: str
    regions: tuple[str, ...]
    scale: tuple[str, ...]


_REGIONS = ("#ac6723", "#205430", "#2b99cd", "#753081", "#c59609", "#324ed5", "#ec4e91")
_NIGHT_REGIONS = ("#df6d4f", "#b5dfa4", "#45d1f6", "#b472b7", "#fbd009", "#3f9cfe", "#d79ba8")
_KNOWN = ("#484585", "#835a95", "#c27189", "#ea996b", "#f4cf64")
_NIGHT_KNOWN = ("#322a68", "#663e77", "#a0536a", "#c57a4d", "#d5ad46")
LIGHT = Palette(
    "#c3d5d8", "#dbe6e3", "#ced9b8", "#f8f0da", "#9c8a68", "#5d7f8a", "#29251f", "#f8f0da", _REGIONS, _KNOWN
)
DARK = Palette(
    "#0d141a", "#13202a", "#252b2f", "#3a4042", "#5f6a69", "#6d8b99", "#f1eadb", "#14191d", _NIGHT_REGIONS, _NIGHT_KNOWN
)

# Oklab (Ottosson 2020).
_CONES = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]]
)  # fmt: skip
_LAB = np.array(
    [[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.808675766]]
)  # fmt: skip


def rgb(colours: str | tuple[str, ...]) -> NDArray[np.float64]:
    """Return `#rrggbb` as float64[3], or several as float64[n, 3], from 0 to 1."""
    if isinstance(colours, str):
        return np.frombuffer(bytes.fromhex(colours[1:]), np.uint8) / 255
    return np.stack([rgb(colour) for colour in colours])


def to_oklab(colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return float64[..., 3] of sRGB in Oklab, where distances are as they look."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    result: NDArray[np.float64] = np.cbrt(linear @ _CONES.T) @ _LAB.T
    return result


def from_oklab(colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return float64[..., 3] of Oklab in sRGB, cut to what a screen shows."""
    linear = np.clip((colours @ np.linalg.inv(_LAB).T) ** 3 @ np.linalg.inv(_CONES).T, 0, 1)
    result: NDArray[np.float64] = np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055
    )
    return np.clip(result, 0, 1)


def spread(coordinates: NDArray[np.float32], own: NDArray[np.int32], colours: int) -> NDArray[np.int64]:
    """Return int64[regions], a colour for each region, such that no two that lie side by side have the same.

    `own` int32[n] are the points' regions.  On a map six colours always suffice: the region with the fewest neighbours
    is coloured last, and of what is left there is always one with five at most (Matula and Beck 1983).
    """
    beside = _side_by_side(coordinates, own)
    order, left = [], np.ones(len(beside), bool)
    while left.any():
        count = np.where(left, (beside & left).sum(axis=1), len(beside) + 1)
        order.append(int(count.argmin()))
        left[order[-1]] = False
    chosen = np.full(len(beside), -1)
    for region in reversed(order):
        near = np.bincount(chosen[beside[region] & (chosen >= 0)], minlength=colours)
        used = np.bincount(chosen[chosen >= 0], minlength=colours)
        chosen[region] = np.lexsort((used, near))[0]
    return chosen


def _side_by_side(coordinates: NDArray[np.float32], own: NDArray[np.int32], most: int = 20_000) -> NDArray[np.bool_]:
    """Return bool[regions, regions]: which have points that touch by Delaunay's triangles; all where there are none."""
    from scipy.spatial import Delaunay, QhullError

    count, step = int(own.max()) + 1, max(1, len(own) // most)
    beside = np.zeros((count, count), bool)
    try:
        corners = own[::step][Delaunay(coordinates[::step].astype(np.float64)).simplices]
    except (QhullError, ValueError):  # too few points, or all on a line
        beside[:] = True
    else:
        for one in range(3):
            beside[corners[:, one], corners[:, one - 1]] = True
    beside |= beside.T
    np.fill_diagonal(beside, False)
    return beside
