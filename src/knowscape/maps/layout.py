"""Articles and quiz questions laid out together: by question-aware t-SNE, or by another method for comparison."""

from dataclasses import dataclass, replace
from itertools import chain, combinations
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from knowscape.errors import UsageError
from knowscape.maps.descent import Descent
from knowscape.maps.neighbours import NeighbourGraph
from knowscape.maps.peers import pacmap_layout, umap_layout
from knowscape.maps.refinement import refine
from knowscape.maps.repulsion import FourierRepulsion, tree_repulsion
from knowscape.progress import SILENT, Progress

__all__ = ["METHODS", "Layout", "LayoutOptions", "Method", "lay_out", "normalise", "replace_questions"]

Method = Literal["tsne", "umap", "pacmap"]
METHODS: tuple[Method, ...] = get_args(Method)
_DIMS = (2, 3)

_EXAGGERATION = 12
_FEW = 4
# The weight of a question's edges in units of the largest affinity, where there are so many articles a question; it
# falls with the root of their number.  With 100 questions among 24,403 articles, weights of 1, 1.5 and 2 gave the
# questions an overlap of 0.80, 0.85 and 0.87 and the articles a recall at 5 of 0.382 each; with 72 among 684, weights
# of 0, 0.5 and 2 gave 0.58, 0.78 and 0.93, and 0.49, 0.47 and 0.39.
_QUESTION_WEIGHT, _ARTICLES_PER_QUESTION = 2, 120
# Exaggeration draws ten articles into one point, from which single precision never frees them.
_LEAST_SPREAD = 0.01
# What momentum leaves out of 1, up to so many points.  A map is as wide as the root of their number, and the steps add
# up to one over this.  Of 250,000 articles, 400 iterations at 0.2, and 250 at 0.063, keep 0.379 and 0.396 of the ten
# neighbours; of 24,403, 0.05 leaves 0.287 where 0.2 leaves 0.303.
_BRAKE, _BRAKE_POINTS = 0.2, 25_000
# Below this the tree is as fast, and a sparse map does not cost a huge grid; in three dimensions every grid is huge.
_FOURIER_POINTS = 3000


@dataclass(frozen=True, slots=True)
class LayoutOptions:
    """The method, two dimensions or three, and the seed that makes a layout repeatable.

    For t-SNE also the perplexity, the iterations with and without exaggeration, and the rounds of local search that
    follow.  Of 24,403 articles 150 and 500 iterations keep 0.382 of the five neighbours, these 0.380, and less at 50,
    in 12 s instead of 8.8 s.  Raises UsageError for another method or number of dimensions.
    """

    method: Method = "tsne"
    dims: int = 2
    perplexity: float = 10
    early_iterations: int = 100
    iterations: int = 400
    rounds: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UsageError(f"{self.method!r} is no method of layout. Choose one of: {', '.join(METHODS)}")
        if self.dims not in _DIMS:
            raise UsageError(f"A map has 2 or 3 dimensions, not {self.dims}.")


@dataclass(frozen=True, slots=True)
class Layout:
    """`documents` float32[n, dims] and `questions` float32[q, dims] in the layout's own units."""

    documents: NDArray[np.float32]
    questions: NDArray[np.float32]


def lay_out(
    vectors: NDArray[np.float32],
    graph: NeighbourGraph,
    question_neighbours: NDArray[np.int32] | None = None,
    *,
    options: LayoutOptions = LayoutOptions(),
    start: NDArray[np.float64] | None = None,
    progress: Progress = SILENT,
) -> Layout:
    """Lay out `vectors` float32[n, d] and questions given by their nearest articles int32[q, 5], None without any.

    t-SNE (van der Maaten & Hinton 2008) from a PCA start, or, without early exaggeration, from the places `start`
    float64[n, dims] around 0, which are in the units of a layout.  Each question gets edges to its nearest articles
    with up to twice the weight of the largest affinity; all affinities then sum to one.  Afterwards articles move to
    spots where more neighbours are true ones, and each question to the best of the means of its neighbours' places.
    The other methods know nothing of questions, nor of a start; each question then goes where t-SNE's go in the end.
    """
    count = len(vectors)
    if question_neighbours is None:
        question_neighbours = np.empty((0, min(5, count)), np.int32)
    if count < _FEW:
        documents = np.zeros((count, options.dims), np.float32)
        documents[:, 0] = np.arange(count)
        return Layout(documents, documents[question_neighbours].mean(axis=1))
    if options.method != "tsne":
        documents = _by_another(vectors, graph, options, progress)
        questions = documents[question_neighbours].mean(axis=1)
        return Layout(documents, replace_questions(question_neighbours, questions, documents))
    if start is None:
        start = _start(vectors, question_neighbours, options)
    else:
        start = np.concatenate([start, start[question_neighbours].mean(axis=1)])
        options = replace(options, early_iterations=0)
    points = _optimise(start, _affinities(graph, question_neighbours, options.perplexity), options, progress)
    questions = replace_questions(question_neighbours, points[count:], points[:count])
    documents = refine(
        points[:count], graph, questions, question_neighbours,
        rounds=options.rounds, seed=options.seed, progress=progress,
    )  # fmt: skip
    return Layout(documents, replace_questions(question_neighbours, questions, documents))


