"""Hard negatives and scores, with an encoder whose vectors are written down."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr

from knowscape.encoders.spec import EncoderSpec
from knowscape.errors import UsageError
from knowscape.finetune.card import verdict
from knowscape.finetune.examples import Example, Examples
from knowscape.finetune.mining import mine_negatives, with_negatives
from knowscape.finetune.options import FinetuneOptions
from knowscape.finetune.scores import Comparison, compare, positive_ranks
from knowscape.significance import Figure


class Written:
    """An encoder with a vector for each text; the prompt of queries is a shift of one number."""

    def __init__(self, vectors: Mapping[str, Sequence[float]], similarity: str = "cosine") -> None:
        width = len(next(iter(vectors.values())))
        self.vectors = vectors
        self.spec = EncoderSpec("written", "1", "", "", width, 99, similarity=similarity)

    def encode_documents(self, texts: list[str]) -> NDArray[np.float32]:
        return np.array([self.vectors[text] for text in texts], np.float32)

    encode_queries = encode_documents

    def token_counts(self, texts: list[str]) -> list[int]:
        return [1 for _ in texts]

    def close(self) -> None:
        pass


def at(degrees: float) -> tuple[float, float]:
    return float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))


def angles(**of: float) -> Written:
    return Written({text: at(degrees) for text, degrees in of.items()})


# The positive lies at 60 degrees, cosine 0.5: what is nearer than 0.475 (61.6 degrees) is too near by 5 %.
WORLD = angles(q=0, good=60, twin=5, near=61, first=62, second=70, third=80, far=170, other=66)


def test_negatives_are_the_nearest_texts_that_are_clearly_farther_than_the_positive() -> None:
    corpus = ["far", "third", "second", "first", "near", "twin", "good", "q", "first", " "]
    for count, expected in ((1, ["first"]), (3, ["first", "second", "third"])):
        options = FinetuneOptions(negatives=count)
        assert mine_negatives(WORLD, [Example("q", "good")], corpus, options) == [expected]
    wide = FinetuneOptions(negatives=9, margin=0.4)
    assert mine_negatives(WORLD, [Example("q", "good")], corpus, wide) == [["third", "far"]]
    assert mine_negatives(WORLD, [Example("q", "good")], corpus, FinetuneOptions(margin=0.0)) == [["near"]]


def test_no_positive_of_the_anchor_no_anchor_and_nothing_held_out_is_a_negative() -> None:
    items = [Example("q", "good"), Example("q", "first"), Example("other", "second")]
    corpus = ["first", "second", "third", "other", "far"]
    mined = mine_negatives(WORLD, items, corpus, FinetuneOptions(negatives=9), never=["third"])
    assert mined[:2] == [["second", "far"], ["second", "far"]]
    assert "second" not in mined[2]
    assert all({"other", "third"}.isdisjoint(names) for names in mined)


def test_below_a_positive_that_is_far_away_a_negative_is_farther_still() -> None:
    """95 % of a similarity below zero is above it."""
    world = angles(q=0, good=100, closer=99.6, farther=102)
    corpus = ["closer", "farther"]
    assert mine_negatives(world, [Example("q", "good")], corpus, FinetuneOptions(negatives=9)) == [["farther"]]


def test_a_pair_without_a_negative_stays_a_pair() -> None:
    items = [Example("q", "good"), Example("r", "well")]
    assert mine_negatives(WORLD, items[:1], ["twin"], FinetuneOptions()) == [[]]
    assert mine_negatives(WORLD, items[:1], ["q"], FinetuneOptions()) == [[]]
    assert with_negatives(items, [["a", "b"], []]) == (
        Example("q", "good", "a"), Example("q", "good", "b"), Example("r", "well"),
    )  # fmt: skip


@given(
    st.lists(st.lists(st.integers(-2, 2), min_size=2, max_size=2), min_size=3, max_size=9),
    st.lists(st.sets(st.integers(0, 2), min_size=1), min_size=1, max_size=4),
)
def test_the_rank_of_a_positive_is_one_more_than_the_others_that_are_as_similar(
    candidates: list[list[int]], answers: list[set[int]]
) -> None:
    anchors = np.array([[1, -1], [0, 2], [2, 1], [1, 1]], np.float32)[: len(answers)]
    found = positive_ranks(anchors, np.array(candidates, np.float32), [sorted(rows) for rows in answers])
    for anchor, rows, rank in zip(anchors, answers, found, strict=True):
        similar = [float(anchor @ np.array(one)) for one in candidates]
        best = max(similar[row] for row in rows)
        assert rank == 1 + sum(value >= best for row, value in enumerate(similar) if row not in rows)


def circle(count: int, error: float) -> Written:
    """Anchors around a circle, each positive off its anchor by a random error in degrees."""
    random = np.random.default_rng(0)
    turns = np.arange(count) * 360 / count
    named = {f"q{n}": at(turn) for n, turn in enumerate(turns)}
    return Written(named | {f"a{n}": at(turn + random.normal(0, error)) for n, turn in enumerate(turns)})


PAIRS = Examples("pairs", tuple(Example(f"q{n}", f"a{n}") for n in range(200)))


def test_a_better_model_is_told_from_its_base_and_an_equal_one_is_not() -> None:
    worse, better = circle(200, 8.0), circle(200, 1.0)
    chief, first = compare(worse, better, PAIRS)
    assert (chief.measure, first.measure) == ("mrr@10", "accuracy@1")
    assert chief.improved
    assert chief.difference.low > 0.1
    assert chief.difference.value == pytest.approx(chief.after.value - chief.before.value)
    for one in (chief.before, chief.after, chief.difference):
        assert one.low < one.value < one.high
    assert not compare(better, worse, PAIRS)[0].improved
    same = compare(worse, worse, PAIRS)[0]
    assert (same.difference, same.improved) == (Figure(0.0, 0.0, 0.0), False)


def test_a_model_that_takes_all_texts_for_one_gets_nothing() -> None:
    flat = Written(dict.fromkeys([*(f"q{n}" for n in range(200)), *(f"a{n}" for n in range(200))], (1.0, 0.0)))
    assert compare(flat, flat, PAIRS)[0].before == Figure(0.0, 0.0, 0.0)


def test_the_interval_is_that_of_the_mean_over_anchors() -> None:
    """For many independent anchors the bootstrap's is the normal one."""
    encoder = circle(200, 8.0)
    anchors, positives = (encoder.encode_documents([f"{kind}{n}" for n in range(200)]) for kind in "qa")
    right = (anchors @ positives.T).argmax(axis=1) == np.arange(200)
    found = compare(encoder, encoder, PAIRS)[1].before
    half = 1.96 * right.std() / np.sqrt(200)
    assert found.value == right.mean()
    assert (found.low, found.high) == pytest.approx((right.mean() - half, right.mean() + half), abs=0.015)


