"""The command that draws a map for print."""

from pathlib import Path
from typing import Annotated

import typer

from knowscape.cli.app import AtlasPath, Json, app
from knowscape.cli.output import show

__all__: list[str] = []

Picture = Annotated[Path, typer.Option("-o", "--out", help="The picture to write: .png, .svg or .pdf.")]
Width = Annotated[float, typer.Option(min=40, max=1200, help="Its width in millimetres; all sizes go with it.")]
Dpi = Annotated[int, typer.Option(min=40, max=1200, help="Pixels to the inch; in SVG and PDF, of land and points.")]
Dark = Annotated[bool, typer.Option("--dark", help="By night.")]
Title = Annotated[str, typer.Option(help="A title, and under it how many articles and how true the map.")]
Labels = Annotated[int, typer.Option(min=0, max=8, help="Name the regions of so many levels, from the coarsest.")]
Colour = Annotated[str, typer.Option(help="region, or quality: of its ten nearest, how many each article keeps.")]
Whose = Annotated[str | None, typer.Option(help="Whose map; the last model's by default.")]


@app.command()
def plot(
    atlas: AtlasPath,
    out: Picture,
    width: Width = 180,
    dpi: Dpi = 300,
    dark: Dark = False,
    title: Title = "",
    labels: Labels = 2,
    color: Colour = "region",
    model: Whose = None,
    json: Json = False,
) -> None:
    """Draw the map for print: land, points, and names as in an atlas."""
    from knowscape.atlas import open_atlas
    from knowscape.plot.picture import PlotOptions, plot_map
    from knowscape.progress import progress_for

    options = PlotOptions(width, dpi, dark=dark, title=title, levels=labels, colour=color)
    names = plot_map(open_atlas(atlas).map(model), out, options, progress=progress_for())
    show({"out": str(out), "bytes": out.stat().st_size, "names": names if json else len(names)}, as_json=json)
