"""The maps of two models over one corpus, side by side: how far the models agree on what is near what."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from knowscape.atlas import Atlas
from knowscape.corpus.document import Corpus
from knowscape.errors import UsageError
from knowscape.files import write_atomic
from knowscape.maps.alignment import align, rows_of
from knowscape.maps.intervals import Interval, mean_interval
from knowscape.maps.knowledge_map import KnowledgeMap, axes
from knowscape.maps.neighbours import NeighbourGraph, neighbour_graph
from knowscape.maps.quality import overlap

__all__ = ["Comparison", "RegionAgreement", "compare"]

# The nearest articles that are compared, and the fewest articles that the regions of the level shown have on average.
_DEPTH, _FEWEST = 10, 30


@dataclass(frozen=True, slots=True)
class RegionAgreement:
    """A region's label, its number of articles, and how far the models agree on their neighbours."""

    label: str
    articles: int
    agreement: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far two models agree: of each article's ten nearest under the one, the share that the other has, too.

    `agreement` is the mean with its 95 % interval for articles like these, `chance` what random neighbours would give.
    `regions` are those of the first model's map, the most agreeing first.  `displacement` is the median distance
    between an article's two places, with the second map laid over the first, in units of its side.  `table` has a row
    for each article: id, title, region, agreement, x_1, y_1, and x_2, y_2 laid over these.
    """

    models: tuple[str, str]
    agreement: Interval
    chance: float
    displacement: float
    regions: tuple[RegionAgreement, ...]
    table: pa.Table

    def to_json(self) -> dict[str, Any]:
        """Return plain values, without the table."""
        figures = {"chance": self.chance, "displacement": self.displacement}
        regions = [asdict(region) for region in self.regions]
        return {"models": self.models, "agreement": asdict(self.agreement), **figures, "regions": regions}

    def write(self, path: Path) -> None:
        """Write the table as Parquet, or as CSV where the name ends so."""
        kind = path.suffix.lower()
        if kind not in (".parquet", ".csv"):
            raise UsageError(f"{path} is neither .parquet nor .csv. Name the file, for example: -o agreement.parquet")
        if kind == ".csv":
            write_atomic(path, lambda file: pyarrow.csv.write_csv(self.table, file))
        else:
            write_atomic(path, lambda file: pq.write_table(self.table, file, write_page_checksum=True))


def compare(atlas: Atlas, one: str, other: str) -> Comparison:
    """Compare the neighbours and the maps of two models; UsageError where one has no vectors or no map of its own."""
    models = atlas.model(one)[0], atlas.model(other)[0]
    if models[0] == models[1]:
        raise UsageError(f"{one} is compared with itself. There are: {', '.join(atlas.folder.info()['models'])}.")
    maps = atlas.map(one), atlas.map(other)
    corpus = _shown_by_both(atlas, models)
    graphs = [_neighbours(atlas, name, corpus) for name in models]
    if maps[0].dims != maps[1].dims:
        raise UsageError(
            f"The maps of {models[0]} and {models[1]} differ in dimensions: {maps[0].dims}, {maps[1].dims}."
        )
    rows = [_rows(made, name, corpus, atlas) for made, name in zip(maps, models, strict=True)]
    shares = overlap(graphs[0].indices, graphs[1].indices, min(_DEPTH, graphs[0].indices.shape[1]))
    places = [made.coordinates[own] for made, own in zip(maps, rows, strict=True)]
    places[1] = align(places[1], places[0]).laid_over(places[1])
    labels, regions = _regions(maps[0], rows[0], shares)
    return Comparison(
        models,
        agreement=mean_interval(shares),
        chance=min(1.0, _DEPTH / max(1, len(corpus) - 1)),
        displacement=float(np.median(np.linalg.norm(places[1] - places[0], axis=1))),
        regions=regions,
        table=_table(corpus, labels, shares, places),
    )


def _shown_by_both(atlas: Atlas, models: tuple[str, str]) -> Corpus:
    """Return the documents that both models could embed."""
    shared = set(atlas.documents(models[1]).text_digests)
    own = atlas.documents(models[0])
    return own.without(set(own.text_digests) - shared)


def _neighbours(atlas: Atlas, name: str, corpus: Corpus) -> NeighbourGraph:
    """Return the neighbours among the documents of both; those that are stored, unless one model lacks documents."""
    if len(corpus) == len(atlas.documents(name)):
        return atlas.neighbours(name)
    return neighbour_graph(atlas.folder.vectors(*atlas.model(name)).read(corpus.text_digests))


def _rows(made: KnowledgeMap, name: str, corpus: Corpus, atlas: Atlas) -> NDArray[np.int64]:
    """Return the rows that the documents have on a map; UsageError where it lacks some."""
    rows = rows_of(corpus.ids, made.document_ids)
    if (rows < 0).any():
        raise UsageError(
            f"The map of {name} is older than the corpus. Make it anew with: knowscape map {atlas.path} --model {name}"
        )
    return rows


def _regions(
    made: KnowledgeMap, rows: NDArray[np.int64], shares: NDArray[np.float32]
) -> tuple[list[str], tuple[RegionAgreement, ...]]:
    """Return each article's region, of the finest level whose regions are large enough, and the regions' agreement."""
    levels = made.regions.levels
    level = max((n for n, one in enumerate(levels) if len(rows) >= _FEWEST * len(one)), default=0)
    own, names = made.membership[rows, level], [region.label for region in levels[level]]
    sizes = np.bincount(own, minlength=len(names))
    means = np.bincount(own, weights=shares, minlength=len(names)) / np.maximum(1, sizes)
    order = [int(region) for region in np.argsort(-means, kind="stable") if sizes[region]]
    found = tuple(RegionAgreement(names[region], int(sizes[region]), float(means[region])) for region in order)
    return [names[region] for region in own], found


def _table(
    corpus: Corpus, labels: list[str], shares: NDArray[np.float32], places: list[NDArray[np.float32]]
) -> pa.Table:
    columns: dict[str, Any] = {"id": corpus.ids, "title": corpus.titles, "region": labels, "agreement": shares}
    for number, points in enumerate(places, 1):
        columns |= axes(points, f"_{number}")
    return pa.table(columns)
