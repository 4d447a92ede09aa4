"""Atlases from elsewhere: links that lead out, manifests that name what is not theirs, vectors that are none."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from knowscape.corpus.document import Corpus, Document
from knowscape.store.atlas import AtlasFolder
from knowscape.store.parts import write_part

__all__ = ["ATLASES", "good_atlas"]

Make = Callable[[Path, str], None]
NAME, FINGERPRINT, DIMENSION = "model", "0123456789abcdef", 8


def good_atlas(path: Path) -> Path:
    """Make an atlas of three documents with vectors of eight dimensions."""
    folder = AtlasFolder.create(path)
    corpus = Corpus.from_documents(Document(f"../../{n}", f"text {n}", f"title {n}") for n in range(3))
    with folder.corpus.writing() as writer:
        writer.replace(corpus.table, {"kind": "corpus", "digest": corpus.digest})
    vectors = np.eye(3, DIMENSION, dtype=np.float32)
    about = {"spec": {"dimension": DIMENSION}, "fingerprint": FINGERPRINT, "dimension": DIMENSION, "normalised": True}
    with folder.vectors(NAME, FINGERPRINT).writing(about) as append:
        append(corpus.ids, corpus.text_digests, vectors)
    folder.update({"corpus": corpus.digest, "documents": 3, "models": {NAME: FINGERPRINT}, "model": NAME})
    return path


def _vectors(atlas: Path) -> Path:
    return next((atlas / "vectors").iterdir())


def _manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Write a next manifest with a digest that is right, as anybody can."""
    old = max(folder.glob("manifest-*.json"))
    body = {key: value for key, value in json.loads(old.read_text()).items() if key != "sha256"}
    change(body)
    digest = hashlib.sha256(json.dumps(body, ensure_ascii=False, sort_keys=True).encode()).hexdigest()
    (folder / "manifest-99.json").write_text(json.dumps({**body, "sha256": digest}))


def _part(**changes: object) -> Make:
    return lambda atlas, _: _manifest(atlas / "corpus", lambda body: body["parts"][0].update(changes))


def _table(vector: Callable[[list[str]], pa.Table]) -> Make:
    def make(atlas: Path, _: str) -> None:
        folder = _vectors(atlas)
        digests = [hashlib.sha256(f"text {n}".encode()).hexdigest() for n in range(3)]
        part = write_part(folder, vector(digests))
        fields = {"file": part.file, "rows": part.rows, "bytes": part.bytes, "digest": part.digest}
        _manifest(folder, lambda body: body.update(parts=[fields]))

    return make


def _column(values: Any, dimension: int = DIMENSION) -> Make:
    return _table(
        lambda digests: pa.table(
            {"text_digest": digests, "vector": pa.FixedSizeListArray.from_arrays(pa.array(values), dimension)}
        )
    )


def _filled(value: float) -> Make:
    return _column(np.full(3 * DIMENSION, value, np.float32))


def _of_type(column: Callable[[], pa.Array]) -> Make:
    return _table(lambda digests: pa.table({"text_digest": digests, "vector": column()}))


def _link(place: str, target: str) -> Make:
    def make(atlas: Path, mark: str) -> None:
        path = next(atlas.glob(place)) if "*" in place else atlas / place
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target.replace("MARK", mark))

    return make


def _pipe(place: str) -> Make:
    return lambda atlas, _: os.mkfifo(atlas / place)


def _info(change: dict[str, object]) -> Make:
    def make(atlas: Path, _: str) -> None:
        path = atlas / "atlas.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **change}))

    return make


def _text(place: str, content: str) -> Make:
    return lambda atlas, _: (atlas / place).write_text(content) and None


