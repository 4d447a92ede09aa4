"""The tree of topics over which knowledge is shared: questions that are about the same are close in it."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["HEIGHTS", "Places", "Topics"]

# The tree is cut at these cosine distances; above the last one there is only the person.
HEIGHTS = (0.15, 0.3, 0.45, 0.6, 0.75, 0.9)
# An article knows what its nearest questions tell, each by so much less as it is farther, as a cosine distance.
_NEAREST, _REACH = 4, 0.05
_BLOCK = 8192


@dataclass(frozen=True, slots=True)
class Places:
    """Where articles hang in the tree: `nodes` int32[n, k] and their `weights` float64[n, k], which sum to one."""

    nodes: NDArray[np.int32]
    weights: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Topics:
    """Levels of topics within topics.

    Level 0 are the questions, the last level is the person, and `parents[l]` int32[n_l] names for each node of level l
    the node of level l + 1 that it is part of.  Nodes are numbered through, level by level.
    """

    parents: tuple[NDArray[np.int32], ...]

    @classmethod
    def of(cls, vectors: NDArray[np.float32]) -> "Topics":
        """Cluster the questions' `vectors` float32[q, d], of length one, by average linkage of cosine distances."""
        from scipy.cluster.hierarchy import fcluster, linkage

        count = len(vectors)
        clusters: list[NDArray[np.integer[Any]]] = [np.arange(count)]
        if count > 1:
            tree = linkage(np.maximum(0, _condensed(1 - vectors.astype(np.float64) @ vectors.T)), "average")
            clusters += [fcluster(tree, height, "distance") for height in HEIGHTS]
        else:
            clusters += [np.zeros(count, np.int64)] * len(HEIGHTS)
        clusters.append(np.zeros(count, np.int64))
        labels = [np.unique(cluster, return_inverse=True)[1] for cluster in clusters]
        labels[0] = np.arange(count)
        parents = []
        for below, above in pairwise(labels):
            parent = np.zeros(below.max(initial=-1) + 1, np.int32)
            parent[below] = above
            parents.append(parent)
        return cls(tuple(parents))

    @property
    def questions(self) -> int:
        """How many questions there are."""
        return len(self.parents[0])

    @property
    def sizes(self) -> list[int]:
        """The number of nodes of each level."""
        return [len(parent) for parent in self.parents] + [1]

    def path(self, question: int) -> list[int]:
        """Return the nodes from a question up to the person, each by its number within its level."""
        nodes = [question]
        for parent in self.parents:
            nodes.append(int(parent[nodes[-1]]))
        return nodes

    def attach(self, questions: NDArray[np.float32], articles: NDArray[np.float32]) -> Places:
        """Hang `articles` float32[n, d] beside the nearest of the `questions` float32[q, d], the farther the higher.

        Both are vectors of length one.
        """
        count = min(_NEAREST, len(questions))
        if not count:
            return Places(np.zeros((len(articles), 1), np.int32), np.ones((len(articles), 1)))
        near = np.empty((len(articles), count), np.int64)
        away = np.empty((len(articles), count))
        for start in range(0, len(articles), _BLOCK):
            block = slice(start, start + _BLOCK)
            likeness = articles[block] @ questions.T
            near[block] = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
            away[block] = 1 - np.take_along_axis(likeness, near[block], axis=1)
        weights = np.exp((away.min(axis=1, keepdims=True) - away) / _REACH)
        levels = 1 + np.searchsorted(np.array(HEIGHTS), away)
        starts, up = np.cumsum([0, *self.sizes]), np.empty((len(self.sizes), self.questions), np.int64)
        up[0] = np.arange(self.questions)
        for level, parent in enumerate(self.parents):
            up[level + 1] = parent[up[level]]
        nodes = up[levels, near] + starts[levels]
        return Places(nodes.astype(np.int32), weights / weights.sum(axis=1, keepdims=True))


def _condensed(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    return distances[np.triu_indices(len(distances), 1)]
