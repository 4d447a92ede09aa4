"""What the repulsion and the layout promise."""

import sys
from typing import Any

import numpy as np
import pytest

from knowscape.errors import MissingExtraError, UsageError
from knowscape.maps.layout import LayoutOptions, Method, lay_out, normalise, replace_questions
from knowscape.maps.neighbours import nearest, neighbour_graph
from knowscape.maps.quality import neighbour_recall, question_overlap
from knowscape.maps.repulsion import FourierRepulsion


def _groups_of_vectors(groups: int, each: int) -> np.ndarray:
    random = np.random.default_rng(5)
    centres = random.normal(size=(groups, 24))
    noise = random.normal(scale=0.4, size=(groups * each, 24))
    return (np.repeat(centres, each, axis=0) + noise).astype(np.float32)


def _exact_repulsion(points: np.ndarray) -> np.ndarray:
    apart = points[:, None] - points[None]
    cauchy = 1 / (1 + (apart**2).sum(axis=-1))
    np.fill_diagonal(cauchy, 0)
    return -(cauchy[..., None] ** 2 * apart).sum(axis=1) / cauchy.sum()


@pytest.mark.parametrize("spread", [0.5, 20.0])
def test_the_fourier_repulsion_is_the_exact_sum_within_six_percent(spread: float) -> None:
    points = np.random.default_rng(1).normal(scale=spread, size=(1500, 2))
    exact = _exact_repulsion(points)
    found = FourierRepulsion()(points)
    assert np.linalg.norm(found - exact) < 0.06 * np.linalg.norm(exact)


def test_a_finer_grid_makes_the_repulsion_more_exact() -> None:
    points = np.random.default_rng(1).normal(scale=15, size=(800, 2))
    exact = _exact_repulsion(points)
    coarse, fine = (np.linalg.norm(FourierRepulsion(h)(points) - exact) for h in (0.9, 0.3))
    assert fine < coarse / 4


def test_a_layout_keeps_neighbours_together_and_groups_apart() -> None:
    vectors = _groups_of_vectors(6, 100)
    graph = neighbour_graph(vectors)
    points = lay_out(vectors, graph).documents
    assert (points.shape, points.dtype) == ((600, 2), np.float32)
    assert neighbour_recall(graph, points, [10])[10].mean() > 0.35
    centres = points.reshape(6, 100, 2).mean(axis=1)
    closest = np.linalg.norm(points[:, None] - centres[None], axis=-1).argmin(axis=1)
    assert (closest == np.repeat(np.arange(6), 100)).mean() > 0.98


def test_questions_land_among_their_nearest_articles_and_leave_the_articles_recall_alone() -> None:
    vectors = _groups_of_vectors(8, 80)
    random = np.random.default_rng(2)
    asked = vectors[::80] + random.normal(scale=0.2, size=(8, 24)).astype(np.float32)
    graph, (near, _) = neighbour_graph(vectors), nearest(vectors, asked, 5)
    alone = lay_out(vectors, graph).documents
    layout = lay_out(vectors, graph, near)
    assert layout.questions.shape == (8, 2)
    assert question_overlap(near, layout.questions, layout.documents).mean() > 0.7
    assert (
        neighbour_recall(graph, layout.documents, [5])[5].mean() > neighbour_recall(graph, alone, [5])[5].mean() - 0.03
    )


def test_the_same_seed_gives_the_same_layout_and_another_seed_another() -> None:
    vectors = _groups_of_vectors(4, 40)
    graph, near = neighbour_graph(vectors), nearest(vectors, vectors[:9], 5)[0]
    first, second = (lay_out(vectors, graph, near, options=LayoutOptions(seed=7)) for _ in range(2))
    other = lay_out(vectors, graph, near, options=LayoutOptions(seed=8))
    np.testing.assert_array_equal(first.documents, second.documents)
    np.testing.assert_array_equal(first.questions, second.questions)
    assert not np.array_equal(first.documents, other.documents)


