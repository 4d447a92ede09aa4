"""Other methods of layout, by their authors' packages, for comparison; each is an extra of its own."""

import warnings
from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.errors import MissingExtraError
from knowscape.maps.neighbours import NeighbourGraph, unit_rows

__all__ = ["pacmap_layout", "umap_layout"]

# The packages' own defaults.
_UMAP_NEIGHBOURS, _UMAP_LEAST = 15, 0.1
_PACMAP_NEIGHBOURS = 10


def umap_layout(vectors: NDArray[np.float32], graph: NeighbourGraph, *, dims: int, seed: int) -> NDArray[np.float32]:
    """Return UMAP's layout float32[n, dims] (McInnes, Healy & Melville 2018) on the neighbours that are there.

    It starts from PCA, since the spectral start takes longer than all the rest, and fails for some corpora.
    MissingExtraError without umap-learn.
    """
    count = min(_UMAP_NEIGHBOURS - 1, graph.indices.shape[1])
    itself = np.arange(len(vectors), dtype=np.int32)[:, None]
    indices = np.concatenate([itself, graph.indices[:, :count]], axis=1)
    distances = np.concatenate(
        [np.zeros((len(vectors), 1), np.float32), np.maximum(0, 1 - graph.similarities[:, :count])], axis=1
    )
    with warnings.catch_warnings():
        # That TensorFlow is not there, a seed takes one thread, and no search tree lies beside the neighbours.
        warnings.simplefilter("ignore")
        try:
            umap: Any = import_module("umap")
        except ModuleNotFoundError as error:
            raise MissingExtraError("The layout by UMAP", "umap") from error
        made = umap.UMAP(
            n_neighbors=count + 1, min_dist=_UMAP_LEAST, n_components=dims, metric="cosine", init="pca",
            precomputed_knn=(indices, distances), random_state=seed,
        ).fit_transform(vectors)  # fmt: skip
    result: NDArray[np.float32] = np.asarray(made, np.float32)
    return result


def pacmap_layout(vectors: NDArray[np.float32], *, dims: int, seed: int) -> NDArray[np.float32]:
    """Return PaCMAP's layout float32[n, dims] (Wang et al. 2021), which looks for neighbours itself.

    MissingExtraError without pacmap.
    """
    try:
        pacmap: Any = import_module("pacmap")
    except ModuleNotFoundError as error:
        raise MissingExtraError("The layout by PaCMAP", "pacmap") from error
    count = min(_PACMAP_NEIGHBOURS, len(vectors) - 1)
    with warnings.catch_warnings(), redirect_stdout(StringIO()):  # which tell that a seed makes it repeatable
        warnings.simplefilter("ignore")
        made = pacmap.PaCMAP(n_components=dims, n_neighbors=count, random_state=seed).fit_transform(unit_rows(vectors))
    result: NDArray[np.float32] = np.asarray(made, np.float32)
    return result
