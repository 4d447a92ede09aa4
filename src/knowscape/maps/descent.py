"""One step after the other down the gradient of t-SNE."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Descent"]

Repulsion = Callable[[NDArray[np.float64]], NDArray[np.float64]]

_FASTER, _SLOWER, _LEAST_GAIN = 0.2, 0.8, 0.01
_LONGEST_STEP = 5.0


class Descent:
    """Gradient descent with momentum and a gain for each coordinate (Jacobs 1988; van der Maaten & Hinton 2008).

    `points` float64[n, dims] is moved by every step.  `affinities` is sparse and symmetric and sums to one; `repulsion`
    returns the repulsive gradient of points.
    """

    def __init__(self, start: NDArray[np.float64], affinities: Any, repulsion: Repulsion) -> None:
        self.points = np.array(start, np.float64, order="C")
        self._affinities, self._repulsion = affinities, repulsion
        # The attraction leaves one core to the repulsion, which goes on beside it.
        self._threads, self._beside = max(1, (os.cpu_count() or 1) - 1), ThreadPoolExecutor(1)
        self._mean = np.full(len(start), 1 / len(start))
        self._move, self._gains = np.zeros_like(self.points), np.ones_like(self.points)

    def step(self, *, exaggeration: float, momentum: float) -> None:
        """Move the points once, with all affinities times `exaggeration`; the rate is n over it (Belkina 2019)."""
        attraction = self._beside.submit(self._attraction)
        gradient = self._repulsion(self.points)
        gradient += exaggeration * attraction.result()
        onward = self._move * gradient <= 0
        self._gains = np.where(onward, self._gains + _FASTER, self._gains * _SLOWER + _LEAST_GAIN)
        self._move *= momentum
        self._move -= len(gradient) / exaggeration * self._gains * gradient
        length = np.sqrt(np.einsum("ij,ij->i", self._move, self._move))
        if length.max() > _LONGEST_STEP:
            self._move *= np.minimum(1, _LONGEST_STEP / np.maximum(length, _LONGEST_STEP))[:, None]
        self.points += self._move
        self.points -= self._mean @ self.points

    def _attraction(self) -> NDArray[np.float64]:
        from openTSNE import _tsne

        gradient, p = np.zeros_like(self.points), self._affinities
        _tsne.estimate_positive_gradient_nn(
            p.indices, p.indptr, p.data, self.points, self.points, gradient, 1, num_threads=self._threads
        )
        return gradient
