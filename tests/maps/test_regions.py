"""What the named regions promise."""

import numpy as np
import pytest

from knowscape.maps.belonging import ground
from knowscape.maps.neighbours import neighbour_graph
from knowscape.maps.regions import Regions, best_places, find_regions, level_sizes

FIELDS = {
    "volcano": "magma lava eruption crater",
    "violin": "string orchestra melody bow",
    "enzyme": "protein catalyst substrate cell",
    "parliament": "senate election vote law",
}


def _world(each: int = 30) -> tuple[np.ndarray, list[str], list[str]]:
    random = np.random.default_rng(4)
    centres = np.array([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.9]])
    points = np.repeat(centres, each, axis=0) + random.normal(scale=0.03, size=(4 * each, 2))
    titles = [f"{name} {'abcdefgh'[i % 8]}" for name in FIELDS for i in range(each)]
    texts = [
        f"The {word} and {' '.join(random.choice(FIELDS[word].split(), 3))} are described here."
        for word in FIELDS
        for _ in range(each)
    ]
    return points.astype(np.float32), titles, texts


def _found(each: int = 30, seed: int = 0) -> tuple[Regions, np.ndarray]:
    points, titles, texts = _world(each)
    return find_regions(points, points, neighbour_graph(points), titles=titles, texts=texts, seed=seed), points


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (1, [1]),
        (8, [2]),
        (20, [2, 5]),
        (120, [4, 10, 26]),
        (684, [6, 15, 35, 85]),
        (24_403, [15, 60, 240, 963]),
        (250_000, [29, 100, 345, 1188, 4096]),
        (1_000_000, [30, 103, 351, 1198, 4096]),
    ],
)
def test_the_more_articles_the_more_levels_four_from_some_hundred_on(count: int, sizes: list[int]) -> None:
    assert level_sizes(count) == sizes


def test_levels_go_from_coarse_to_fine_and_each_row_is_in_one_region_of_each() -> None:
    regions, points = _found()
    sizes = [len(level) for level in regions.levels]
    assert sizes[:2] == [4, 10]
    assert 15 <= sizes[2] <= 26  # cells of one or two articles have gone to those beside them
    assert (regions.membership.shape, regions.membership.dtype) == ((len(points), 3), np.int32)
    for level, own in zip(regions.levels, regions.membership.T, strict=True):
        assert [region.support for region in level] == np.bincount(own, minlength=len(level)).tolist()
        assert min(region.support for region in level) >= 3


def test_regions_are_nested_and_know_their_parents() -> None:
    regions, _ = _found()
    assert all(region.parent is None for region in regions.levels[0])
    for level in (1, 2):
        for index, region in enumerate(regions.levels[level]):
            rows = regions.membership[:, level] == index
            assert set(regions.membership[rows, level - 1].tolist()) == {region.parent}