def test_anchors_that_share_a_text_are_drawn_together_and_widen_the_interval() -> None:
    """Two hundred questions, ten of them to each article and with the same vector, tell as much as twenty."""
    encoder = circle(200, 8.0)
    vectors = {name: encoder.vectors[f"{name[0]}{int(name[1:]) // 10}"] for name in encoder.vectors}
    shared = Written({**vectors, **{f"a{n}": encoder.vectors[f"a{n}"] for n in range(200)}})
    items = tuple(Example(f"q{n}", f"a{n // 10}") for n in range(200))
    together = compare(shared, shared, Examples("pairs", items))[1].before
    apart = compare(encoder, encoder, PAIRS)[1].before
    assert together.high - together.low > 2 * (apart.high - apart.low)


def test_scored_pairs_are_judged_by_the_order_of_their_similarities() -> None:
    random = np.random.default_rng(1)
    turns = random.uniform(0, 180, 300)
    encoder = Written({"q": at(0), **{f"s{n}": at(turn) for n, turn in enumerate(turns)}})
    scores = -turns + random.normal(0, 40, 300)
    held = Examples("scored", tuple(Example("q", f"s{n}", score=score) for n, score in enumerate(scores)))
    (found,) = compare(encoder, encoder, Examples("scored", held.items))
    assert found.measure == "spearman"
    assert found.before.value == pytest.approx(spearmanr(np.cos(np.radians(turns)), scores).statistic)


def test_cut_vectors_are_compared_as_vectors_of_their_own() -> None:
    """Of four numbers the last two are all that tells the anchors apart: cut to two, nothing is left."""
    encoder = circle(200, 0.5)
    long = Written({text: (3.0, 4.0, 9 * x, 9 * y) for text, (x, y) in encoder.vectors.items()})
    found = {one.measure: one.after.value for one in compare(long, long, PAIRS, dimensions=(2,))}
    assert list(found) == ["mrr@10", "accuracy@1", "mrr@10, 2 dimensions", "accuracy@1, 2 dimensions"]
    assert found["mrr@10"] > 0.95
    assert found["mrr@10, 2 dimensions"] < 0.1


def test_a_similarity_that_is_not_trained_for_is_refused() -> None:
    far = Written({f"{kind}{n}": (1.0, n) for kind in "qa" for n in range(200)}, similarity="euclidean")
    with pytest.raises(UsageError, match=r"'euclidean'\. Accepted: cosine, dot"):
        compare(far, far, PAIRS)


@pytest.mark.parametrize(
    ("low", "high", "says"),
    [(0.01, 0.2, "Better than its base"), (-0.1, 0.2, "NOT shown to be better"), (-0.3, -0.1, "WORSE than its base")],
)
def test_the_verdict_says_what_the_interval_says(low: float, high: float, says: str) -> None:
    one = Comparison("mrr@10", Figure(0.5, 0.4, 0.6), Figure(0.5, 0.4, 0.6), Figure(0.05, low, high))
    record = {"scores": [one.to_json()], "plan": {"model": "all-MiniLM-L6-v2"}}
    assert verdict(record).startswith(says)
    assert one.improved == (low > 0)
