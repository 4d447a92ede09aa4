"""What a place on a finished map promises, and when it is doubted."""

import numpy as np
import pytest

from knowscape.maps.layout import LayoutOptions, lay_out
from knowscape.maps.neighbours import NeighbourGraph, nearest, neighbour_graph
from knowscape.maps.placing import DEPTH, DOUBT, Ground


def _vectors(count: int, seed: int) -> np.ndarray:
    """Eight groups around the same centres, whatever the seed."""
    centres = np.random.default_rng(0).normal(size=(8, 24))
    random = np.random.default_rng(seed)
    vectors = centres[random.integers(0, 8, count)] + random.normal(scale=0.5, size=(count, 24))
    return vectors.astype(np.float32)


@pytest.fixture(scope="module")
def world() -> tuple[np.ndarray, np.ndarray, NeighbourGraph]:
    vectors = _vectors(800, seed=1)
    graph = neighbour_graph(vectors)
    return vectors, lay_out(vectors, graph, options=LayoutOptions(early_iterations=60, iterations=150)).documents, graph


def test_what_is_like_the_maps_own_articles_lands_among_its_nearest_and_is_hardly_ever_doubted(
    world: tuple[np.ndarray, np.ndarray, NeighbourGraph],
) -> None:
    vectors, places, graph = world
    new = _vectors(400, seed=2)
    near, similarities = nearest(vectors, new, DEPTH + 1)
    ground = Ground(places, graph)
    spots = ground.place(near, similarities)
    assert (spots.places.shape, spots.places.dtype) == ((400, 2), np.float32)
    to_nearest = np.linalg.norm(spots.places[:, None] - places[near[:, :5]], axis=-1).mean(axis=1)
    anywhere = np.linalg.norm(spots.places - spots.places[::-1], axis=-1).mean()
    assert np.median(to_nearest) < anywhere / 5
    doubted = (ground.judge(spots).confidence <= DOUBT).mean()
    assert doubted <= 2 * DOUBT + 0.04  # two reasons, and three standard errors of 400 draws


def test_an_article_placed_again_comes_to_where_it_was(world: tuple[np.ndarray, np.ndarray, NeighbourGraph]) -> None:
    _, places, graph = world
    rows = np.arange(0, 800, 10)
    moved = np.linalg.norm(Ground(places, graph).place_again(rows).places - places[rows], axis=1)
    assert np.median(moved) < 0.05 * np.ptp(places)
    assert moved.max() > 0, "its own point counted among its neighbours"


def test_what_is_unlike_anything_is_doubted_for_that(world: tuple[np.ndarray, np.ndarray, NeighbourGraph]) -> None:
    vectors, places, graph = world
    near, similarities = nearest(vectors, np.random.default_rng(4).normal(size=(50, 24)).astype(np.float32), DEPTH + 1)
    ground = Ground(places, graph)
    trust = ground.judge(ground.place(near, similarities))
    assert [trust.doubt(row) for row in range(50)] == ["nothing on the map is near it in meaning"] * 50


def test_what_has_its_nearest_articles_all_over_the_map_is_doubted_for_that(
    world: tuple[np.ndarray, np.ndarray, NeighbourGraph],
) -> None:
    _, places, graph = world
    order = np.argsort(places[:, 0])
    far_apart = order[np.linspace(0, 799, DEPTH + 1).astype(int)][None].astype(np.int32)
    similarities = np.linspace(0.999, 0.9, DEPTH + 1, dtype=np.float32)[None]
    ground = Ground(places, graph)
    trust = ground.judge(ground.place(far_apart, similarities))
    assert trust.doubt(0) == "the articles nearest to it in meaning lie scattered over the map"
    together = graph.indices[:1, : DEPTH + 1]
    assert ground.judge(ground.place(together, similarities)).doubt(0) is None


def test_a_place_does_not_depend_on_what_else_is_placed(world: tuple[np.ndarray, np.ndarray, NeighbourGraph]) -> None:
    vectors, places, graph = world
    near, similarities = nearest(vectors, _vectors(30, seed=5), DEPTH + 1)
    ground = Ground(places, graph)
    together = ground.place(near, similarities).places
    alone = [ground.place(near[row : row + 1], similarities[row : row + 1]).places[0] for row in range(30)]
    np.testing.assert_array_equal(together, alone)


def test_no_place_is_outside_the_extent_of_its_nearest_articles(
    world: tuple[np.ndarray, np.ndarray, NeighbourGraph],
) -> None:
    _, places, graph = world
    random = np.random.default_rng(6)
    near = random.integers(0, 800, (300, DEPTH + 1)).astype(np.int32)
    similarities = -np.sort(-random.random((300, DEPTH + 1)).astype(np.float32), axis=1)
    found = Ground(places, graph).place(near, similarities).places
    around = places[near[:, :DEPTH]]
    assert (found >= around.min(axis=1) - 1e-4).all()
    assert (found <= around.max(axis=1) + 1e-4).all()


@pytest.mark.parametrize("rows", [1, 2, 3, 10, 11, 12, 30])
def test_a_map_of_any_size_takes_one_more(rows: int) -> None:
    vectors = _vectors(rows, seed=3)
    places = np.random.default_rng(0).random((rows, 2)).astype(np.float32)
    ground = Ground(places, neighbour_graph(vectors))
    spots = ground.place(*nearest(vectors, vectors[:1], DEPTH + 1))
    assert np.isfinite(spots.places).all()
    assert ground.judge(spots).doubt(0) is None
