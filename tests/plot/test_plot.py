"""A map as a picture for print."""

import json
import re
import struct
import sys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import Run
from knowscape.atlas import open_atlas
from knowscape.errors import MissingExtraError, UsageError
from knowscape.maps.knowledge_map import KnowledgeMap
from knowscape.maps.regions import Region
from knowscape.plot import fonts
from knowscape.plot.land import raise_land
from knowscape.plot.names import overlap, place_names, wrapped
from knowscape.plot.palette import DARK, LIGHT, from_oklab, rgb, spread, to_oklab
from knowscape.plot.picture import FORMATS, PlotOptions, plot_map

SMALL = PlotOptions(width=60, dpi=60, title="A map of “everything”")
# How colours look to eyes that lack one kind of cones (Machado, Oliveira and Fernandes 2009), on linear RGB.
EYES = {
    "all cones": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


@pytest.fixture(scope="module")
def made(sample_atlas: Path) -> KnowledgeMap:
    return open_atlas(sample_atlas).map()


def named(made: KnowledgeMap, names: Sequence[str]) -> KnowledgeMap:
    """Return the map with other names on its coarsest level."""
    first = made.regions.levels[0]
    renamed = tuple(replace(region, label=names[n % len(names)]) for n, region in enumerate(first))
    return replace(made, regions=replace(made.regions, levels=(renamed, *made.regions.levels[1:])))


def texts(path: Path) -> list[str]:
    return [found.text or "" for found in ET.parse(path).getroot().iter("{http://www.w3.org/2000/svg}text")]


@pytest.fixture(scope="module")
def pictures(made: KnowledgeMap, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one picture in each format."""
    folder = tmp_path_factory.mktemp("pictures")
    for form in FORMATS:
        plot_map(made, folder / f"map.{form}", SMALL)
    return folder


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_map_gives_the_same_bytes(made: KnowledgeMap, pictures: Path, tmp_path: Path, form: str) -> None:
    again = tmp_path / f"again.{form}"
    plot_map(made, again, SMALL)
    assert again.read_bytes() == (pictures / f"map.{form}").read_bytes()


def test_the_command_draws_a_picture_as_wide_as_asked(knowscape: Run, sample_atlas: Path, tmp_path: Path) -> None:
    out = tmp_path / "map.png"
    done = knowscape("plot", sample_atlas, "-o", out, "--width", 90, "--dpi", 80, "--labels", 1, "--dark", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    coarsest = {region.label for region in open_atlas(sample_atlas).map().regions.levels[0]}
    assert said["bytes"] == out.stat().st_size
    assert set(said["names"]) == coarsest, "every region of the coarsest level has its name on the map"
    width, height = struct.unpack(">II", out.read_bytes()[16:24])
    assert abs(width - 90 / 25.4 * 80) <= 1
    assert 0.5 * width < height < 2 * width


def test_an_svg_has_its_names_as_text_its_typeface_inside_and_its_points_as_pixels(
    made: KnowledgeMap, pictures: Path
) -> None:
    out = pictures / "map.svg"
    names = [region.label for region in made.regions.levels[0]]
    content = out.read_text(encoding="utf-8")
    written = " ".join(texts(out))
    for name in names:
        assert name.upper() in written
    assert len(texts(out)) > 20
    assert "A map of “everything”" in written
    assert "684 articles" in written
    assert re.search(r'style="letter-spacing: 0\.[2-4]\d*em', content), "wide regions have their names spaced out"
    assert content.count("@font-face") == 4
    families = set(re.findall(r"font-family: '(Knowscape \w+)'", content))
    assert families <= set(re.findall(r"@font-face\{font-family:'([^']+)'", content))
    assert content.count("<image") == 2, "the land and the points"
    assert content.count("<use") < 10, "no point is a shape of its own"


def test_a_pdf_embeds_its_typeface_and_tells_no_date(pictures: Path) -> None:
    content = (pictures / "map.pdf").read_bytes()
    assert content.count(b"/FontFile2") >= 3
    assert b"KnowscapeName" in content
    assert b"/Type3" not in content
    assert b"Date" not in content


def test_no_level_of_names_is_a_map_without_names(made: KnowledgeMap, tmp_path: Path) -> None:
    assert plot_map(made, tmp_path / "map.svg", PlotOptions(width=60, dpi=60, levels=0)) == []
    assert texts(tmp_path / "map.svg") == []


def test_quality_is_told_by_colour_with_a_scale_that_says_so(made: KnowledgeMap, tmp_path: Path) -> None:
    pictures = {}
    for recall in (0.0, 1.0):
        out = tmp_path / f"{recall}.png"
        flat = replace(made, recall_10=np.full_like(made.recall_10, recall))
        plot_map(flat, out, replace(SMALL, colour="quality"))
        pictures[recall] = out.read_bytes()
    assert pictures[0.0] != pictures[1.0]
    plot_map(made, tmp_path / "map.svg", replace(SMALL, colour="quality"))
    assert "of its ten nearest neighbours an article keeps" in texts(tmp_path / "map.svg")


def test_names_are_letters_whatever_they_hold(made: KnowledgeMap, tmp_path: Path) -> None:
    hostile = ["$x^2$ & $5", "<b>bold</b> ]]>", "a\x07b\u202ec", "العربية", "Łódź 日本", "\\frac{1}{2}_^"]
    told: list[str] = []

    class Progress:
        def stage(self, name: str, *, total: int | None = None, done: int = 0) -> object:
            from knowscape.progress import SILENT

            return SILENT.stage(name)

        def note(self, message: str) -> None:
            told.append(message)

    plot_map(named(made, hostile), tmp_path / "map.svg", replace(SMALL, levels=1), progress=Progress())  # type: ignore[arg-type]
    written = " ".join(texts(tmp_path / "map.svg"))
    for name in ("$X^2$ & $5", "<B>BOLD</B> ]]>", "ABC", "العربية", "ŁÓDŹ 日本", "\\FRAC{1}{2}_^"):
        assert name in written
    plot_map(named(made, hostile), tmp_path / "map.pdf", replace(SMALL, levels=1))
    assert len(told) <= 1


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        ("map.gif", SMALL, r"'\.gif'\. Accepted: \.png, \.svg, \.pdf"),
        ("map", SMALL, "Accepted"),
        ("map.png", replace(SMALL, colour="mood"), "'mood'. Accepted: region, quality"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    made: KnowledgeMap, tmp_path: Path, name: str, options: PlotOptions, says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        plot_map(made, tmp_path / name, options)
    assert list(tmp_path.iterdir()) == []


def test_a_map_of_three_dimensions_is_refused(made: KnowledgeMap, tmp_path: Path) -> None:
    deep = replace(made, coordinates=np.column_stack([made.coordinates, made.coordinates[:, 0]]))
    with pytest.raises(UsageError, match="this one has 3"):
        plot_map(deep, tmp_path / "map.png")


@pytest.mark.parametrize("missing", ["matplotlib.font_manager", "fontTools.subset", "brotli"])
def test_without_the_extra_the_error_names_it(
    made: KnowledgeMap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    fonts._cut.cache_clear()
    monkeypatch.setitem(sys.modules, missing, None)
    if missing == "brotli":
        monkeypatch.setattr("fontTools.ttLib.woff2.haveBrotli", False)
    with pytest.raises(MissingExtraError, match=r"knowscape\[plot\]"):
        plot_map(made, tmp_path / "map.png", SMALL)


def test_matplotlib_is_left_as_it_was(made: KnowledgeMap, tmp_path: Path) -> None:
    import matplotlib as mpl
    from matplotlib.font_manager import fontManager

    before = dict(mpl.rcParams), list(fontManager.ttflist)
    plot_map(made, tmp_path / "map.png", SMALL)
    assert (dict(mpl.rcParams), list(fontManager.ttflist)) == before


def measure(text: str, face: str, size: float) -> float:
    return 0.55 * size * len(text)


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000), regions=st.integers(1, 30), levels=st.integers(1, 3), unit=st.sampled_from([0.5, 1.0])
)
def test_names_never_overlap_each_other_or_what_is_taken_or_the_frame(
    seed: int, regions: int, levels: int, unit: float
) -> None:
    random = np.random.default_rng(seed)
    points = random.uniform(0, 400, (300, 2))
    membership = np.column_stack([random.integers(0, regions, 300) for _ in range(levels)]).astype(np.int32)
    membership[:regions] = np.arange(regions)[:, None]
    words = ["stars", "music & painting", "x", "sanitary engineering & cleaning of cities", "Łódź"]
    names = [
        [
            Region(words[(n + level) % 5], 0, 0, int((membership[:, level] == n).sum()), 1.0, (), None)
            for n in range(regions)
        ]
        for level in range(levels)
    ]
    frame, taken = (10.0, 10.0, 390.0, 390.0), [(10.0, 340.0, 200.0, 400.0)]
    placed = place_names(names, points, membership, frame=frame, taken=taken, unit=unit, measure=measure)
    assert placed
    boxes = [name.box for name in placed]
    for number, box in enumerate(boxes):
        assert frame[0] <= box[0] < box[2] <= frame[2]
        assert frame[1] <= box[1] < box[3] <= frame[3]
        assert not any(overlap(box, other, gap=2 * unit) for other in [*boxes[:number], *taken])
    for name in placed:
        for line in name.lines:
            wide = measure(line.text, "", name.size) + name.tracking * name.size * (len(line.text) - 1)
            assert name.box[0] - 1e-6 <= line.x
            assert line.x + wide <= name.box[2] + 1e-6
            assert name.box[1] - 1e-6 <= line.y <= name.box[3]


@given(st.lists(st.sampled_from(["a", "stars", "&", "engineering", "of"]), min_size=1, max_size=9), st.integers(1, 40))
def test_a_name_is_wrapped_without_losing_a_word_or_ending_a_line_with_an_and(words: list[str], widest: int) -> None:
    lines = wrapped(" ".join(words), widest, len)
    assert " ".join(lines).split() == words
    assert len(lines) <= 3
    assert not any(line.endswith("&") for line in lines[:-1])


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(2, 40))
def test_regions_side_by_side_have_different_colours(seed: int, regions: int) -> None:
    """Each region is what lies nearest to its centre, so that all of them are in one piece, as on our maps."""
    random = np.random.default_rng(seed)
    points, centres = random.random((3000, 2)).astype(np.float32), random.random((regions, 2))
    distances = np.linalg.norm(points[:, None] - centres, axis=2)
    own = np.unique(distances.argmin(axis=1), return_inverse=True)[1].astype(np.int32)
    colour = spread(points, own, len(LIGHT.regions))
    near = np.argsort(distances, axis=1)[:, :2]
    close = distances[np.arange(3000), near[:, 1]] - distances[np.arange(3000), near[:, 0]] < 0.004
    label = np.full(regions, -1)
    label[distances.argmin(axis=1)] = own
    for one, two in {tuple(label[pair]) for pair in near[close] if (label[pair] >= 0).all()}:
        both = points[(own == one) | (own == two)]
        if len(both) > 100:
            assert colour[one] != colour[two]


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_every_eye_tells_the_regions_colours_apart(palette: object, eyes: str) -> None:
    colours = rgb(palette.regions)  # type: ignore[attr-defined]
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(EYES[eyes]).T, 0, 1)
    shown = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * np.maximum(seen, 1e-9) ** (1 / 2.4) - 0.055)
    apart = np.linalg.norm(to_oklab(shown)[:, None] - to_oklab(shown), axis=2) + 9 * np.eye(len(colours))
    assert apart.min() > 0.1


def test_colours_are_those_of_the_page() -> None:
    css = (Path(__file__).parents[2] / "web" / "src" / "styles" / "base.css").read_text(encoding="utf-8")
    light, dark = css.split(":root {")[1], css.split(':root[data-theme="dark"] {')[1]
    for palette, text in ((LIGHT, light), (DARK, dark)):
        said = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", text.split("}")[0]))
        for name in ("sea", "shelf", "land", "upland", "contour", "coast", "ink"):
            assert getattr(palette, name) == said[name]
        assert palette.scale == tuple(said[f"known-{step}"] for step in range(5))


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_oklab_leads_back_to_the_same_colour(colour: list[float]) -> None:
    np.testing.assert_allclose(from_oklab(to_oklab(np.array(colour))), colour, atol=1e-6)


def test_most_articles_stand_on_land_and_none_at_the_edge() -> None:
    points = np.random.default_rng(1).normal(0.5, 0.12, (2000, 2)).clip(0, 1).astype(np.float32)
    land = raise_land(points)
    size = len(land.heights)
    row, column = ((points[:, ::-1] + 0.25) / 1.5 * size).astype(int).T
    assert 0.9 < (land.heights[row, column] > 0).mean() < 0.99
    assert max(land.heights[0].max(), land.heights[-1].max(), land.heights[:, 0].max()) < -2.6


@pytest.mark.parametrize("count", [1, 3])
def test_a_map_of_hardly_any_articles_is_drawn(made: KnowledgeMap, tmp_path: Path, count: int) -> None:
    regions = replace(
        made.regions,
        levels=((replace(made.regions.levels[0][0], support=count),),),
        membership=np.zeros((count, 1), np.int32),
    )
    tiny = replace(
        made, document_ids=made.document_ids[:count], coordinates=made.coordinates[:count],
        membership=np.zeros((count, 1), np.int32), recall_10=made.recall_10[:count], regions=regions,
    )  # fmt: skip
    assert len(plot_map(tiny, tmp_path / "map.png", SMALL)) == 1
