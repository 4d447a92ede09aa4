"""Compressed vectors that can be searched: calibrated on a sample, encoded, ranked by their codes, kept in one file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.errors import DamageError, UsageError
from knowscape.files import digester, storing, write_atomic
from knowscape.search.calibration import calibrate, reduced, shapes
from knowscape.search.codes import Codes, Numbers, Signs
from knowscape.search.compression import Compression

__all__ = ["Compressed", "compress"]

Floats = NDArray[np.float32]
# Rows that a calibration is made from, and rows that are encoded at a time.
_SAMPLE, _BLOCK = 1 << 15, 1 << 16
_ABOUT = "knowscape"
_KINDS = {"compression": str, "dimension": int, "normalised": bool, "calibrated_on": int, "digest": str}


class Compressed:
    """Codes, row i being the i-th vector that was added, and the `calibration` that made them, float32 by name.

    What is approximated is the dot product: the cosine, where vectors are `normalised`.  `calibrated_on` says how many
    vectors the calibration saw; where far more were added since, fit anew.
    """

    def __init__(
        self,
        compression: Compression,
        calibration: Mapping[str, Floats],
        dimension: int,
        *,
        normalised: bool,
        calibrated_on: int,
    ) -> None:
        self.compression, self.calibration, self.dimension = compression, dict(calibration), dimension
        self.normalised, self.calibrated_on = normalised, calibrated_on
        width = compression.width(dimension)
        # PCA takes the mean away from vectors; queries keep it, so that what is approximated stays the dot product.
        self._mean = self.calibration.get("pca_mean", np.zeros(dimension, np.float32))
        self._shift = self.calibration["pca_matrix"] @ self._mean if self._centres else np.zeros(width, np.float32)
        self._codes: Codes
        if compression.codec == "binary":
            self._codes = Signs(self.calibration, self.calibration["binary_threshold"] + self._shift)
        else:
            self._codes = Numbers(compression.codec, width, self.calibration)

    @classmethod
    def fit(cls, compression: Compression, vectors: Floats, *, normalised: bool = True) -> "Compressed":
        """Return an empty one that is calibrated on at most 32,768 of `vectors` float32[n, d], drawn at random.

        The same vectors give the same calibration.  UsageError where the compression wants more dimensions than d.
        """
        rows, dimension = vectors.shape
        compression.width(dimension)
        if rows > _SAMPLE:
            vectors = vectors[np.sort(np.random.default_rng(0).choice(rows, _SAMPLE, replace=False))]
        calibration = calibrate(compression, np.asarray(vectors, np.float32), normalised=normalised)
        return cls(compression, calibration, dimension, normalised=normalised, calibrated_on=len(vectors))

    def __len__(self) -> int:
        return len(self._codes)

    @property
    def _centres(self) -> bool:
        return "pca_mean" in self.calibration

    @property
    def codes(self) -> NDArray[np.uint8]:
        """All codes, uint8[n, bytes of one]: a copy."""
        return self._codes.read()

    @property
    def bytes(self) -> int:
        """What codes and calibration take."""
        return self._codes.bytes + sum(values.nbytes for values in self.calibration.values())

    def predicted_bytes(self, rows: int) -> int:
        """Return what the codes of so many vectors, and the calibration, will take."""
        return self.compression.predicted_bytes(rows, self.dimension)

    def encode(self, vectors: Floats) -> NDArray[np.uint8]:
        """Return the codes, uint8[n, bytes of one], of float32[n, d]."""
        return self._codes.encode(self._reduced(vectors))

    def add(self, vectors: Floats) -> None:
        """Put float32[n, d], which may be a memory map, behind what is there."""
        for start in range(0, len(vectors), _BLOCK):
            self._codes.add(self.encode(vectors[start : start + _BLOCK]))

    def search(self, queries: Floats, k: int, full: Floats | None = None) -> tuple[NDArray[np.int64], Floats]:
        """Return the rows int64[q, m] of the most similar vectors, best first, and the similarities float32[q, m].

        m is the smaller of k and the vectors' number.  `full` float32[n, d], which may be a memory map, are the vectors
        themselves: they decide where the compression rescores, and the similarities are exact; else they are not read.
        Among equal ones found the lower row comes first.  UsageError where `full` is needed and is not there.
        """
        rescore, count = self.compression.rescore, max(0, min(k, len(self)))
        if rescore and (full is None or len(full) != len(self)):
            raise UsageError(
                f"{self.compression} needs the full vectors of {len(self):,} rows and has "
                f"{0 if full is None else len(full):,}. Keep them, or take a compression without rescore."
            )
        if not count or not len(queries):
            return np.empty((len(queries), count), np.int64), np.empty((len(queries), count), np.float32)
        rows, scores = self.coarse(queries, count * max(1, rescore))
        if rescore and full is not None:
            scores = np.stack([full[near] @ query for near, query in zip(rows, queries, strict=True)])
        order = np.lexsort((rows, -scores), axis=1)[:, :count]
        return np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1)

    def coarse(self, queries: Floats, k: int) -> tuple[NDArray[np.int64], Floats]:
        """Return what `search` does, by the codes alone, whatever the compression rescores."""
        queries = np.ascontiguousarray(queries, np.float32)
        rows, scores = self._codes.nearest(self._reduced(queries) + self._shift, min(len(self), k))
        return rows, scores + (queries @ self._mean)[:, None]

    def _reduced(self, vectors: Floats) -> Floats:
        return reduced(self.compression, self.calibration, vectors, normalised=self.normalised)

    def save(self, path: Path) -> None:
        """Replace `path` by codes and calibration as safetensors, with a digest, atomically; always the same bytes."""
        from safetensors.numpy import save

        tensors: dict[str, NDArray[Any]] = {**self.calibration, "codes": self.codes}
        about = {
            "compression": str(self.compression), "dimension": self.dimension, "normalised": self.normalised,
            "calibrated_on": self.calibrated_on,
        }  # fmt: skip
        # One entry, since safetensors writes several in any order.
        content = save(tensors, {_ABOUT: json.dumps({**about, "digest": _digest(about, tensors)})})
        write_atomic(path, lambda file: file.write(content))

    @classmethod
    def load(cls, path: Path) -> "Compressed":
        """Return what `save` wrote; DamageError where the file is something else, StorageError where there is none."""
        about, tensors = _read(path)
        compression = Compression.parse(about["compression"])
        codes = tensors.pop("codes")
        made = cls(
            compression, tensors, about["dimension"],
            normalised=about["normalised"], calibrated_on=about["calibrated_on"],
        )  # fmt: skip
        made._codes.add(codes)
        return made


def compress(vectors: Floats, compression: Compression, *, normalised: bool = True) -> Compressed:
    """Return float32[n, d] compressed, calibrated on themselves."""
    made = Compressed.fit(compression, vectors, normalised=normalised)
    made.add(vectors)
    return made


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return what a file says of itself, and its arrays; DamageError unless both are as they were written."""
    from safetensors import SafetensorError, safe_open

    try:
        with storing(path), safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {}).get(_ABOUT, ""))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
        fits = {name: type(value) for name, value in about.items()} == _KINDS
        fits = fits and about.pop("digest") == _digest(about, tensors) and _whole(about, tensors)
    except (SafetensorError, ValueError, AttributeError, UsageError) as error:
        raise DamageError(f"{path} holds no compressed vectors. Make it anew.") from error
    if not fits:
        raise DamageError(f"{path} does not hold the compressed vectors that were written. Make it anew.")
    return about, tensors


def _whole(about: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> bool:
    """Return whether the arrays are those of the compression: faiss would read what lies behind a short one."""
    compression, dimension = Compression.parse(about["compression"]), about["dimension"]
    expected: dict[str, Any] = {name: (np.float32, shape) for name, shape in shapes(compression, dimension).items()}
    rows = len(tensors.get("codes", ()))
    expected["codes"] = np.uint8, (rows, compression.bytes_per_vector(dimension))
    return expected == {name: (values.dtype.type, values.shape) for name, values in tensors.items()}


def _digest(about: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> str:
    found = digester()
    found.update(json.dumps(about, sort_keys=True).encode())
    for name in sorted(tensors):
        found.update(f"{name} {tensors[name].dtype} {tensors[name].shape}".encode())
        found.update(np.ascontiguousarray(tensors[name]).view(np.uint8).reshape(-1).data)
    return str(found.hexdigest())
