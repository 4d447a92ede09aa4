"""One ranking of two: ranks or scores are added, and nothing depends on the order in which they come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowscape.errors import UsageError
from knowscape.search.fusion import Fusion, fuse

DENSE, LEXICAL = [("a", 0.9), ("b", 0.8), ("c", 0.5)], [("c", 20.0), ("d", 12.0), ("a", 10.0)]


def test_reciprocal_ranks_are_added() -> None:
    found = dict(fuse({"dense": DENSE, "lexical": LEXICAL}, Fusion("rrf")))
    assert found == pytest.approx({"a": 1 / 61 + 1 / 63, "c": 1 / 63 + 1 / 61, "b": 1 / 62, "d": 1 / 62})


def test_scores_are_scaled_between_their_least_and_their_best_and_weighed() -> None:
    found = dict(fuse({"dense": DENSE, "lexical": LEXICAL}, Fusion(dense=0.25)))
    assert found == pytest.approx({"a": 0.25, "b": 0.25 * 0.75, "c": 0.75, "d": 0.75 * 0.2})


def test_a_ranking_of_equals_gives_each_its_whole_weight() -> None:
    assert dict(fuse({"dense": [("a", 0.3)], "lexical": []}, Fusion())) == {"a": 0.5}


@pytest.mark.parametrize("options", [{"method": "sum"}, {"dense": 1.5}, {"dense": -0.1}, {"k": 0}])
def test_what_is_no_fusion_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        Fusion(**options)  # type: ignore[arg-type]


rankings = st.lists(st.tuples(st.sampled_from("abcdefgh"), st.floats(-1, 1)), unique_by=lambda one: one[0]).map(
    lambda ranking: sorted(ranking, key=lambda one: -one[1])
)


@given(rankings, rankings, st.sampled_from(["rrf", "weighted"]))
def test_all_that_was_found_is_there_once_best_first_and_the_order_of_rankings_does_not_matter(
    one: list[tuple[str, float]], other: list[tuple[str, float]], method: str
) -> None:
    found = fuse({"dense": one, "lexical": other}, Fusion(method))
    assert found == fuse({"lexical": other, "dense": one}, Fusion(method))
    assert {name for name, _ in found} == {name for name, _ in one + other}
    assert len(found) == len(dict(found))
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
