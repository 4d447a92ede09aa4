"""A map as a picture for print: land, points by region or by quality, and names as in an atlas."""

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.characters import one_line
from knowscape.errors import UsageError
from knowscape.files import write_atomic
from knowscape.maps.knowledge_map import KnowledgeMap
from knowscape.plot.fonts import typeface
from knowscape.plot.land import MARGIN, Land, paint, raise_land
from knowscape.plot.lettering import Lettering
from knowscape.plot.names import Name, Rect, place_names
from knowscape.plot.palette import DARK, LIGHT, spread
from knowscape.plot.svg import finished
from knowscape.progress import SILENT, Progress

__all__ = ["COLOURS", "FORMATS", "PlotOptions", "plot_map"]

FORMATS = ("png", "svg", "pdf")
COLOURS = ("region", "quality")
_PLANE = 2
_POINTS_PER_MM = 72 / 25.4
# The width that all sizes are given for, in mm.
_USUAL = 180.0
# In points on such a picture: how far texts and names stay from its sides, and the strips of title and scale.
_ROOM, _EDGE, _TITLE, _SCALE = 20.0, 9.0, 34.0, 22.0
# The map's share of room on each side, and how much wider than high a picture may be.
_AROUND, _WIDEST = 0.07, 1.9
# Contours and the lines in the water, in heights of the land.
_CONTOURS, _INDEX, _COAST, _WATER = (
    (0.4, 0.8, 1.2, 1.6, 2.4, 2.8, 3.2, 3.6),
    (2.0,),
    (0.0,),
    (-1.76, -1.11, -0.6, -0.23),
)
_SCALE_TEXTS = ("of its ten nearest neighbours an article keeps", "none", "all")
# So many pixels to a cell of the land do for any width, since it is smooth.
_MOST_PIXELS = 4
# Letters stand where they were measured: hinting would move them.
_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "knowscape", "pdf.fonttype": 42, "image.composite_image": False,
    "text.hinting": "none", "text.hinting_factor": 1,
}  # fmt: skip
# The fields that tell when and by what a file was made, which would make two pictures of one map differ.
_UNDATED: Mapping[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": "Knowscape"},
    "pdf": {"CreationDate": None, "Creator": "Knowscape", "Producer": None},
}


@dataclass(frozen=True, slots=True)
class PlotOptions:
    """What a picture shows: `width` in mm, `dpi` of what is drawn in pixels, names of so many `levels`, coarse first.

    `colour` is region or quality, the share of its ten true neighbours that an article keeps on the map.
    """

    width: float = _USUAL
    dpi: int = 300
    dark: bool = False
    title: str = ""
    levels: int = 2
    colour: str = "region"


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The paper: its size in points, the map's window (in the map's units) that fills it, and the unit of sizes."""

    width: float
    height: float
    window: Rect
    unit: float

    def place(self, points: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return places on the map, float[n, 2], in points from the lower left."""
        scale = self.width / (self.window[2] - self.window[0])
        result: NDArray[np.float64] = (points - np.array(self.window[:2])) * scale
        return result


def plot_map(
    made: KnowledgeMap, out: Path, options: PlotOptions = PlotOptions(), *, progress: Progress = SILENT
) -> list[str]:
    """Write a picture of a map to `out`, PNG, SVG or PDF by its name, and return the names on it, coarse first.

    The same map and options give the same bytes.  Points are pixels in all formats, names text.  Raises UsageError
    for another format or colour, and for a map of three dimensions; MissingExtraError without the extra `plot`.
    """
    form = out.suffix.lower().lstrip(".")
    if form not in FORMATS:
        raise UsageError(f"{out} ends in {out.suffix!r}. Accepted: .{', .'.join(FORMATS)}")
    if options.colour not in COLOURS:
        raise UsageError(f"There is no colour {options.colour!r}. Accepted: {', '.join(COLOURS)}")
    if made.dims != _PLANE:
        raise UsageError(f"A picture shows a map of {_PLANE} dimensions; this one has {made.dims}.")
    drawing = _Drawing(made, options)
    with (
        progress.stage("Picture"),
        typeface(drawing.letters) as (families, fonts),
        warnings.catch_warnings(record=True) as said,
    ):
        warnings.simplefilter("always")
        content, names = drawing.draw(form, families)
    content = finished(content, fonts) if form == "svg" else content
    write_atomic(out, lambda file: file.write(content))
    if any("missing from" in str(one.message) for one in said):
        progress.note("No typeface here has some letters of the names: boxes stand for them. Install the Noto fonts.")
    return names


