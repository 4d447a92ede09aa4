"""What the comparison of embedding and map, article by article, promises."""

from pathlib import Path

import numpy as np
import pytest

from knowscape.maps import ranks
from knowscape.maps.neighbours import neighbour_graph, unit_rows
from knowscape.maps.quality import neighbour_recall
from knowscape.maps.ranks import neighbours_kept, some_distances

DEPTHS = (5, 10, 50)


def _world(count: int, width: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Return vectors of many lengths in a few groups, and a map that shows two of their directions, with noise."""
    random = np.random.default_rng(4)
    vectors = random.normal(size=(9, width))[random.integers(0, 9, count)] + random.normal(0, 0.6, (count, width))
    vectors *= random.uniform(0.5, 3, (count, 1))
    places = unit_rows(vectors.astype(np.float32))[:, :2] + random.normal(0, 0.05, (count, 2))
    return vectors.astype(np.float32), places.astype(np.float32)


def test_recall_trustworthiness_and_continuity_are_those_of_their_definitions() -> None:
    from sklearn.manifold import trustworthiness

    vectors, places = _world(400)
    kept = neighbours_kept(vectors, places, np.arange(400), DEPTHS)
    unit = unit_rows(vectors)
    assert kept.trustworthiness.mean() == pytest.approx(trustworthiness(unit, places, n_neighbors=10), abs=1e-5)
    assert kept.continuity.mean() == pytest.approx(trustworthiness(places, unit, n_neighbors=10), abs=1e-5)
    for depth, expected in neighbour_recall(neighbour_graph(vectors), places, DEPTHS).items():
        np.testing.assert_allclose(kept.recall[depth], expected, atol=1e-6)


@pytest.mark.parametrize("count", [2, 3, 4, 11, 21, 60])
def test_small_maps_are_compared_as_deep_as_they_go(count: int) -> None:
    vectors, places = _world(count)
    same = neighbours_kept(vectors, unit_rows(vectors), np.arange(count), DEPTHS)
    other = neighbours_kept(vectors, places, np.arange(count), DEPTHS)
    for values in (*same.recall.values(), same.trustworthiness, same.continuity):
        assert values.tolist() == [1] * count
    for values in (*other.recall.values(), other.trustworthiness, other.continuity):
        assert ((values >= 0) & (values <= 1)).all()


def test_the_worst_map_has_a_trustworthiness_of_zero() -> None:
    line = np.linspace(0, 0.5, 40)
    vectors = np.column_stack([np.cos(line), np.sin(line)]).astype(np.float32)
    # The first article's nearest are the farthest on the map.
    places = np.column_stack([np.r_[0, np.arange(39, 0, -1)], np.zeros(40)]).astype(np.float32)
    kept = neighbours_kept(vectors, places, np.array([0]), DEPTHS)
    assert kept.trustworthiness[0] == pytest.approx(0, abs=1e-6)
    assert kept.continuity[0] == pytest.approx(0, abs=1e-6)
    assert kept.recall[5][0] == 0


def test_the_size_of_blocks_and_a_memory_map_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, places = _world(700)
    rows = np.arange(0, 700, 3)
    whole = neighbours_kept(vectors, places, rows, DEPTHS)
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    monkeypatch.setattr(ranks, "_NUMBERS", 0)
    monkeypatch.setattr(ranks, "_FEWEST", 7)
    pieces = neighbours_kept(mapped, places, rows, DEPTHS)
    for depth in DEPTHS:
        np.testing.assert_array_equal(whole.recall[depth], pieces.recall[depth])
    np.testing.assert_allclose(whole.trustworthiness, pieces.trustworthiness, atol=1e-6)


def test_equal_articles_count_as_equally_near() -> None:
    vectors = np.repeat(np.eye(3, dtype=np.float32), 20, axis=0)
    order = np.tile(np.random.default_rng(0).permutation(20), 3)
    places = np.column_stack([order + 100 * np.arange(3).repeat(20), np.zeros(60)]).astype(np.float32)
    kept = neighbours_kept(vectors, places, np.arange(60), [5])
    assert kept.recall[5].tolist() == [1] * 60
    assert kept.trustworthiness.tolist() == [1] * 60


@pytest.mark.parametrize("count", [12, 199, 5000, 40_000])
@pytest.mark.parametrize("ties", [False, True], ids=["distinct", "ties"])
def test_the_nearest_are_those_that_sorting_everything_finds(count: int, ties: bool) -> None:
    random = np.random.default_rng(count)
    values = random.normal(size=count).astype(np.float32)
    closeness = np.round(values, 1) if ties else values
    expected = np.argsort(-closeness, kind="stable")[:11]
    np.testing.assert_array_equal(ranks._nearest(closeness, 11), expected)


def test_distances_are_of_three_different_articles_in_both_spaces() -> None:
    vectors, places = _world(5)
    drawn = some_distances(vectors, places, 5000, np.random.default_rng(1))
    assert drawn.embedding.shape == drawn.map.shape == (5000, 2)
    assert drawn.map.min() > 0
    unit = unit_rows(vectors)
    of_pair = {
        round(float(np.linalg.norm(places[i] - places[j])), 4): 1 - unit[i] @ unit[j]
        for i in range(5)
        for j in range(i)
    }
    for near, far in zip(drawn.embedding[:50].ravel(), drawn.map[:50].ravel(), strict=True):
        assert near == pytest.approx(of_pair[round(float(far), 4)], abs=1e-5)
    assert len(np.unique(np.round(drawn.map, 4), axis=0)) == 5 * 4 * 3