def test_a_label_tells_what_is_said_here_and_hardly_elsewhere() -> None:
    regions, _ = _found()
    vocabulary = {word: {word, *others.split()} for word, others in FIELDS.items()}
    for index, region in enumerate(regions.levels[1]):
        rows = np.flatnonzero(regions.membership[:, 1] == index)
        field = list(FIELDS)[rows[0] // 30]
        words = region.label.lower().replace(" & ", " ").split()
        assert set(words) & vocabulary[field], region.label
        assert not set(words) & set().union(*(v for k, v in vocabulary.items() if k != field)), region.label
        assert region.label == region.label.title()


def test_no_label_stands_twice_in_a_level_or_repeats_its_parents() -> None:
    regions, _ = _found()
    for level, coarser in zip(regions.levels, ((), *regions.levels[:2]), strict=True):
        assert len({region.label for region in level}) == len(level)
        assert all(region.parent is None or region.label != coarser[region.parent].label for region in level)


def test_a_label_stands_on_one_of_its_own_articles_and_exemplars_are_members() -> None:
    regions, points = _found()
    for level, own in zip(regions.levels, regions.membership.T, strict=True):
        for index, region in enumerate(level):
            assert (region.x, region.y) == tuple(map(float, points[region.exemplars[0]]))
            assert len(region.exemplars) == min(3, region.support)
            assert {int(own[row]) for row in region.exemplars} == {index}


def test_purity_is_the_share_of_true_neighbours_within_the_region() -> None:
    """Of a region of s articles no more than s - 1 neighbours can be in it, and so no more are asked."""
    points, titles, texts = _world()
    graph = neighbour_graph(np.random.default_rng(0).normal(size=(120, 5)).astype(np.float32))
    regions = find_regions(points, points, graph, titles=titles, texts=texts, seed=0)
    for level, own in zip(regions.levels, regions.membership.T, strict=True):
        for index, region in enumerate(level):
            rows = np.flatnonzero(own == index)
            near = graph.indices[rows, : min(10, len(rows) - 1)]
            assert region.purity == pytest.approx(np.isin(near, rows).mean())


def test_a_label_stands_among_its_own_articles_also_where_the_middle_is_anothers() -> None:
    """A ring around a heap has its middle in the heap."""
    random = np.random.default_rng(3)
    angle = random.uniform(0, 2 * np.pi, 200)
    ring = np.column_stack([np.cos(angle), np.sin(angle)]) * 10 + random.normal(scale=0.2, size=(200, 2))
    heap = random.normal(scale=0.5, size=(200, 2))
    points = np.concatenate([ring, heap]).astype(np.float32)
    own = np.repeat([0, 1], 200).astype(np.int32)
    around = ground(points, own, points, own)
    assert around.min() == 1.0
    for region in range(2):
        best = best_places(points, np.flatnonzero(own == region), around)
        assert own[best[0]] == region
    mixed = points.copy()
    mixed[0] = (0, 0)
    around = ground(mixed, own, mixed, own)
    assert around[0] == pytest.approx(0.1)
    assert best_places(mixed, np.flatnonzero(own == 0), around)[0] != 0


def test_the_same_seed_gives_the_same_regions() -> None:
    first, second = _found(seed=3)[0], _found(seed=3)[0]
    assert first.levels == second.levels
    np.testing.assert_array_equal(first.membership, second.membership)


@pytest.mark.parametrize("rows", [1, 2, 3, 10, 60])
@pytest.mark.parametrize("text", ["", "12 34", "the same words everywhere"], ids=["none", "numbers", "equal"])
def test_without_distinctive_words_a_region_takes_a_title_and_never_an_empty_label(rows: int, text: str) -> None:
    points = np.random.default_rng(0).normal(size=(rows, 2)).astype(np.float32)
    for titles in (["7"] * rows, [""] * rows):
        graph = neighbour_graph(points)
        regions = find_regions(points, points, graph, titles=titles, texts=[text] * rows, seed=0)
        for level in regions.levels:
            labels = [region.label for region in level]
            assert len(set(labels)) == len(labels)
            assert all(label.startswith(titles[0] or "Region") for label in labels)


def test_equal_points_make_one_region() -> None:
    points = np.full((50, 2), 0.5, np.float32)
    graph = neighbour_graph(points)
    regions = find_regions(points, points, graph, titles=["a"] * 50, texts=["b"] * 50, seed=0)
    assert [len(level) for level in regions.levels] == [1]


def test_a_name_is_a_subject_and_not_a_word_in_passing() -> None:
    """Of two words that are said equally often, the one that stands in titles names the region."""
    random = np.random.default_rng(2)
    points = np.repeat([[0.0, 0.0], [1.0, 1.0]], 60, axis=0) + random.normal(scale=0.05, size=(120, 2))
    points = points.astype(np.float32)
    subjects, passing = ("harp", "mussel"), ("certainly", "probably")
    titles = [f"{subjects[i // 60]} {'abcdefghij'[i % 10]}{'klmnop'[i // 10 % 6]}x" for i in range(120)]
    texts = [f"It {passing[i // 60]} is one {subjects[i // 60]} of many." for i in range(120)]
    regions = find_regions(points, points, neighbour_graph(points), titles=titles, texts=texts, seed=0)
    assert {"Harp", "Mussel"} <= {region.label for region in regions.levels[0]}


def test_an_article_that_its_neighbours_gather_around_gives_its_title() -> None:
    """A general article need not be named in the texts of the special ones."""
    random = np.random.default_rng(5)
    points = (random.normal(scale=0.05, size=(120, 2)) + np.repeat([[0], [3]], 60, axis=0)).astype(np.float32)
    # In many directions the special articles are far from each other, and all near the general one in their middle.
    vectors = random.normal(size=(120, 40)).astype(np.float32)
    vectors[:60, 0] += 12
    vectors[60:, 1] += 12
    vectors[0], vectors[60] = vectors[1:60].mean(axis=0), vectors[61:].mean(axis=0)
    letters = "abcdefghijklmnopqrst"
    special = [f"{letters[i // 20]}{letters[i % 20]}" for i in range(59)]
    titles = ["Botany", *(f"plant{name}" for name in special), "Optics", *(f"lens{name}" for name in special)]
    graph = neighbour_graph(vectors)
    regions = find_regions(points, vectors, graph, titles=titles, texts=["said here"] * 120, seed=0)
    labels = " ".join(region.label for region in regions.levels[0])
    assert "Botany" in labels
    assert "Optics" in labels


def test_every_region_has_a_place_where_most_of_what_lies_around_is_its_own() -> None:
    random = np.random.default_rng(3)
    middles = random.uniform(size=(60, 2))
    lumps = np.repeat(middles, random.integers(1, 12, 60), axis=0)
    places = (lumps + random.normal(scale=0.004, size=lumps.shape)).astype(np.float32)
    vectors = random.normal(size=(len(places), 8)).astype(np.float32)
    names = [f"Article {number}" for number in range(len(places))]
    regions = find_regions(places, vectors, neighbour_graph(vectors), titles=names, texts=names, seed=0)
    assert all((region.place or 0) >= 0.5 for level in regions.levels for region in level)
