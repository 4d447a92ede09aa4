"""What a map that grows promises: nothing on it moves, and what is new lies as well as after a new layout."""

import numpy as np
import pytest

from knowscape.maps.growing import extend_graph, grow_map
from knowscape.maps.knowledge_map import KnowledgeMap, make_map
from knowscape.maps.layout import LayoutOptions, normalise
from knowscape.maps.neighbours import neighbour_graph

COUNT, OLD = 900, 800


def _vectors(count: int = COUNT) -> np.ndarray:
    random = np.random.default_rng(2)
    centres = random.normal(size=(12, 24))
    noise = random.normal(scale=0.6, size=(count, 24))
    return (centres[random.integers(0, 12, count)] + noise).astype(np.float32)


def _made(vectors: np.ndarray, asked: np.ndarray | None = None) -> KnowledgeMap:
    return make_map(
        vectors=vectors,
        graph=neighbour_graph(vectors),
        question_vectors=asked,
        document_ids=[f"d{row}" for row in range(len(vectors))],
        question_ids=[f"q{row}" for row in range(len(asked) if asked is not None else 0)],
        titles=[f"Title {row}" for row in range(len(vectors))],
        texts=["lava and crater" if row % 2 else "violin and bow" for row in range(len(vectors))],
        options=LayoutOptions(early_iterations=60, iterations=150),
        padding=0.5,
        about={"corpus": "old"},
    )


def _grown(
    before: KnowledgeMap, vectors: np.ndarray, asked: np.ndarray | None = None, ids: list[str] | None = None
) -> KnowledgeMap:
    questions = [f"q{row}" for row in range(len(asked) if asked is not None else 0)]
    return grow_map(
        before,
        vectors=vectors,
        graph=neighbour_graph(vectors),
        question_vectors=asked,
        ids=(ids or [f"d{row}" for row in range(len(vectors))], questions),
        padding=0.5,
        about={"corpus": "new"},
    )


@pytest.fixture(scope="module")
def before() -> KnowledgeMap:
    return _made(_vectors()[:OLD])


@pytest.fixture(scope="module")
def grown(before: KnowledgeMap) -> KnowledgeMap:
    return _grown(before, _vectors())


@pytest.mark.parametrize("known", [1, 3, 40, 299, 300])
def test_the_extended_graph_is_the_one_of_all(known: int) -> None:
    vectors = _vectors(300)
    rows = np.sort(np.random.default_rng(3).permutation(300)[:known])
    whole, found = neighbour_graph(vectors), extend_graph(neighbour_graph(vectors[rows]), vectors, rows)
    assert (whole.indices == found.indices).mean() > 0.999  # but for equal similarities
    np.testing.assert_allclose(found.similarities, whole.similarities, atol=1e-5)
    assert (found.indices.dtype, found.similarities.dtype) == (np.int32, np.float32)


def test_what_is_on_the_map_keeps_its_bits(before: KnowledgeMap, grown: KnowledgeMap) -> None:
    assert grown.raw[:OLD].tobytes() == before.raw.tobytes()
    assert grown.coordinates[:OLD].tobytes() == before.coordinates.tobytes()
    np.testing.assert_array_equal(grown.coordinates, normalise(grown.raw))
    assert len(np.unique(grown.coordinates[OLD:], axis=0)) > 90


def test_only_what_was_added_has_a_confidence(grown: KnowledgeMap) -> None:
    assert np.isnan(grown.confidence[:OLD]).all()
    added = grown.confidence[OLD:]
    assert ((added > 0) & (added <= 1)).all()


def test_what_is_new_keeps_at_least_four_fifths_of_the_neighbours_of_a_new_layout(
    before: KnowledgeMap, grown: KnowledgeMap
) -> None:
    refit = _made(_vectors())
    assert grown.recall_10[OLD:].mean() >= 0.8 * refit.recall_10[OLD:].mean()
    assert grown.recall_10[:OLD].mean() >= 0.9 * refit.recall_10[:OLD].mean()


def test_labels_stay_and_their_figures_are_those_of_now(before: KnowledgeMap, grown: KnowledgeMap) -> None:
    for level, (old, new) in enumerate(zip(before.regions.levels, grown.regions.levels, strict=True)):
        assert [(r.label, r.x, r.y, r.exemplars) for r in new] == [(r.label, r.x, r.y, r.exemplars) for r in old]
        own = grown.regions.membership[:, level]
        assert np.bincount(own).tolist() == [region.support for region in new]
        parents = [region.parent for region in new]
        assert not level or (grown.regions.membership[:, level - 1] == np.array(parents)[own]).all()
    assert sum(region.support for region in grown.regions.levels[0]) == COUNT
    np.testing.assert_array_equal(grown.membership[:OLD], before.membership)


def test_a_map_that_grew_in_two_steps_keeps_the_first_ones_bits(before: KnowledgeMap) -> None:
    half = _grown(before, _vectors()[:850])
    whole = _grown(half, _vectors())
    assert whole.coordinates[:850].tobytes() == half.coordinates.tobytes()
    np.testing.assert_array_equal(whole.confidence[:850], half.confidence)
    assert whole.about["drift"]["added"] == 100


def test_new_articles_may_come_between_the_old_ones(before: KnowledgeMap) -> None:
    vectors = _vectors()
    order = np.argsort(np.random.default_rng(8).random(COUNT))
    mixed = _grown(before, vectors[order], ids=[f"d{row}" for row in order])
    place = np.argsort(order)[:OLD]
    assert mixed.coordinates[place].tobytes() == before.coordinates.tobytes()
    for old, new in zip(before.regions.levels[-1], mixed.regions.levels[-1], strict=True):
        assert [int(order[row]) for row in new.exemplars] == list(old.exemplars)


def test_old_questions_stay_and_new_ones_are_placed() -> None:
    vectors = _vectors(300)
    asked = vectors[:12] + np.random.default_rng(4).normal(scale=0.1, size=(12, 24)).astype(np.float32)
    before = _made(vectors[:280], asked[:8])
    grown = _grown(before, vectors, asked)
    assert grown.coordinates[300:308].tobytes() == before.coordinates[280:].tobytes()
    assert grown.question_ids == [f"q{row}" for row in range(12)]
    assert np.isnan(grown.confidence[300:308]).all()
    assert (grown.confidence[308:] > 0).all()
    home = np.linalg.norm(grown.coordinates[308:] - grown.coordinates[8:12], axis=1)
    assert np.median(home) < 0.1


def test_more_of_the_same_needs_no_new_layout_and_something_else_does(
    before: KnowledgeMap, grown: KnowledgeMap
) -> None:
    same = grown.about["drift"]
    assert same["refit"] is None
    assert same["doubtful"] <= 0.12
    assert 0.5 < same["shift"] < 1.6
    random = np.random.default_rng(9)
    strange = np.concatenate([_vectors()[:OLD], random.normal(size=(100, 24)).astype(np.float32)])
    other = _grown(before, strange).about["drift"]
    assert other["doubtful"] > same["doubtful"]
    assert "have no place on the map" in other["refit"]


def test_a_map_to_which_nothing_is_added_has_no_drift(before: KnowledgeMap) -> None:
    again = _grown(before, _vectors()[:OLD])
    assert again.about["drift"] is None
    assert again.quality == before.quality