@pytest.mark.parametrize("equal", [False, True], ids=["distinct", "equal"])
@pytest.mark.parametrize("asked", [0, 4])
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 10, 70])
def test_any_number_of_articles_has_a_finite_layout_and_distinct_ones_stand_apart(
    rows: int, asked: int, equal: bool
) -> None:
    vectors = np.ones((rows, 8), np.float32) if equal else _groups_of_vectors(1, rows)
    near = nearest(vectors, np.ones((asked, vectors.shape[1]), np.float32), 5)[0] if asked else None
    layout = lay_out(vectors, neighbour_graph(vectors), near)
    assert layout.documents.shape == (rows, 2)
    assert layout.questions.shape == (asked, 2)
    assert np.isfinite(layout.documents).all()
    assert np.isfinite(layout.questions).all()
    if not equal:
        assert len(np.unique(normalise(layout.documents).round(4), axis=0)) == rows


def test_a_question_moves_to_the_mean_of_neighbours_that_keeps_most_of_them() -> None:
    corner = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [30, 30]], np.float32)
    crowd = np.random.default_rng(0).normal(15, 1, size=(50, 2)).astype(np.float32)
    documents, near = np.concatenate([corner, crowd]), np.arange(5, dtype=np.int32)[None]
    middle = corner.mean(axis=0, keepdims=True)
    placed = replace_questions(near, np.array([[15, 15]], np.float32), documents)
    assert question_overlap(near, middle, documents)[0] == pytest.approx(0.8)
    assert question_overlap(near, np.array([[15, 15]], np.float32), documents)[0] == 0
    assert question_overlap(near, placed, documents)[0] == pytest.approx(0.8)


def test_a_question_stays_where_no_other_place_is_better() -> None:
    documents = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)
    here = documents[:3] + np.float32(0.01)
    near = np.argsort(np.linalg.norm(here[:, None] - documents[None], axis=-1), axis=1)[:, :5].astype(np.int32)
    np.testing.assert_array_equal(replace_questions(near, here, documents), here)


def test_normalised_points_fill_the_unit_square_with_both_axes_on_one_scale() -> None:
    points = normalise(np.array([[-10, 1], [30, 11], [10, 6]], np.float32))
    np.testing.assert_allclose(points, [[0, 0.375], [1, 0.625], [0.5, 0.5]], atol=1e-6)
    assert points.dtype == np.float32
    np.testing.assert_array_equal(normalise(np.full((3, 2), 7, np.float32)), np.full((3, 2), 0.5))


@pytest.mark.parametrize(("method", "dims", "least"), [("tsne", 3, 0.4), ("umap", 2, 0.2), ("pacmap", 3, 0.15)])
def test_other_methods_and_three_dimensions_keep_neighbours_and_place_questions(
    method: Method, dims: int, least: float
) -> None:
    vectors = _groups_of_vectors(4, 60)
    graph, (near, _) = neighbour_graph(vectors), nearest(vectors, vectors[::50], 5)
    layout = lay_out(vectors, graph, near, options=LayoutOptions(method=method, dims=dims))
    assert (layout.documents.shape, layout.documents.dtype) == ((240, dims), np.float32)
    assert neighbour_recall(graph, layout.documents, [10])[10].mean() > least
    assert question_overlap(near, layout.questions, layout.documents).mean() > least
    again = lay_out(vectors, graph, near, options=LayoutOptions(method=method, dims=dims))
    assert again.documents.tobytes() == layout.documents.tobytes()


@pytest.mark.parametrize("method", ["umap", "pacmap"])
def test_a_method_whose_package_is_missing_says_which_extra_to_install(
    method: Method, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, method, None)
    vectors = _groups_of_vectors(2, 10)
    with pytest.raises(MissingExtraError, match=rf"knowscape\[{method}\]"):
        lay_out(vectors, neighbour_graph(vectors), options=LayoutOptions(method=method))


@pytest.mark.parametrize(("options", "says"), [({"method": "mds"}, "tsne, umap, pacmap"), ({"dims": 4}, "not 4")])
def test_an_unknown_method_or_number_of_dimensions_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        LayoutOptions(**options)