def _by_another(
    vectors: NDArray[np.float32], graph: NeighbourGraph, options: LayoutOptions, progress: Progress
) -> NDArray[np.float32]:
    with progress.stage("Layout"):
        if options.method == "umap":
            return umap_layout(vectors, graph, dims=options.dims, seed=options.seed)
        return pacmap_layout(vectors, dims=options.dims, seed=options.seed)


def replace_questions(
    neighbours: NDArray[np.int32], questions: NDArray[np.float32], documents: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Move each question to the best mean of a subset of its neighbours' places, judged by its own overlap.

    Among equally good spots, its place before included, the one nearest to that place wins.
    """
    from scipy.spatial import cKDTree

    if not len(questions):
        return questions
    tree, placed = cKDTree(documents), questions.copy()
    width = neighbours.shape[1]
    subsets = list(chain.from_iterable(combinations(range(width), size) for size in range(1, width + 1)))
    for row, true in enumerate(neighbours):
        spots = np.stack([questions[row], *(documents[true[list(subset)]].mean(axis=0) for subset in subsets)])
        found = tree.query(spots, k=width)[1].reshape(len(spots), width)
        overlap = np.isin(found, true).sum(axis=1)
        distance = np.linalg.norm(spots - questions[row], axis=1)
        placed[row] = spots[np.lexsort((distance, -overlap))[0]]
    return placed


def normalise(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the points in [0, 1], all axes on the same scale, the narrower ones centred."""
    low, high = points.min(axis=0), points.max(axis=0)
    size = max(float((high - low).max()), 1e-9)
    centred = (points - (low + high) / 2) / size + 0.5
    result: NDArray[np.float32] = np.clip(centred, 0, 1).astype(np.float32)
    return result


def _start(
    vectors: NDArray[np.float32], question_neighbours: NDArray[np.int32], options: LayoutOptions
) -> NDArray[np.float64]:
    """Return the first principal components, scaled as Kobak & Berens 2019, with a little noise."""
    random = np.random.default_rng(options.seed)
    centred = vectors - vectors.mean(axis=0)
    # The covariance's eigenvectors, largest last: exact, and unlike scikit-learn's PCA silent about equal vectors.
    axes = np.linalg.eigh((centred.T @ centred).astype(np.float64))[1][:, ::-1][:, : options.dims]
    axes *= np.where(axes.sum(axis=0) < 0, -1, 1)
    start = np.zeros((len(vectors), options.dims))
    start[:, : axes.shape[1]] = centred @ axes
    start *= 1e-4 / max(float(start[:, 0].std()), 1e-5)
    start = np.concatenate([start, start[question_neighbours].mean(axis=1)])
    result: NDArray[np.float64] = start + random.normal(scale=1e-6, size=start.shape)
    return result


def _affinities(graph: NeighbourGraph, question_neighbours: NDArray[np.int32], perplexity: float) -> Any:
    from openTSNE.affinity import joint_probabilities_nn
    from scipy import sparse

    count, k = graph.indices.shape
    perplexity = min(perplexity, k / 3) if k >= _FEW else 1.0
    used = min(k, max(1, round(3 * perplexity)))
    distances = np.sqrt(np.maximum(0, 2 - 2 * graph.similarities[:, :used].astype(np.float64)))
    articles = joint_probabilities_nn(
        graph.indices[:, :used].astype(np.int64), distances, [perplexity], symmetrize=True, n_jobs=-1
    )
    if not len(question_neighbours):
        return articles / articles.sum()
    questions, width = question_neighbours.shape
    weight = _QUESTION_WEIGHT * min(1.0, (count / questions / _ARTICLES_PER_QUESTION) ** 0.5)
    edges = sparse.csr_matrix(
        (
            np.full(questions * width, weight * articles.max()),
            question_neighbours.ravel(),
            np.arange(0, questions * width + 1, width),
        ),
        shape=(questions, count),
    )
    joint: Any = sparse.bmat([[articles, edges.T], [edges, None]], format="csr")
    return joint / joint.sum()


def _optimise(
    start: NDArray[np.float64], affinities: Any, options: LayoutOptions, progress: Progress
) -> NDArray[np.float32]:
    many = options.dims == _DIMS[0] and len(start) >= _FOURIER_POINTS
    repulsion = FourierRepulsion() if many else tree_repulsion
    descent = Descent(start, affinities, repulsion)
    momentum = 1 - _BRAKE * min(1.0, (_BRAKE_POINTS / len(start)) ** 0.5)
    with progress.stage("Layout", total=options.early_iterations + options.iterations) as stage:
        for _ in range(options.early_iterations):
            descent.step(exaggeration=_EXAGGERATION, momentum=0.5)
            stage.advance(1)
        spread = max(float(np.std(descent.points)), 1e-30)
        descent.points *= max(1.0, _LEAST_SPREAD / spread)
        for _ in range(options.iterations):
            descent.step(exaggeration=1, momentum=momentum)
            stage.advance(1)
    return descent.points.astype(np.float32)
