"""The land under the points: heights from their density, as `web/src/terrain.ts` makes them, and its colours."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from knowscape.plot.palette import Palette, from_oklab, rgb, to_oklab

__all__ = ["MARGIN", "SUMMIT", "Land", "paint", "raise_land"]

# The grid reaches this far beyond the map's sides, so that coasts close.
MARGIN = 0.25
# The height of the highest place; the sea lies below 0.
SUMMIT = 4.0
_SIZE = 448
# This share of the articles may stand in the water.
_DROWNED = 0.05
_BROAD_SHARE, _BROAD, _RELIEF = 0.3, 3.2, 2.1
# How much of a region's colour the land takes, and how strongly slopes are lit.
_TINT_WIDTH = 1.2
# Smoothing, in grains: of the heights, and further of those whose slopes are lit.
_STEPS, _SOFT = 0.35, 0.75
_TINT, _TINT_NIGHT, _SHADE, _SHADE_NIGHT = 0.34, 0.3, 0.34, 0.75
_LIGHT = np.array([-0.55, 0.65, 0.9]) / np.linalg.norm([-0.55, 0.65, 0.9])
_FLAT = 0.726


@dataclass(frozen=True, slots=True)
class Land:
    """Heights float64[size, size] over the map and its margin, row 0 below; `grain` is the width of the smoothing."""

    heights: NDArray[np.float64]
    grain: float


def raise_land(coordinates: NDArray[np.float32]) -> Land:
    """Return the land of points float32[n, 2] in [0, 1]."""
    count = len(coordinates)
    grain = min(max(1.55 / np.sqrt(count), 0.0088), 0.05)
    raw = _histogram(coordinates)
    density = _blurred(raw, grain) * (1 - _BROAD_SHARE) + _blurred(raw, grain * _BROAD) * _BROAD_SHARE
    relief = _blurred(raw, grain * _RELIEF)
    row, column = _cells(coordinates).T
    coast = max(float(np.quantile(density[row, column], _DROWNED)), 1e-12)
    shore = np.maximum(np.log2(density / coast + 1e-9), -8)
    standing = np.sort(relief[row, column])
    lower = np.interp(relief, standing, np.linspace(0, 1, count)) if count > 1 else np.zeros_like(relief)
    inland = (1 - np.exp(-np.maximum(shore, 0) * 1.1)) * (0.25 + 0.75 * lower) * SUMMIT
    # Ranks of few articles rise in small steps.
    return Land(_blurred(np.where(shore <= 0, shore, inland), grain * _STEPS), grain)


def paint(
    land: Land,
    palette: Palette,
    *,
    tints: tuple[NDArray[np.float32], NDArray[np.int64]] | None,
    size: int,
    night: bool,
) -> NDArray[np.float64]:
    """Return the land's picture float64[size, size, 3], row 0 below.

    `tints` are the points and each one's colour in `palette.regions`, by which the land is tinted.
    """
    heights = _enlarged(land.heights, size, order=3)
    soft = _blurred(land.heights, land.grain * _SOFT)
    rise, slope = (_enlarged(np.asarray(side), size) for side in np.gradient(soft, (1 + 2 * MARGIN) / _SIZE))
    normal = np.stack([-slope * land.grain / 2, -rise * land.grain / 2, np.ones_like(rise)], axis=-1)
    shade = normal @ _LIGHT / np.linalg.norm(normal, axis=-1) - _FLAT
    ground = _mixed(palette.land, palette.upland, np.clip(heights / SUMMIT, 0, 1))
    if tints is not None:
        share = _TINT_NIGHT if night else _TINT
        ground = from_oklab(
            to_oklab(ground) * (1 - share) + _tint(*tints, palette, grain=land.grain, size=size) * share
        )
    ground = np.clip(ground * (1 + shade * (_SHADE_NIGHT if night else _SHADE))[..., None], 0, 1)
    water = _mixed(palette.shelf, palette.sea, np.clip(-heights / 2.6, 0, 1))
    steep = np.hypot(*np.gradient(heights))
    dry = np.clip(heights / np.maximum(steep, 1e-6) + 0.5, 0, 1)[..., None]
    result: NDArray[np.float64] = water + (ground - water) * dry
    return result


def _tint(
    coordinates: NDArray[np.float32], colour: NDArray[np.int64], palette: Palette, *, grain: float, size: int
) -> NDArray[np.float64]:
    """Return the mean colour of the points around each place float64[size, size, 3], in Oklab."""
    coarse = _SIZE // 2
    total, mixed = np.zeros((coarse, coarse)), np.zeros((coarse, coarse, 3))
    for number, shade in enumerate(to_oklab(rgb(palette.regions))):
        raw = _histogram(coordinates[colour == number], coarse)
        # The broad part, much weaker, decides where there are no points.
        share = _blurred(raw, grain * _TINT_WIDTH) + _blurred(raw, grain * 5) * 1e-3
        total += share
        mixed += share[..., None] * shade
    even: NDArray[np.float64] = mixed / np.maximum(total, 1e-12)[..., None]
    return np.stack([_enlarged(channel, size) for channel in np.moveaxis(even, -1, 0)], axis=-1)


def _mixed(low: str, high: str, share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return float64[..., 3], from one colour to another, smoothly."""
    smooth = (share * share * (3 - 2 * share))[..., None]
    return rgb(low) * (1 - smooth) + rgb(high) * smooth


def _cells(coordinates: NDArray[np.float32], size: int = _SIZE) -> NDArray[np.int64]:
    """Return int64[n, 2], each point's row and column."""
    share = (coordinates[:, 1::-1].astype(np.float64) + MARGIN) / (1 + 2 * MARGIN)
    return np.clip((share * size).astype(np.int64), 0, size - 1)


def _histogram(coordinates: NDArray[np.float32], size: int = _SIZE) -> NDArray[np.float64]:
    row, column = _cells(coordinates, size).T
    return np.bincount(row * size + column, minlength=size * size).astype(np.float64).reshape(size, size)


def _blurred(raw: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter

    result: NDArray[np.float64] = gaussian_filter(raw, width / (1 + 2 * MARGIN) * len(raw), mode="nearest", truncate=5)
    return result


def _enlarged(raster: NDArray[Any], size: int, order: Literal[1, 3] = 1) -> NDArray[np.float64]:
    from scipy.ndimage import zoom

    result: NDArray[np.float64] = zoom(raster, size / len(raster), order=order)
    return result
