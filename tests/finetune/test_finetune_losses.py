"""The losses are those of sentence-transformers on the same vectors.

Needs torch and sentence-transformers: `make torch`.
"""

from typing import Any

import pytest

from knowscape.finetune.losses import at_dimensions, order_loss, ranking_loss, triplet_loss, unit

torch: Any = pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")


class Bare(torch.nn.Module):  # type: ignore[misc,name-defined]
    """A model for the peer's losses that hands on the vectors it is given."""

    def forward(self, features: dict[str, Any]) -> dict[str, Any]:
        return dict(features)

    def get_embedding_dimension(self) -> int:
        return 12


def vectors(count: int, seed: int = 0) -> list[Any]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(9, 12, generator=generator) for _ in range(count)]


def peer(loss: Any, parts: list[Any], labels: Any = None) -> Any:
    return loss([{"sentence_embedding": part} for part in parts], labels)


@pytest.mark.parametrize("count", [2, 3])
def test_ranking_with_and_without_negatives(count: int) -> None:
    from sentence_transformers.losses import MultipleNegativesRankingLoss

    parts = vectors(count)
    own = ranking_loss(unit(parts[0]), unit(torch.cat(parts[1:])), 20.0)
    torch.testing.assert_close(own, peer(MultipleNegativesRankingLoss(Bare()), parts))


def test_triplets() -> None:
    from sentence_transformers.losses import TripletLoss

    parts = [unit(part) for part in vectors(3)]
    torch.testing.assert_close(triplet_loss(*parts), peer(TripletLoss(Bare(), triplet_margin=0.5), parts))


def test_the_order_of_scores_equal_ones_included() -> None:
    from sentence_transformers.losses import CoSENTLoss

    parts, scores = vectors(2), torch.tensor([0.0, 1, 2, 2, 3, 1, 5, 5, 0])
    own = order_loss(unit(parts[0]), unit(parts[1]), scores, 20.0)
    torch.testing.assert_close(own, peer(CoSENTLoss(Bare()), parts, scores))
    flat = order_loss(unit(parts[0]), unit(parts[1]), torch.ones(9), 20.0)
    assert flat == 0


def test_the_mean_over_dimensions() -> None:
    from sentence_transformers.losses import MatryoshkaLoss, MultipleNegativesRankingLoss

    parts, model = vectors(2), Bare()
    own = at_dimensions(lambda a, b: ranking_loss(a, b, 20.0), parts, (12, 8, 4), normalised=True)
    whole = peer(MatryoshkaLoss(model, MultipleNegativesRankingLoss(model), [12, 8, 4]), parts)
    torch.testing.assert_close(own, whole / 3)


def test_vectors_for_the_dot_product_keep_their_length() -> None:
    parts = vectors(2)
    own = at_dimensions(lambda a, b: (a * b).sum(), parts, (12, 5), normalised=False)
    torch.testing.assert_close(own, ((parts[0] * parts[1]).sum() + (parts[0] * parts[1])[:, :5].sum()) / 2)


def test_a_vector_of_zeros_has_a_gradient() -> None:
    zero = torch.zeros(2, 12, requires_grad=True)
    unit(zero).sum().backward()
    assert torch.isfinite(zero.grad).all()
