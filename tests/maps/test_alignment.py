"""What laying one map over another promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowscape.maps.alignment import align, rows_of, starting_places
from knowscape.maps.knowledge_map import KnowledgeMap, make_map
from knowscape.maps.layout import LayoutOptions
from knowscape.maps.neighbours import NeighbourGraph, neighbour_graph


@settings(max_examples=30)
@given(
    angle=st.floats(0, 6.28),
    mirrored=st.booleans(),
    scale=st.floats(0.01, 100),
    moved=st.tuples(st.floats(-50, 50), st.floats(-50, 50)),
)
def test_a_turned_mirrored_scaled_and_moved_map_is_laid_back_exactly(
    angle: float, mirrored: bool, scale: float, moved: tuple[float, float]
) -> None:
    onto = np.random.default_rng(1).normal(size=(40, 2)) @ np.diag([3, 1])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = scale * onto @ turn @ np.diag([1, -1 if mirrored else 1]) + moved
    found = align(points, onto)
    np.testing.assert_allclose(found.laid_over(points), onto, atol=1e-3)
    turned = found.turned(points)
    before, after = (np.linalg.norm(xy[:, None] - xy[None], axis=-1) for xy in (points, turned))
    np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-3 * scale)


def test_points_in_one_place_are_moved_only() -> None:
    found = align(np.full((3, 2), 7.0), np.array([[0, 0], [2, 0], [1, 3]], np.float32))
    np.testing.assert_allclose(found.laid_over(np.full((1, 2), 7.0)), [[1, 1]])


def test_rows_of_names_the_row_of_each_id_and_what_is_missing() -> None:
    assert rows_of(["c", "x", "a"], ["a", "b", "c"]).tolist() == [2, -1, 0]


def test_a_layout_starts_where_the_articles_were_and_new_ones_amid_those_near_them() -> None:
    places = np.array([[0, 0], [4, 0], [0, 8]], np.float32)
    graph = NeighbourGraph(np.array([[1], [0], [0], [1], [3]], np.int32), np.ones((5, 1), np.float32))
    start = starting_places(places, np.array([0, 1, 2, -1, -1]), graph)
    np.testing.assert_allclose(start[:4], [[0, 0], [4, 0], [0, 8], [4, 0]])
    np.testing.assert_allclose(start[4], places.mean(axis=0), rtol=1e-6)  # it is near a new one only


def _made(vectors: np.ndarray, before: KnowledgeMap | None = None) -> KnowledgeMap:
    count = len(vectors)
    return make_map(
        vectors=vectors,
        graph=neighbour_graph(vectors),
        question_vectors=None,
        document_ids=[f"d{row}" for row in range(count)],
        question_ids=[],
        titles=[f"Title {row}" for row in range(count)],
        texts=["lava and crater" if row % 2 else "violin and bow" for row in range(count)],
        options=LayoutOptions(early_iterations=60, iterations=120),
        padding=0.5,
        about={},
        before=before,
    )


def test_after_a_refit_articles_are_near_where_they_were() -> None:
    random = np.random.default_rng(2)
    centres = random.normal(size=(10, 24))
    vectors = (centres[random.integers(0, 10, 440)] + random.normal(scale=0.6, size=(440, 24))).astype(np.float32)
    before = _made(vectors[:400])
    aligned, alone = _made(vectors, before), _made(vectors)
    apart = [
        float(np.median(np.linalg.norm(made.coordinates[:400] - before.coordinates, axis=1)))
        for made in (aligned, alone)
    ]
    assert apart[0] < 0.1
    assert apart[0] < apart[1] / 2
    assert aligned.quality.recall[10].mean > alone.quality.recall[10].mean - 0.03
    assert (aligned.coordinates.min(), aligned.coordinates.max()) == pytest.approx((0, 1))
