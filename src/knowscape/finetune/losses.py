"""What is made small in training, of vectors that torch computed: float tensors [n, dimension].

Each takes the vectors as they are compared: of length one for cosine, where similarities are multiplied by `scale`.
"""

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["at_dimensions", "order_loss", "ranking_loss", "triplet_loss", "unit"]

# Of vectors of length one, whose distances are at most 2; those of models that are compared by dot product are longer.
_MARGIN = 0.5


def unit(vectors: Any) -> Any:
    """Return the vectors with length one; zeros stay zeros."""
    return vectors / vectors.norm(dim=-1, keepdim=True).clamp_min(1e-12)


def ranking_loss(anchors: Any, candidates: Any, scale: float) -> Any:
    """Return the mean cross-entropy of finding each anchor's positive among all candidates of the batch.

    The first n candidates are the positives, in the order of the anchors; what follows are negatives of any of them
    (multiple negatives ranking: Henderson et al. 2017, arXiv:1705.00652).
    """
    similarities = scale * anchors @ candidates.T
    return (similarities.logsumexp(dim=1) - similarities.diagonal()).mean()


def triplet_loss(anchors: Any, positives: Any, negatives: Any) -> Any:
    """Return the mean of how much less than the margin a negative is farther from the anchor than the positive.

    Distances are Euclidean (Schroff et al. 2015, arXiv:1503.03832, there squared).
    """
    near, far = ((anchors - others).norm(dim=-1) for others in (positives, negatives))
    return (near - far + _MARGIN).relu().mean()


def order_loss(first: Any, second: Any, scores: Any, scale: float) -> Any:
    """Return log(1 + the sum of exp(similarity of a pair - that of another)) over all pairs scored below another.

    Only the order of the scores counts (CoSENT: Su 2022; Huang et al. 2024, doi:10.1109/TASLP.2024.3402087).
    """
    similarities = scale * (first * second).sum(dim=-1)
    lower = scores[:, None] < scores[None, :]
    return (similarities[:, None] - similarities[None, :])[lower].exp().sum().log1p()


def at_dimensions(
    loss: Callable[..., Any], vectors: Sequence[Any], dimensions: Sequence[int], *, normalised: bool
) -> Any:
    """Return the mean of a loss over the first numbers of the vectors, as many as each of `dimensions` says.

    Cut vectors get length one again where they are compared by cosine (Matryoshka: Kusupati et al. 2022,
    arXiv:2205.13147).
    """
    values = []
    for dimension in dimensions:
        cut = [one[:, :dimension] for one in vectors]
        values.append(loss(*(unit(one) if normalised else one for one in cut)))
    return sum(values) / len(values)
