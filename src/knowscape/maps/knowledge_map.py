"""The finished map: places, regions, quality and question region; it computes nothing and is saved whole."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from knowscape.errors import DamageError, Fault
from knowscape.maps.alignment import align, rows_of, starting_places
from knowscape.maps.layout import LayoutOptions, lay_out, normalise
from knowscape.maps.neighbours import NeighbourGraph, nearest
from knowscape.maps.placing import settle
from knowscape.maps.quality import MapQuality, measure, neighbour_recall, question_overlap
from knowscape.maps.regions import Region, Regions, find_regions
from knowscape.progress import SILENT, Progress
from knowscape.store.manifest import PartFolder
from knowscape.store.parts import Part, write_part
from knowscape.store.signed import read_signed, write_signed

__all__ = ["KnowledgeMap", "axes", "make_map", "measured", "question_region"]

# The low corner, then the high one.
Box = tuple[float, ...]
_QUESTION_EDGES = 5
_DEPTH = 10
_AXES = "xyz"


@dataclass(frozen=True, slots=True)
class KnowledgeMap:
    """Rows are the documents, then the questions.

    `coordinates` float32[n + q, dims] in [0, 1], `raw` in the layout's units, `membership` int32[n + q, levels] the
    region of each level (a question's is its nearest article's), `recall_10` float32[n + q] the share of the ten
    true neighbours that the map keeps, `confidence` float32[n + q] how sure the place is of what was added to the
    finished map, NaN for what was laid out, `question_region` its lowest and highest corner, `about` what it was made
    from.
    """

    document_ids: list[str]
    question_ids: list[str]
    coordinates: NDArray[np.float32]
    raw: NDArray[np.float32]
    membership: NDArray[np.int32]
    recall_10: NDArray[np.float32]
    confidence: NDArray[np.float32]
    regions: Regions
    quality: MapQuality
    question_region: Box | None
    about: Mapping[str, Any]

    @property
    def dims(self) -> int:
        """Two or three."""
        return int(self.coordinates.shape[1])

    def save(self, folder: Path) -> None:
        """Write the points as a part, then map.json, which names it, and remove the points before."""
        columns = {f"region_{level + 1}": self.membership[:, level] for level in range(self.membership.shape[1])}
        places = {**axes(self.coordinates), **axes(self.raw, "_raw")}
        kinds = ["document"] * len(self.document_ids) + ["question"] * len(self.question_ids)
        ids = pa.array([*self.document_ids, *self.question_ids], pa.string())
        measures = {"recall_10": self.recall_10, "confidence": self.confidence}
        table = pa.table({"id": ids, "kind": kinds, **places, **columns, **measures})
        part = write_part(folder, table)
        write_signed(
            folder / "map.json",
            {
                "points": asdict(part),
                "about": self.about,
                "quality": self.quality.to_json(),
                "question_region": self.question_region,
                "levels": [[asdict(region) for region in level] for level in self.regions.levels],
            },
        )
        for old in folder.glob("*.parquet"):
            if old.name != part.file:
                old.unlink(missing_ok=True)

    @classmethod
    def load(cls, folder: Path) -> "KnowledgeMap":
        """Return the map that `save` put into `folder`; DamageError where its two files do not agree."""
        remedy = "Make the map anew with: knowscape map ATLAS"
        try:
            head = read_signed(folder / "map.json")
            return cls._from(head, PartFolder(folder).read_part(_points(folder, head)))
        except DamageError as error:
            if error.fault is None:
                raise
            raise DamageError(replace(error.fault, remedy=remedy)) from error
        except (ValueError, KeyError, TypeError, FileNotFoundError) as error:
            raise DamageError(Fault("damaged", folder / "map.json", f"is damaged: {error!r}", remedy)) from error

    @classmethod
    def _from(cls, head: Mapping[str, Any], table: pa.Table) -> "KnowledgeMap":
        levels = tuple(
            tuple(Region(**{**region, "exemplars": tuple(region["exemplars"])}) for region in level)
            for level in head["levels"]
        )
        column = {name: table[name].to_numpy() for name in table.column_names if name not in ("id", "kind")}
        ids: list[Any] = table["id"].to_pylist()
        documents = table["kind"].to_pylist().count("document")
        membership = np.column_stack([column[f"region_{level + 1}"] for level in range(len(levels))])
        region, names = head["question_region"], [axis for axis in _AXES if axis in column]
        return cls(
            document_ids=ids[:documents],
            question_ids=ids[documents:],
            coordinates=np.column_stack([column[axis] for axis in names]),
            raw=np.column_stack([column[f"{axis}_raw"] for axis in names]),
            membership=membership,
            recall_10=column["recall_10"],
            confidence=column.get("confidence", np.full(len(ids), np.nan, np.float32)),
            regions=Regions(levels, membership[:documents]),
            quality=MapQuality.from_json(head["quality"]),
            question_region=tuple(region) if region else None,
            about=head["about"],
        )


def axes(points: NDArray[np.float32], ending: str = "") -> dict[str, NDArray[np.float32]]:
    """Return points [n, dims] by axis: x, y, and z where there is one, each with `ending`."""
    return {f"{axis}{ending}": values for axis, values in zip(_AXES, points.T, strict=False)}


def _points(folder: Path, head: Mapping[str, Any]) -> Part:
    """Return the part with the points that map.json names; in format 1 that is map.parquet."""
    if head["format"] == 1:
        size = (folder / "map.parquet").stat().st_size
        return Part("map.parquet", rows=0, bytes=size, digest=f"sha256:{head['points_sha256']}")
    return Part.of(head["points"])


def make_map(  # noqa: PLR0913 - the one place where everything that makes a map meets
    *,
    vectors: NDArray[np.float32],
    graph: NeighbourGraph,
    question_vectors: NDArray[np.float32] | None,
    document_ids: Sequence[str],
    question_ids: Sequence[str],
    titles: Sequence[str],
    texts: Sequence[str],
    options: LayoutOptions,
    padding: float,
    about: Mapping[str, Any],
    before: KnowledgeMap | None = None,
    progress: Progress = SILENT,
) -> KnowledgeMap:
    """Lay out, name and measure; `vectors` float32[n, d], `question_vectors` float32[q, d].

    Where a map `before`, of as many dimensions, has half of the articles or more, the layout starts from their places
    there, and is turned so that they lie best over each other.
    """
    count = len(vectors)
    wanted = question_vectors if question_vectors is not None else np.empty((0, vectors.shape[1]), np.float32)
    near, _ = nearest(vectors, wanted, _DEPTH) if len(wanted) else (np.empty((0, _DEPTH), np.int32), None)
    rows = rows_of(document_ids, before.document_ids) if before is not None else np.full(count, -1)
    common = rows >= 0
    start = _start(before.raw, rows, graph) if before is not None and 2 * common.sum() >= count else None
    layout = lay_out(vectors, graph, near[:, :_QUESTION_EDGES], options=options, start=start, progress=progress)
    raw = np.concatenate([layout.documents, layout.questions])
    if before is not None and start is not None:
        raw = align(layout.documents[common], before.raw[rows[common]]).turned(raw)
    coordinates = normalise(raw)
    documents, questions = coordinates[:count], coordinates[count:]
    with progress.stage("Regions"):
        regions = find_regions(documents, vectors, graph, titles=titles, texts=texts, seed=options.seed)
    with progress.stage("Quality"):
        quality, recall = measured(vectors, graph, coordinates, near)
    return KnowledgeMap(
        document_ids=list(document_ids),
        question_ids=list(question_ids),
        coordinates=coordinates,
        raw=raw,
        membership=np.concatenate([regions.membership, regions.membership[near[:, 0]]]),
        recall_10=recall,
        confidence=np.full(len(raw), np.nan, np.float32),
        regions=regions,
        quality=quality,
        question_region=question_region(questions, padding) if len(questions) else None,
        about=about,
    )


def _start(places: NDArray[np.float32], rows: NDArray[np.int64], graph: NeighbourGraph) -> NDArray[np.float64]:
    """Return where the articles lie on the map before, float64[n, dims] around 0; those that it lacks, amid them.

    `places` float32[m or more, dims] are that map's, `rows` int64[n] the articles' rows in it, -1 where it lacks them.
    """
    start, new = starting_places(places, rows, graph), np.flatnonzero(rows < 0)
    if len(new):
        start[new] = settle(start.astype(np.float32), new, graph)[0]
    result: NDArray[np.float64] = start - start.mean(axis=0)
    return result


def measured(
    vectors: NDArray[np.float32],
    graph: NeighbourGraph,
    coordinates: NDArray[np.float32],
    near: NDArray[np.int32],
    *,
    sample: int | None = None,
) -> tuple[MapQuality, NDArray[np.float32]]:
    """Return a map's quality, and the share float32[n + q] of the ten true neighbours that each of its rows keeps.

    `vectors` float32[n, d] are those of the articles, `near` int32[q, 10] the questions' nearest articles; `sample`
    articles are measured, None: as many as `measure` chooses.
    """
    documents, questions = coordinates[: len(vectors)], coordinates[len(vectors) :]
    recall = neighbour_recall(graph, documents, [_DEPTH])[_DEPTH]
    overlap = question_overlap(near, questions, documents) if len(questions) else None
    quality = measure(vectors, documents, overlap, sample=sample)
    return quality, np.concatenate([recall, question_overlap(near, questions, documents, k=_DEPTH)])


def question_region(questions: NDArray[np.float32], padding: float = 0.5) -> Box:
    """Return the bounding box of float32[q, dims], each side moved out by `padding` of its size, in [0, 1]."""
    low, high = questions.min(axis=0), questions.max(axis=0)
    margin = np.maximum(padding * (high - low), 0.01)
    low, high = np.clip(low - margin, 0, 1), np.clip(high + margin, 0, 1)
    return tuple(float(value) for value in (*low, *high))