def _sheet(coordinates: NDArray[np.float32], options: PlotOptions) -> _Sheet:
    """Return the paper: the points with some room around them, not too flat and not too high, and strips for texts."""
    width, unit = options.width * _POINTS_PER_MM, options.width / _USUAL
    low, high = coordinates.min(axis=0).astype(float), coordinates.max(axis=0).astype(float)
    around = np.maximum(_AROUND * (high - low).max(), 0.02)
    low, high = low - around, high + around
    across, up = high - low
    across, up = max(across, up / _WIDEST), max(up, across / _WIDEST)
    middle = (low + high) / 2
    above = _TITLE * unit if options.title else 0.0
    below = _SCALE * unit if options.colour == "quality" else 0.0
    scale = across / width
    left, bottom = middle[0] - across / 2, middle[1] - up / 2 - below * scale
    height = up / scale + above + below
    return _Sheet(width, height, (left, bottom, left + across, bottom + height * scale), unit)


def _counts(made: KnowledgeMap) -> str:
    kept = made.quality.recall[10].mean
    return f"{len(made.document_ids):,} articles · {100 * kept:.0f} % of their ten nearest neighbours kept"


class _Drawing:
    """One picture while it is drawn."""

    def __init__(self, made: KnowledgeMap, options: PlotOptions) -> None:
        count = len(made.document_ids)
        self._made, self._options, self._title = made, options, one_line(options.title)
        self._points, self._membership = made.coordinates[:count], made.membership[:count]
        self._sheet, self._palette = _sheet(self._points, options), DARK if options.dark else LIGHT
        self._levels = made.regions.levels[: options.levels]

    @property
    def letters(self) -> dict[str, str]:
        """All that will be written, by the face that it is written in."""
        labels = "".join(one_line(region.label) for level in self._levels for region in level)
        found = dict.fromkeys(("Knowscape Name", "Knowscape Text"), labels + labels.upper())
        if self._title:
            found |= {"Knowscape Display": self._title, "Knowscape Caption": _counts(self._made)}
        if self._options.colour != "region":
            found["Knowscape Caption"] = found.get("Knowscape Caption", "") + "".join(_SCALE_TEXTS)
        return found

    def draw(self, form: str, families: Mapping[str, list[str]]) -> tuple[bytes, list[str]]:
        """Return the picture, and the names on it."""
        import matplotlib as mpl
        from matplotlib.figure import Figure

        sheet, palette = self._sheet, self._palette
        with mpl.rc_context(_SETTINGS):
            figure = Figure((sheet.width / 72, sheet.height / 72), facecolor=palette.sea)
            axes = figure.add_axes((0, 0, 1, 1), xlim=sheet.window[::2], ylim=sheet.window[1::2])
            axes.set_axis_off()
            self._draw_land(axes)
            self._draw_points(axes)
            lettering = Lettering(figure, families, ink=palette.ink, halo=palette.halo, form=form)
            names = self._place(lettering, [*self._draw_title(lettering), *self._draw_scale(figure, lettering)])
            lettering.names(names)
            content = io.BytesIO()
            figure.savefig(content, format=form, dpi=self._options.dpi, facecolor=palette.sea, metadata=_UNDATED[form])
        return content.getvalue(), [name.text for name in names]

    def _place(self, lettering: Lettering, taken: list[Rect]) -> list[Name]:
        sheet, room = self._sheet, _EDGE * self._sheet.unit
        return place_names(
            self._levels,
            sheet.place(self._points),
            self._membership,
            frame=(room, room, sheet.width - room, sheet.height - room),
            taken=taken,
            unit=sheet.unit,
            measure=lettering.measure,
        )

    def _colours(self) -> NDArray[np.int64]:
        """Return int64[n], which of the regions' colours each point has."""
        own = self._membership[:, 0]
        return spread(self._points, own, len(self._palette.regions))[own]

    def _draw_land(self, axes: Any) -> None:
        palette, land, window = self._palette, raise_land(self._points), self._sheet.window
        tints = (self._points, self._colours()) if self._options.colour == "region" else None
        wanted = (1 + 2 * MARGIN) / (window[2] - window[0]) * self._options.width / 25.4 * self._options.dpi
        size = int(np.clip(wanted, 400, _MOST_PIXELS * len(land.heights)))
        picture = paint(land, palette, tints=tints, size=size, night=self._options.dark)
        extent = (-MARGIN, 1 + MARGIN, -MARGIN, 1 + MARGIN)
        axes.imshow(picture, origin="lower", extent=extent, interpolation="bicubic", aspect="auto", zorder=0)
        axes.set(xlim=window[::2], ylim=window[1::2])
        self._draw_lines(axes, land)

    def _draw_lines(self, axes: Any, land: Land) -> None:
        palette, unit = self._palette, self._sheet.unit
        places = np.linspace(-MARGIN, 1 + MARGIN, 2 * len(land.heights) + 1)[1::2]
        lines: list[tuple[Sequence[float], str, float, float]] = [
            (_CONTOURS, palette.contour, 0.28, 0.5), (_INDEX, palette.contour, 0.45, 0.6),
            (_COAST, palette.coast, 0.6, 0.9),
            *(((level,), palette.coast, 0.28, 0.2 + 0.1 * n) for n, level in enumerate(_WATER)),
        ]  # fmt: skip
        for levels, colour, width, alpha in lines:
            axes.contour(
                places, places, land.heights, levels=levels, colors=colour, linewidths=width * unit, alpha=alpha,
                linestyles="solid", zorder=1,
            )  # fmt: skip

    def _draw_points(self, axes: Any) -> None:
        count, unit, window = len(self._points), self._sheet.unit, self._sheet.window
        # A third of the way to the next point, where they lay evenly; neither dust nor blot.
        apart = self._sheet.width / (window[2] - window[0]) * 0.6 / np.sqrt(count)
        size = float(np.clip(0.38 * apart, 0.42 * unit, 2.9 * unit))
        alpha = float(np.clip(1.35 - 0.19 * np.log10(count), 0.4, 0.9))
        order = np.random.default_rng(0).permutation(count)  # so that no region lies over another
        if self._options.colour == "region":
            colours: dict[str, Any] = {"c": np.array(self._palette.regions)[self._colours()][order]}
        else:
            colours = {"c": self._made.recall_10[:count][order], "cmap": self._scale(), "vmin": 0, "vmax": 1}
        places = self._points[order].T
        axes.scatter(*places, s=size**2, linewidths=0, alpha=alpha, rasterized=True, zorder=2, **colours)

    def _scale(self) -> Any:
        from matplotlib.colors import LinearSegmentedColormap

        return LinearSegmentedColormap.from_list("kept", self._palette.scale)

    def _draw_title(self, lettering: Lettering) -> list[Rect]:
        """Draw the title, and how many articles there are; return what they cover."""
        if not self._title:
            return []
        sheet, unit, under = self._sheet, self._sheet.unit, _counts(self._made)
        wide = lettering.measure(self._title, "Knowscape Display", 17 * unit)
        size = 17 * unit * min(1.0, (sheet.width - 2 * _ROOM * unit) / wide)
        y = sheet.height - (_ROOM + 10.5) * unit
        lettering.write(self._title, _ROOM * unit, y, face="Knowscape Display", size=size)
        y -= 11.5 * unit
        lettering.write(under, _ROOM * unit, y, face="Knowscape Caption", size=7 * unit, alpha=0.75)
        wide = max(wide, lettering.measure(under, "Knowscape Caption", 7 * unit))
        return [(0, y - 3 * unit, _ROOM * unit + wide, sheet.height)]

    def _draw_scale(self, figure: Any, lettering: Lettering) -> list[Rect]:
        """Draw what the colours mean, where they are not those of regions; return what that covers."""
        if self._options.colour == "region":
            return []
        sheet, unit = self._sheet, self._sheet.unit
        left, low, wide, size = _ROOM * unit, 17 * unit, 110 * unit, 6.6 * unit
        place = (left / sheet.width, low / sheet.height, wide / sheet.width, 5 * unit / sheet.height)
        axes = figure.add_axes(place)
        axes.imshow(np.linspace(0, 1, 256)[None], cmap=self._scale(), aspect="auto", interpolation="bilinear")
        axes.set_axis_off()
        says, none, all_ = _SCALE_TEXTS
        lettering.write(says, left, low + 8.5 * unit, face="Knowscape Caption", size=size)
        lettering.write(none, left, low - 7.5 * unit, face="Knowscape Caption", size=size, alpha=0.75)
        right = left + wide - lettering.measure(all_, "Knowscape Caption", size)
        lettering.write(all_, right, low - 7.5 * unit, face="Knowscape Caption", size=size, alpha=0.75)
        return [(0, 0, left + max(wide, lettering.measure(says, "Knowscape Caption", size)), low + 18 * unit)]
