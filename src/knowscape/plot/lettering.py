"""Text on a picture, in points from the lower left: measured, spaced out, with the ground's colour around it."""

from collections.abc import Mapping
from typing import Any

from knowscape.plot.names import Name

__all__ = ["Lettering"]

# How far the halo reaches, in type sizes, and how dense it is: it fades.
_HALO = ((0.24, 0.16), (0.17, 0.24), (0.1, 0.5))


class Lettering:
    """The texts of one figure of matplotlib; `families` are those of `fonts.typeface`, `ink` and `halo` colours."""

    def __init__(self, figure: Any, families: Mapping[str, list[str]], *, ink: str, halo: str, form: str) -> None:
        from matplotlib.transforms import Affine2D

        self._figure, self._families, self._ink, self._halo = figure, families, ink, halo
        self._paper = Affine2D().scale(1 / 72) + figure.dpi_scale_trans
        # Letters moved apart are one text where the format can say so, and drawn one by one elsewhere.
        self._spaces = form == "svg"

    def measure(self, text: str, face: str, size: float) -> float:
        """Return how far a text runs in a face, in points."""
        from matplotlib.textpath import text_to_path

        width: float = text_to_path.get_text_width_height_descent(text, self._properties(face, size), ismath=False)[0]
        return width

    def write(
        self, text: str, x: float, y: float, *, face: str, size: float, alpha: float = 1.0, gid: str = ""
    ) -> None:
        """Write a text from `x` on, on the base line `y`; dollars and backslashes are letters like others."""
        self._figure.text(
            x, y, text, transform=self._paper, fontproperties=self._properties(face, size), color=self._ink,
            alpha=alpha, parse_math=False, gid=gid or None, zorder=5, ha="left", va="baseline",
        )  # fmt: skip

    def names(self, names: list[Name]) -> None:
        """Write names, all halos below all letters."""
        for name in names:
            self._surround(name)
        for number, name in enumerate(names):
            for row, line in enumerate(name.lines):
                gid = f"name-{number}-{row}-{name.tracking:.3f}"
                if self._spaces or not name.tracking:
                    self.write(line.text, line.x, line.y, face=name.face, size=name.size, gid=gid)
                    continue
                for place, letter in enumerate(line.text):
                    x = line.x + self._start(name, line.text, place)
                    self.write(letter, x, line.y, face=name.face, size=name.size, gid=gid)

    def _start(self, name: Name, text: str, place: int) -> float:
        """Return where the letter at `place` begins."""
        before = self.measure(text[:place], name.face, name.size) if place else 0.0
        return before + place * name.tracking * name.size

    def _surround(self, name: Name) -> None:
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path
        from matplotlib.textpath import TextPath

        letters = [
            TextPath(
                (line.x + self._start(name, line.text, place), line.y),
                letter,
                prop=self._properties(name.face, name.size),
            )
            for line in name.lines
            for place, letter in enumerate(line.text)
            if not letter.isspace()
        ]
        outline = Path.make_compound_path(*letters)
        for reach, dense in _HALO:
            halo = PathPatch(
                outline, facecolor="none", edgecolor=self._halo, linewidth=2 * reach * name.size, joinstyle="round",
                capstyle="round", alpha=dense, transform=self._paper, zorder=4,
            )  # fmt: skip
            self._figure.add_artist(halo)

    def _properties(self, face: str, size: float) -> Any:
        from matplotlib.font_manager import FontProperties

        return FontProperties(family=self._families[face], size=size)
