"""Runs are ranked, written and read as trec_eval means them, and evaluated as a stranger would have it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from knowscape.encoders.spec import EncoderSpec
from knowscape.errors import UsageError
from knowscape.evaluate.dense import dense_run
from knowscape.evaluate.metrics import parse_measures
from knowscape.evaluate.outcome import compare, evaluate_retrieval
from knowscape.evaluate.retrieval import RetrievalSet
from knowscape.evaluate.runs import Run, ranked, read_run, search_run, write_run

# What a file of six columns can hold: anything but spaces and halves of characters.
IDS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8).filter(
    lambda text: not any(character.isspace() for character in text)
)
SCORES = st.floats(allow_nan=False, allow_infinity=False)
RUNS = st.dictionaries(IDS, st.dictionaries(IDS, SCORES, min_size=1, max_size=6), min_size=1, max_size=5)
DATA = RetrievalSet(
    {name: f"text of {name}" for name in ("a", "b", "c", "d")},
    {"q1": "one", "q2": "two", "q3": "three"},
    {"q1": {"a": 2, "b": 1}, "q2": {"c": 1}, "q3": {"d": 1, "a": 0}},
)


@given(RUNS)
def test_a_run_is_the_same_when_it_has_been_written_and_read(
    tmp_path_factory: pytest.TempPathFactory, documents: dict[str, dict[str, float]]
) -> None:
    path = tmp_path_factory.mktemp("runs") / "run.trec"
    run = {query: ranked(found.items()) for query, found in documents.items()}
    write_run(path, run, "a tag")
    assert read_run(path) == run
    assert all(line.endswith(" a_tag") for line in path.read_text(encoding="utf-8").split("\n")[:-1])


def test_a_file_has_six_columns_and_ranks_from_one_by_score_and_falling_id(tmp_path: Path) -> None:
    write_run(tmp_path / "run.trec", {"q1": [("a", 1), ("c", 1), ("b", 2.5)]}, "mine")
    assert (tmp_path / "run.trec").read_text() == "q1 Q0 b 1 2.5 mine\nq1 Q0 c 2 1.0 mine\nq1 Q0 a 3 1.0 mine\n"


def test_the_scores_rank_and_the_ranks_in_the_file_do_not(tmp_path: Path) -> None:
    (tmp_path / "run.trec").write_text("q1\tQ0\ta\t1\t0.5\tx\r\n\nq1 0 b 0 7e-1 y\n")
    assert read_run(tmp_path / "run.trec") == {"q1": [("b", 0.7), ("a", 0.5)]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", r"is empty.*query-id Q0"),
        ("q1 Q0 a 1 0.5\n", r"line 1 has 5 columns, not six.*query-id Q0"),
        ("q1 Q0 a 1 0.5 x\nq1 Q0 b c 2 0.5 x\n", r"line 2 has 7 columns"),
        ("q1 Q0 a first 0.5 x\n", r"line 1: the rank 'first' is not a whole number"),
        ("q1 Q0 a 1 high x\n", r"line 1: the score 'high' is not a number"),
        ("q1 Q0 a 1 nan x\n", r"line 1: the score 'nan'"),
        ("q1 Q0 a 1 inf x\n", r"line 1: the score 'inf'"),
        ("q1 Q0 a 1 2 x\nq2 Q0 a 1 2 x\nq1 Q0 a 2 1 x\n", r"line 3: query 'q1' has document 'a' before"),
        ("\udcff", r"is not in UTF-8"),
    ],
)
def test_a_bad_run_is_refused_by_file_and_line(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "run.trec").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError, match=rf"run\.trec.*{says}"):
        read_run(tmp_path / "run.trec")


def test_a_missing_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no file .*run\.trec"):
        read_run(tmp_path / "run.trec")


@pytest.mark.parametrize("name", ["", "a b", "a\n", "\u00a0", "\ud800"])
def test_an_id_that_a_file_cannot_hold_is_refused_and_the_old_file_stays(tmp_path: Path, name: str) -> None:
    write_run(tmp_path / "run.trec", {"q1": [("a", 1.0)]}, "old")
    for run in ({"q1": [(name, 1.0)]}, {name: [("a", 1.0)]}):
        with pytest.raises(UsageError, match=r"cannot stand in a run.*query-id Q0"):
            write_run(tmp_path / "run.trec", run, "new")
    assert read_run(tmp_path / "run.trec") == {"q1": [("a", 1.0)]}
    assert len(list(tmp_path.iterdir())) == 1


def test_any_search_makes_a_run() -> None:
    asked = []

    def search(query: str, k: int) -> list[tuple[str, float]]:
        asked.append((query, k))
        return [("a", 1.0), ("b", 1.0), ("c", 3.0)]

    assert search_run(search, {"q1": "one", "q2": "two"}, 2) == {"q1": [("b", 1.0), ("a", 1.0)]} | {
        "q2": [("b", 1.0), ("a", 1.0)]
    }
    assert asked == [("one", 2), ("two", 2)]


class Lengths:
    """A text is near texts with as many letters."""

    spec = EncoderSpec("lengths", "", "", "", 2, 512)

    def encode_documents(self, texts: list[str]) -> NDArray[np.float32]:
        angle = np.array([len(text) / 10 for text in texts])
        return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)

    encode_queries = encode_documents


def test_exact_search_in_many_slices_finds_what_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {f"d{number:03}": "x" * (number % 17) for number in range(200)}
    data = RetrievalSet(texts, {"q1": "xxx", "q2": "x" * 12}, {"q1": {"d003": 1}, "q2": {"d012": 1}})
    whole = dense_run(Lengths(), data, 5)  # type: ignore[arg-type]
    assert [name for name, _ in whole["q1"]] == ["d190", "d173", "d156", "d139", "d122"]
    monkeypatch.setattr("knowscape.encoders.vectors._SLICE", 7)
    parts = dense_run(Lengths(), data, 5)  # type: ignore[arg-type]
    assert [name for name, _ in parts["q2"]] == [name for name, _ in whole["q2"]]


def test_an_evaluation_has_values_by_query_means_and_intervals() -> None:
    run = {"q1": [("a", 3.0), ("b", 2.0)], "q2": [("a", 1.0), ("c", 1.0)], "q9": [("a", 1.0)]}
    found = evaluate_retrieval(DATA, run, parse_measures("ndcg@10,mrr@1,recall@1"))
    assert found.values.tolist() == [[1, 1, 0.5], [1, 1, 1], [0, 0, 0]]
    said = found.to_json()
    assert (said["queries"], said["missing"], said["unjudged"]) == (3, 1, 1)
    assert said["by_query"]["q1"] == {"ndcg@10": 1, "mrr@1": 1, "recall@1": 0.5}
    assert said["measures"]["recall@1"]["value"] == pytest.approx(0.5)
    assert all(0 <= part["low"] <= part["value"] <= part["high"] <= 1 for part in said["measures"].values())


def test_equal_scores_rank_by_falling_id_whatever_order_they_come_in() -> None:
    for run in ({"q1": [("a", 1.0), ("c", 1.0)]}, {"q1": [("c", 1.0), ("a", 1.0)]}):
        assert evaluate_retrieval(DATA, run, parse_measures("mrr@10")).values[0, 0] == 0.5


@pytest.mark.parametrize(
    ("run", "says"),
    [
        ({}, "run is empty"),
        ({"q1": [], "q2": []}, "run is empty"),
        ({"7": [("a", 1.0)]}, r"None of the 1 queries.*'q1'; the run has '7'"),
        ({"q1": [("a", 2.0), ("b", 1.5), ("a", 1.0)]}, "document 'a' twice for query 'q1'"),
        ({"q1": [("a", 2.0), ("z", 1.0)]}, "document 'z' for query 'q1', which the collection lacks"),
    ],
)
def test_a_run_that_cannot_be_of_this_collection_is_refused(run: Run, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        evaluate_retrieval(DATA, run)


def test_nothing_to_measure_is_refused() -> None:
    with pytest.raises(UsageError, match=r"for example ndcg@10"):
        evaluate_retrieval(DATA, {"q1": [("a", 1.0)]}, ())


def test_a_comparison_has_both_means_the_difference_and_p() -> None:
    measures = parse_measures("mrr@10,recall@1")
    good = evaluate_retrieval(DATA, {"q1": [("a", 1.0)], "q2": [("c", 1.0)], "q3": [("d", 1.0)]}, measures)
    poor = evaluate_retrieval(DATA, {"q1": [("a", 1.0)], "q2": [("b", 2.0), ("c", 1.0)]}, measures)
    first, second = (row.to_json() for row in compare(good, poor))
    assert (first["one"], first["other"]) == pytest.approx((1, 0.5))
    assert first["difference"]["value"] == pytest.approx(0.5)
    assert second["difference"]["value"] == pytest.approx(2.5 / 3 - 0.5 / 3)
    assert first["p"] == pytest.approx(0.5, abs=0.03)
    with pytest.raises(UsageError, match="same queries in the same measures"):
        compare(good, evaluate_retrieval(DATA, {"q1": [("a", 1.0)]}, measures[:1]))
