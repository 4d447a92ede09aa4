"""The data files of the page: the only file that knows their format; `web/src/payload.ts` reads them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from knowscape.page.fields import Field

__all__ = ["PayloadDocuments", "write_payload"]

_FORMAT = 2
_TEXT_BLOCK = 256
_NO_REGION = 65535


@dataclass(frozen=True, slots=True)
class PayloadDocuments:
    """The documents' columns, in the order of the map's points; `near` int32[n, k] are the rows nearest in meaning.

    `fields` are what the page can colour and filter by.
    """

    ids: Sequence[str]
    titles: Sequence[str]
    texts: Sequence[str]
    urls: Sequence[str]
    sources: Sequence[str]
    near: NDArray[np.int32]
    fields: Sequence[Field] = ()


class PlacesLike(Protocol):
    """Where the documents hang in the tree of topics: `nodes` int32[n, k], and `weights` float64[n, k] of sum one."""

    nodes: NDArray[np.int32]
    weights: NDArray[np.float64]


class RegionLike(Protocol):
    """What the page shows of a region."""

    label: str
    x: float
    y: float
    support: int
    purity: float
    parent: int | None


def write_payload(  # noqa: PLR0913 - each is one column or file of the page
    folder: Path,
    *,
    head: Mapping[str, Any],
    documents: PayloadDocuments,
    coordinates: NDArray[np.float32],
    recall: NDArray[np.float32],
    finest_region: NDArray[np.int32],
    levels: Sequence[Sequence[Any]],
    questions: Sequence[Mapping[str, Any]],
    places: PlacesLike | None,
) -> None:
    """Write map.json, points.bin, titles.json, texts/, fields/ and questions.json into `folder`.

    `head` holds title, model, quality, question_region and the quiz's model; `coordinates` are float32[n, 2]
    in [0, 1]; there are `places` where there are questions.
    """
    (folder / "texts").mkdir(parents=True)
    columns = {
        "x": np.round(coordinates[:, 0] * 65535).astype("<u2"),
        "y": np.round(coordinates[:, 1] * 65535).astype("<u2"),
        "recall": np.round(recall * 255).astype("u1"),
        "region": np.minimum(finest_region, _NO_REGION).astype("<u2"),
    }
    if places is not None:
        columns |= {
            "node": places.nodes.astype("<u2" if places.nodes.max(initial=0) < _NO_REGION else "<u4"),
            "weight": np.round(places.weights * 255).astype("u1"),
        }
    content, where = b"", {}
    for name, values in columns.items():
        where[name] = {"type": str(values.dtype), "offset": len(content)}
        if values.ndim > 1:
            where[name]["each"] = values.shape[1]
        content += values.tobytes() + bytes(-values.nbytes % 4)
    (folder / "points.bin").write_bytes(content)
    count = len(documents.titles)
    _dump(
        folder / "titles.json",
        [title or text[:60] for title, text in zip(documents.titles, documents.texts, strict=True)],
    )
    blocks = -(-count // _TEXT_BLOCK)
    for block in range(blocks):
        rows = range(block * _TEXT_BLOCK, min(count, (block + 1) * _TEXT_BLOCK))
        _dump(folder / "texts" / f"{block}.json", [_article(documents, row) for row in rows])
    _dump(folder / "questions.json", list(questions))
    meta = {
        "format": _FORMAT,
        **head,
        "documents": count,
        "levels": [[_region(r) for r in level] for level in levels],
        "fields": _write_fields(folder / "fields", documents.fields),
    }
    meta |= {"columns": where, "text_block": _TEXT_BLOCK, "text_blocks": blocks, "questions": len(questions)}
    _dump(folder / "map.json", meta)


def _article(documents: PayloadDocuments, row: int) -> dict[str, Any]:
    near: list[int] = documents.near[row].tolist()
    columns = {"id": documents.ids, "text": documents.texts, "url": documents.urls, "source": documents.sources}
    return {**{name: column[row] for name, column in columns.items()}, "near": near}


def _write_fields(folder: Path, fields: Sequence[Field]) -> list[dict[str, Any]]:
    """Write each column as its values, and a category's names beside them; return what the page has to know."""
    folder.mkdir()
    told = []
    for number, field in enumerate(fields):
        values = field.values.astype(field.values.dtype.newbyteorder("<"))
        (folder / f"{number}.bin").write_bytes(values.tobytes())
        about: dict[str, Any] = {"name": field.name, "kind": field.kind, "type": str(values.dtype)}
        if field.kind == "category":
            _dump(folder / f"{number}.json", list(field.names))
        else:
            about |= {"low": float(np.nanmin(values)), "high": float(np.nanmax(values))}
        told.append(about | ({"by_year": field.by_year} if field.kind == "date" else {}))
    return told


def _region(region: RegionLike) -> dict[str, Any]:
    return {name: getattr(region, name) for name in ("label", "x", "y", "support", "purity", "parent")}


def _dump(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
