"""The page's typeface, cut to a picture's letters: matplotlib reads neither woff2 nor typefaces that vary."""

import io
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from knowscape.errors import KnowscapeError, MissingExtraError

__all__ = ["FACES", "Face", "typeface"]


@dataclass(frozen=True, slots=True)
class Face:
    """A cut of the typeface: its name in a picture, its weight, and the size in points that it is drawn for."""

    name: str
    weight: float
    optical: float


# A changed font may not bear the name of the one that it was made from (OFL 1.1).
FACES = (
    Face("Knowscape Display", 420, 28), Face("Knowscape Name", 520, 13), Face("Knowscape Text", 600, 9),
    Face("Knowscape Caption", 420, 8),
)  # fmt: skip
# For letters that it lacks: the first comes with matplotlib, of the others those that are there.
_OTHERS = (
    "DejaVu Serif", "DejaVu Sans", "Noto Serif CJK JP", "Noto Sans CJK JP", "Source Han Serif", "Hiragino Mincho ProN",
    "PingFang SC", "Songti SC", "Yu Mincho", "Microsoft YaHei", "Malgun Gothic", "Noto Sans Devanagari",
    "Noto Sans Thai", "Noto Sans Bengali", "Noto Sans Tamil", "Nirmala UI", "Leelawadee UI",
)  # fmt: skip


@contextmanager
def typeface(letters: Mapping[str, str]) -> Iterator[tuple[dict[str, list[str]], dict[str, bytes]]]:
    """Yield the families of each face, by its name, as matplotlib takes them, and the fonts' bytes by family.

    `letters` are those that each face has to have.  The fonts are known to matplotlib within the block.
    MissingExtraError without the extra `plot`.
    """
    try:
        from matplotlib.font_manager import fontManager
    except ImportError as error:
        raise MissingExtraError("A picture", "plot") from error
    fonts = {name: font for face in FACES for name, font in _cuts(face, letters.get(face.name, ""))}
    known, before = {entry.name for entry in fontManager.ttflist}, list(fontManager.ttflist)
    others = [name for name in _OTHERS if name in known]
    with tempfile.TemporaryDirectory(prefix="knowscape-") as folder:
        try:
            for name, font in fonts.items():
                path = Path(folder) / f"{name}.ttf"
                path.write_bytes(font)
                fontManager.addfont(path)
            yield {face.name: [name for name in fonts if name.startswith(face.name)] + others for face in FACES}, fonts
        finally:
            fontManager.ttflist[:] = before


def _cuts(face: Face, letters: str) -> Iterator[tuple[str, bytes]]:
    """Yield a face's fonts, one for each of the page's files that has some of the letters, with their families."""
    files = sorted((Path(__file__).parents[1] / "page" / "dist" / "assets").glob("source-serif-4-*.woff2"))
    if not files:
        raise KnowscapeError("This installation lacks its typeface. Type: pip install --force-reinstall knowscape")
    codes = frozenset(map(ord, letters))
    for path in sorted(files, key=lambda path: len(path.name)):  # Latin, then Latin extended
        name = face.name if "-ext-" not in path.name else f"{face.name} Extended"
        font, found = _cut(path, face, codes, name) if codes else (b"", codes)
        codes -= found
        if font:
            yield name, font


@lru_cache(maxsize=16)
def _cut(path: Path, face: Face, codes: frozenset[int], name: str) -> tuple[bytes, frozenset[int]]:
    """Return a TrueType font of those of these characters that the file has, and which these are."""
    try:
        from fontTools.subset import Options, Subsetter
        from fontTools.ttLib import TTFont
        from fontTools.varLib.instancer import instantiateVariableFont

        font: Any = TTFont(path, recalcTimestamp=False)
    except ImportError as error:  # woff2 is packed with brotli
        raise MissingExtraError("A picture", "plot") from error
    found = codes & set(font.getBestCmap())
    if not found:
        return b"", found
    options = Options(layout_features=["kern", "mark"], notdef_outline=True, name_IDs=["*"])
    options.drop_tables += ["GSUB", "BASE"]  # what else they do no name needs
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=found)
    subsetter.subset(font)
    font = instantiateVariableFont(font, {"wght": face.weight, "opsz": face.optical}, inplace=True)
    for record in list(font["name"].names):
        if record.nameID in (1, 3, 4, 6, 16):
            font["name"].setName(name.replace(" ", "") if record.nameID == 6 else name, record.nameID, 3, 1, 0x409)
    font["OS/2"].usWeightClass, font.flavor = 400, None
    content = io.BytesIO()
    font.save(content)
    return content.getvalue(), found