ATLASES: dict[str, Make] = {
    "part-is-a-link": _link("corpus/part-*.parquet", "/etc/passwd"),
    "part-is-a-device": _link("corpus/part-*.parquet", "/dev/zero"),
    "vectors-are-a-link": _link("vectors", "/etc"),
    "manifest-is-a-link": _link("corpus/manifest-1.json", "/etc/passwd"),
    "lock-is-a-link": _link("corpus/.lock", "MARK"),
    "description-is-a-link": _link("atlas.json", "/etc/passwd"),
    "map-is-a-link": _link("maps/model", "/etc"),
    "page-is-a-link": _link("page", "/etc"),
    "questions-are-a-link": _link("questions/questions.json", "/etc/passwd"),
    "corpus-is-a-link": _link("corpus", "../../.."),
    "quarantine-is-a-link": _link("vectors/quarantine.json", "/dev/zero"),
    "manifest-is-a-pipe": _pipe("corpus/manifest-99.json"),
    "lock-is-a-pipe": _pipe("corpus/.lock-host"),
    "part-that-climbs": _part(file="../../../../etc/passwd"),
    "part-that-is-absolute": _part(file="/dev/zero", bytes=0, rows=0),
    "part-that-is-no-name": _part(file=["x"]),
    "part-of-less-than-no-bytes": _part(bytes=-1),
    "part-of-many-rows": _part(rows="1" * 100),
    "part-with-more-fields": _part(evil=1),
    "parts-that-are-no-list": lambda atlas, _: _manifest(atlas / "corpus", lambda body: body.update(parts=7)),
    "about-that-is-no-object": lambda atlas, _: _manifest(atlas / "corpus", lambda body: body.update(about=[1])),
    "manifest-so-deep": _text("corpus/manifest-99.json", "[" * 100_000),
    "manifest-of-a-large-number": _text(f"corpus/manifest-{'9' * 200}.json", "{}"),
    "manifest-of-a-larger-number": _text("corpus/manifest-\u0661.json", "{}"),
    "description-so-deep": _text("atlas.json", "[" * 100_000),
    "description-with-a-long-number": _text("atlas.json", '{"format": ' + "9" * 9999 + "}"),
    "description-of-a-later-format": _info({"format": 10**9}),
    "description-with-a-string-as-format": _info({"format": "1"}),
    "models-that-are-a-list": _info({"models": ["x"]}),
    "fingerprint-that-climbs": _info({"models": {"model": "../../../../../x"}}),
    "fingerprint-that-is-a-number": _info({"models": {"model": 7}}),
    "model-that-climbs": _info({"models": {"../../x": FINGERPRINT}, "model": "../../x"}),
    "model-that-is-a-list": _info({"model": ["x"]}),
    "vectors-of-no-dimension": _of_type(lambda: pa.array([[], [], []], pa.list_(pa.float32(), 0))),
    "vectors-of-another-dimension": _column(np.zeros(3 * 5, np.float32), 5),
    "vectors-not-finite": _filled(float("nan")),
    "vectors-infinite": _filled(float("inf")),
    "vectors-of-1e38": _filled(1e38),
    "vectors-of-words": _of_type(lambda: pa.array([["a"] * 8] * 3, pa.list_(pa.string(), 8))),
    "vectors-of-whole-numbers": _column(np.arange(24)),
    "vectors-of-several-lengths": _of_type(lambda: pa.array([[1.0], [1.0, 2.0], []], pa.list_(pa.float32()))),
    "vectors-with-gaps": _of_type(lambda: pa.array([[1.0] * 8, None, [1.0] * 8], pa.list_(pa.float32(), 8))),
    "vectors-with-gaps-within": _of_type(lambda: pa.array([[1.0, None] * 4] * 3, pa.list_(pa.float32(), 8))),
    "vectors-that-are-a-number": _of_type(lambda: pa.array([1.0, 2.0, 3.0])),
    "vectors-without-their-column": _table(lambda digests: pa.table({"text_digest": digests})),
    "vectors-of-a-billion-dimensions": _of_type(lambda: pa.nulls(3, pa.null()).cast(pa.list_(pa.float32(), 10**9))),
    "dimension-of-a-billion": lambda atlas, _: _manifest(
        _vectors(atlas), lambda body: body["about"].update(dimension=10**9)
    ),
    "dimension-that-is-a-word": lambda atlas, _: _manifest(
        _vectors(atlas), lambda body: body["about"].update(dimension="x")
    ),
}
