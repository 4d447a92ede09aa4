"""Re-ranking: what a cross-encoder makes of what a search found, in how much time there is."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from knowscape.encoders.spec import CrossSpec
from knowscape.errors import KnowscapeError, UsageError
from knowscape.search import rerank as module
from knowscape.search.index import Hit
from knowscape.search.rerank import RerankOptions, rerank


class Scorer:
    """A cross-encoder that is any function of the query and a text; it notes what it was asked."""

    spec = CrossSpec("fake", "local", "", "", 512)

    def __init__(self, score: Callable[[str, str], float], after: Callable[[int], None] = lambda count: None) -> None:
        self._score, self._after = score, after
        self.asked: list[list[str]] = []

    def score(self, query: str, texts: list[str]) -> NDArray[np.float32]:
        self.asked.append(texts)
        self._after(len(texts))
        return np.array([self._score(query, text) for text in texts], np.float32)

    def close(self) -> None:
        pass


def shared_words(query: str, text: str) -> float:
    return len(set(query.lower().split()) & set(text.lower().split()))


def hits(*passages: str, **fields: str) -> list[Hit]:
    return [
        Hit(f"d{rank}", 1 / rank, rank, passage=passage, ranks={"lexical": rank + 3}, **fields)  # type: ignore[arg-type]
        for rank, passage in enumerate(passages, start=1)
    ]


class Clock:
    """A clock that moves on only when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(module, "monotonic", lambda: self.now)

    def spend(self, seconds: float) -> None:
        self.now += seconds


def test_the_hits_come_in_the_order_of_the_scorer_with_its_scores_and_the_ranks_of_before() -> None:
    found = hits("rivers carry sand", "a cell divides", "how does a star shine")
    best = rerank(found, "how does a star die", Scorer(shared_words), k=2)
    assert [(hit.id, hit.score, hit.rank) for hit in best] == [("d3", 4, 1), ("d2", 1, 2)]
    assert best[0].ranks == {"lexical": 6, "retrieved": 3, "reranked": 1}
    assert found[2].ranks == {"lexical": 6}


def test_the_title_stands_before_the_passage() -> None:
    scorer = Scorer(shared_words)
    rerank([*hits("shine by fusion", title="Stars"), *hits("no title")], "stars", scorer)
    assert scorer.asked == [["Stars shine by fusion", "no title"]]


def test_only_the_first_hits_up_to_the_depth_are_scored_and_the_others_stay_behind() -> None:
    scorer = Scorer(lambda query, text: float(text))
    best = rerank(hits(*"123456789"), "q", scorer, k=6, options=RerankOptions(depth=3))
    assert [hit.id for hit in best] == ["d3", "d2", "d1", "d4", "d5", "d6"]
    assert [hit.rank for hit in best] == [1, 2, 3, 4, 5, 6]
    assert scorer.asked == [["1", "2", "3"]]
    assert ["reranked" in hit.ranks for hit in best] == [True, True, True, False, False, False]
    assert best[3].score == 1 / 4


def test_the_best_hits_are_scored_first_and_those_without_time_keep_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    scorer = Scorer(lambda query, text: float(text), after=lambda count: clock.spend(0.1 * count))
    options = RerankOptions(batch=2, seconds=0.7)
    best = rerank(hits(*"12345678"), "q", scorer, options=options)
    # 0.2 s a batch: after three 0.6 s are gone, and a fourth would end at 0.8.
    assert [len(texts) for texts in scorer.asked] == [2, 2, 2]
    assert [hit.id for hit in best] == ["d6", "d5", "d4", "d3", "d2", "d1", "d7", "d8"]
    assert [hit.rank for hit in best] == list(range(1, 9))


def test_the_first_batch_is_scored_however_little_time_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    scorer = Scorer(lambda query, text: float(text), after=lambda count: clock.spend(5))
    best = rerank(hits(*"1234"), "q", scorer, options=RerankOptions(batch=2, seconds=1e-6))
    assert [hit.id for hit in best] == ["d2", "d1", "d3", "d4"]


def test_without_a_limit_all_are_scored_together_and_with_enough_time_the_order_is_the_same() -> None:
    passages = [str(number * 37 % 101) for number in range(60)]
    free, limited = (Scorer(lambda query, text: float(text)) for _ in range(2))
    assert rerank(hits(*passages), "q", free, k=60) == rerank(
        hits(*passages), "q", limited, k=60, options=RerankOptions(seconds=600)
    )
    assert [len(texts) for texts in free.asked] == [60]
    assert [len(texts) for texts in limited.asked] == [32, 28]


@given(st.lists(st.integers(-3, 3), max_size=40), st.integers(1, 50), st.integers(1, 50))
def test_the_result_is_the_sorted_head_and_the_untouched_tail(scores: list[int], k: int, depth: int) -> None:
    """Equal scores keep the order of the search; no hit is lost, none comes twice."""
    found = hits(*map(str, scores))
    best = rerank(found, "q", Scorer(lambda query, text: float(text)), k=k, options=RerankOptions(depth=depth))
    head = sorted(found[:depth], key=lambda hit: -float(hit.passage))  # sorted() is stable
    assert [hit.id for hit in best] == [hit.id for hit in (head + found[depth:])[:k]]
    assert [hit.rank for hit in best] == list(range(1, len(best) + 1))


def test_no_hits_give_none_and_nothing_is_scored() -> None:
    scorer = Scorer(shared_words)
    assert rerank([], "q", scorer) == []
    assert scorer.asked == []


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_scorer_that_gives_no_numbers_is_named(score: float) -> None:
    with pytest.raises(KnowscapeError, match=r"fake gave .* for 1 passages"):
        rerank(hits("a"), "q", Scorer(lambda query, text: score))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: RerankOptions(depth=0), "depth is 0"),
        (lambda: RerankOptions(batch=0), "batch 0"),
        (lambda: RerankOptions(seconds=0), "0 seconds"),
        (lambda: RerankOptions(seconds=float("nan")), "nan seconds"),
        (lambda: rerank([], "q", Scorer(shared_words), k=0), "k is 0"),
    ],
)
def test_options_that_mean_nothing_are_refused(make: Callable[[], object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        make()
