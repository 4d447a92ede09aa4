"""The commands that evaluate a search and a model, on small data with the real weights."""

import json
from pathlib import Path

import pytest

from conftest import Run

TEXTS = {
    "sun": "The sun is a star of spectral class G.",
    "bread": "Bread is baked from flour, water and yeast.",
    "violin": "A violin has four strings and is played with a bow.",
    "rain": "Rain falls from clouds when drops grow heavy.",
}
QUERIES = {"q1": "nearest star", "q2": "what is a loaf made of", "q3": "stringed instrument", "q4": "not judged"}
JUDGED = {"q1": "sun", "q2": "bread", "q3": "violin"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, texts in (("corpus", TEXTS), ("queries", QUERIES)):
        lines = [json.dumps({"_id": key, "text": text}) for key, text in texts.items()]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    rows = ["query-id\tcorpus-id\tscore", *(f"{query}\t{document}\t1" for query, document in JUDGED.items())]
    (tmp_path / "qrels.tsv").write_text("\n".join(rows))
    (tmp_path / "poor.trec").write_text("q1 Q0 rain 1 2.0 x\nq1 Q0 sun 2 1.0 x\nq2 Q0 bread 1 1.0 x\nq4 Q0 sun 1 1 x\n")
    return tmp_path


def test_a_search_is_evaluated_written_and_compared(knowscape: Run, folder: Path) -> None:
    out, poor = folder / "out.trec", folder / "poor.trec"
    options = ["--mode", "dense", "--run", out, "--against", poor, "--measures", "ndcg@10,mrr@1"]
    done = knowscape("evaluate", "retrieval", folder, *options, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["measures"]["ndcg@10"] == {"value": 1, "low": 1, "high": 1}
    assert set(said["by_query"]) == set(JUDGED)
    difference = said["against"][str(poor)]["mrr@1"]
    assert (difference["one"], difference["other"]) == pytest.approx((1, 1 / 3))
    assert out.read_text().splitlines()[0].startswith("q1 Q0 sun 1 0.")
    assert out.read_text().splitlines()[0].endswith(" dense_all-MiniLM-L6-v2")
    again = knowscape("evaluate", "retrieval", folder, "--from", out, "--measures", "ndcg@10,mrr@1", "--json")
    assert json.loads(again.stdout)["by_query"] == said["by_query"]


def test_a_run_that_is_there_is_evaluated_without_a_model(knowscape: Run, folder: Path) -> None:
    poor = folder / "poor.trec"
    done = knowscape("evaluate", "retrieval", folder, "--from", poor, "--against", poor)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["mrr@10", "0.5000"] in [line[:2] for line in lines]
    assert "1 judged queries have nothing in the run; each counts as 0." in done.stdout
    assert "1 queries of the run have no judgement and are left out." in done.stdout
    assert ["mrr@10", "0.5000", "0.5000", "+0.0000", "[+0.0000,", "+0.0000]", "1.0000"] in lines


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "no folder nowhere"),
        ([".", "--mode", "psychic"], "'psychic'. Accepted: hybrid, dense, lexical"),
        ([".", "--model", "no-such-model"], "no-such-model"),
        ([".", "--measures", "err@20"], "'err@20'. Accepted: ndcg@K"),
        ([".", "--from", "nowhere.trec"], "no file nowhere.trec"),
        ([".", "--from", "poor.trec", "--mode", "dense"], "leave out --mode"),
        ([".", "--against", "nowhere.trec"], "no file nowhere.trec"),
        ([".", "--from", "corpus.jsonl"], "corpus.jsonl, line 1 has"),
        ([".", "--run", "."], "is a directory"),
    ],
)
def test_bad_usage_of_retrieval_gets_a_clear_error(
    knowscape: Run, folder: Path, arguments: list[str], says: str
) -> None:
    done = knowscape("evaluate", "retrieval", *arguments, cwd=folder)
    assert done.returncode == 2, done.stderr
    assert says in " ".join(done.stderr.replace("│", " ").split())
    assert "Traceback" not in done.stderr


def test_ids_that_a_run_cannot_hold_are_refused_before_the_search(knowscape: Run, folder: Path) -> None:
    with (folder / "corpus.jsonl").open("a") as file:
        file.write('\n{"_id": "two words", "text": "A text."}')
    done = knowscape("evaluate", "retrieval", folder, "--run", folder / "out.trec")
    assert done.returncode == 2
    assert "The id 'two words' cannot stand in a run" in done.stderr
    assert "Retrieval" not in done.stderr


def test_sentence_similarity_has_both_correlations_with_intervals(knowscape: Run, tmp_path: Path) -> None:
    pairs = [("a cat sleeps", "a kitten naps", 5), ("a cat sleeps", "it rains", 0), ("it rains", "rain falls", 4.5)]
    (tmp_path / "pairs.csv").write_text("".join(f"{one},{other},{score}\n" for one, other, score in pairs))
    done = knowscape("evaluate", "sts", tmp_path / "pairs.csv", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["pairs"] == 3
    assert all(
        -1 <= said[name]["low"] <= said[name]["value"] <= said[name]["high"] <= 1 for name in ("spearman", "pearson")
    )
    assert said["pearson"]["value"] > 0.9
    plain = knowscape("evaluate", "sts", tmp_path / "pairs.csv")
    assert f"spearman  {said['spearman']['value']:.4f} [" in plain.stdout
    assert knowscape("evaluate", "sts", tmp_path / "nowhere.csv").returncode == 2
