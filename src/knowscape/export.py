"""An atlas as one file for other programs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from knowscape.atlas import Atlas
from knowscape.errors import UsageError
from knowscape.files import write_atomic, write_json
from knowscape.maps.grid import label_grid
from knowscape.store.signed import sha256_json

__all__ = ["FORMATS", "GridOptions", "export_atlas"]

_PLANE = 2
FORMATS = ("parquet", "npy", "jsonl", "grid")


@dataclass(frozen=True, slots=True)
class GridOptions:
    """How many cells a grid has along each side, and how many of the nearest articles each cell names."""

    side: int = 40
    nearest: int = 10


def export_atlas(
    atlas: Atlas, form: str, out: Path, *, model: str | None = None, grid: GridOptions = GridOptions()
) -> int:
    """Write `out` and return its rows; beside it, OUT.metadata.json says which model made the vectors, and how.

    parquet and jsonl hold the documents, then the questions; npy the documents' vectors alone.  jsonl has id, embedding
    and model first, then each document's own metadata; where no map was made, it has the documents only, without
    places.  grid is a JSON file with a row for each cell of a grid over the map.  Raises UsageError for an unknown
    format.
    """
    if form not in FORMATS:
        raise UsageError(f"There is no format {form!r}. Accepted: {', '.join(FORMATS)}, html, opensearch.")
    name, _ = atlas.model(model)
    if form == "npy":
        vectors = atlas.vectors(name)
        write_atomic(out, lambda file: np.save(file, vectors, allow_pickle=False))
        rows = len(vectors)
    elif form == "parquet":
        table = atlas.to_table(name)
        write_atomic(out, lambda file: pq.write_table(table, file, compression="zstd", write_page_checksum=True))
        rows = int(table.num_rows)
    elif form == "grid":
        rows = _write_grid(atlas, name, out, grid)
    else:
        rows = _write_lines(atlas, name, out)
    write_json(out.with_name(out.name + ".metadata.json"), {**atlas.how_embedded(name), "num_rows": rows})
    return rows


def _write_grid(atlas: Atlas, name: str, out: Path, grid: GridOptions) -> int:
    documents, made = atlas.documents(name), atlas.map(name)
    if made.dims != _PLANE:
        raise UsageError(f"A grid lies over a map of 2 dimensions; this one has {made.dims}.")
    cells = label_grid(
        made.coordinates[: len(documents)],
        atlas.vectors(name),
        atlas.neighbours(name),
        ids=documents.ids,
        titles=documents.titles,
        texts=documents.texts,
        size=(grid.side, grid.nearest),
    )
    sizes = {"grid_size": grid.side, "num_cells": len(cells), "k_neighbors": grid.nearest}
    write_json(out, {"metadata": {**sizes, "model": name, "map": sha256_json(made.about)}, "cells": cells})
    return len(cells)


def _write_lines(atlas: Atlas, name: str, out: Path) -> int:
    documents = atlas.documents(name)
    if atlas.map_if_any(name) is not None:
        table = atlas.to_table(name)
    else:
        vectors = atlas.vectors(name)
        flat = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
        table = pa.table({"id": documents.ids, "title": documents.titles, "text": documents.texts, "vector": flat})
    own = documents.table["metadata"].to_pylist()

    def write(file: IO[bytes]) -> None:
        for number, row in enumerate(_rows(table)):
            metadata: Mapping[str, Any] = json.loads(own[number]) if number < len(own) else {}
            first = {"id": row.pop("id"), "embedding": row.pop("vector"), "model": name}
            file.write(json.dumps({**first, **metadata, **row, **first}, ensure_ascii=False).encode() + b"\n")

    write_atomic(out, write)
    return int(table.num_rows)


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=1024):
        yield from batch.to_pylist()
