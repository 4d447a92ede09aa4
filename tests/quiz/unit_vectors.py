"""Vectors that lean to one side, as those of articles do."""

import numpy as np
from numpy.typing import NDArray


def unit_vectors(count: int, seed: int, width: int = 6) -> NDArray[np.float32]:
    """Return float32[count, width], each of length 1."""
    made = np.random.default_rng(seed).normal(size=(count, width)) + 0.7
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)
