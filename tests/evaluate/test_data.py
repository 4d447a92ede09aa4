"""Data for an evaluation is read as its makers mean it, or refused with the file, the line and what is accepted."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from knowscape.encoders.spec import EncoderSpec
from knowscape.errors import UsageError
from knowscape.evaluate.retrieval import read_retrieval
from knowscape.evaluate.scores import retrieval_scores
from knowscape.evaluate.similarity import read_pairs, similarity_score

CORPUS = '{"_id": "d1", "title": "Sun", "text": "a star"}\n{"_id": "d2", "text": "a moon"}\n'
QUERIES = '{"_id": "q1", "text": "star"}\n{"_id": "q2", "text": "moon"}\n'
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t1\n"


class Letters:
    """Texts become counts of letters; queries are known by the prompt that they get."""

    def __init__(self, **fields: object) -> None:
        self.spec = EncoderSpec("letters", "", "", "", 26, 512, **fields)  # type: ignore[arg-type]
        self.seen: list[str] = []

    def encode_documents(self, texts: list[str]) -> NDArray[np.float32]:
        return self._encode([self.spec.document_prompt + text for text in texts])

    def encode_queries(self, texts: list[str]) -> NDArray[np.float32]:
        return self._encode([self.spec.query_prompt + text for text in texts])

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        self.seen += texts
        return np.array([[text.count(chr(97 + n)) for n in range(26)] for text in texts], np.float32)


def beir(folder: Path, *, corpus: str = CORPUS, queries: str = QUERIES, qrels: str = QRELS) -> Path:
    """Write a small data set; a lone surrogate in a text stands for a byte that is not UTF-8."""
    folder.mkdir(exist_ok=True)
    for name, text in (("corpus.jsonl", corpus), ("queries.jsonl", queries), ("qrels.tsv", qrels)):
        (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    return folder


def test_title_and_text_are_joined_and_queries_without_a_judgement_left_out(tmp_path: Path) -> None:
    data = read_retrieval(beir(tmp_path))
    assert data.documents == {"d1": "Sun a star", "d2": "a moon"}
    assert (data.queries, data.grades) == ({"q1": "star"}, {"q1": {"d1": 1}})


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ({"corpus": ""}, r"corpus\.jsonl is empty.*_id"),
        ({"corpus": CORPUS + "{"}, r"corpus\.jsonl, line 3 is not JSON.*_id"),
        ({"corpus": CORPUS + "[]"}, r"corpus\.jsonl, line 3 is no object"),
        ({"corpus": '{"_id": 1, "text": ""}'}, r"corpus\.jsonl, line 1 lacks _id or text.*not a string"),
        ({"corpus": CORPUS + '\n{"_id": "d1", "text": ""}'}, r"corpus\.jsonl, line 4: the _id 'd1' came before"),
        ({"corpus": "\udcff"}, r"corpus\.jsonl is not in UTF-8"),
        ({"queries": '{"_id": "q1"}'}, r"queries\.jsonl, line 1 lacks _id or text"),
        ({"qrels": ""}, r"qrels\.tsv is empty.*tabs"),
        ({"qrels": "query-id\tcorpus-id\tscore\n"}, r"qrels\.tsv holds no judgement.*tabs"),
        ({"qrels": QRELS + "q1 d1 1"}, r"qrels\.tsv, line 3 has 1 columns, not three.*tabs"),
        ({"qrels": QRELS + "q1\td1\tyes"}, r"qrels\.tsv, line 3: the score 'yes'.*whole number"),
        ({"qrels": QRELS + "q1\td1\t10000"}, r"qrels\.tsv, line 3: the score '10000'.*four digits"),
        ({"qrels": QRELS + "q1\td1\t1.0"}, r"qrels\.tsv, line 3: the score '1\.0'"),
        ({"qrels": QRELS + "q9\td1\t1"}, r"qrels\.tsv, line 3: there is no query 'q9' in .*queries\.jsonl"),
        ({"qrels": QRELS + "q1\td9\t1"}, r"qrels\.tsv, line 3: there is no document 'd9' in .*corpus\.jsonl"),
    ],
)
def test_bad_retrieval_data_is_refused_by_file_and_line(tmp_path: Path, fault: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_retrieval(beir(tmp_path, **fault))


def test_the_layout_of_beir_itself_is_read_and_a_plain_file_goes_first(tmp_path: Path) -> None:
    (beir(tmp_path) / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq2\td2\t2\nq2\td1\t-1\n")
    assert read_retrieval(tmp_path).grades == {"q1": {"d1": 1}}
    (tmp_path / "qrels.tsv").unlink()
    assert read_retrieval(tmp_path).grades == {"q2": {"d2": 2, "d1": -1}}


def test_a_missing_folder_is_named_with_what_it_should_hold(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no folder .*nowhere.*corpus\.jsonl, queries\.jsonl and qrels\.tsv"):
        read_retrieval(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels.tsv"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    (beir(tmp_path) / name).unlink()
    with pytest.raises(UsageError, match=f"no file .*{name}"):
        read_retrieval(tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "has 0 pairs"),
        (b"a,b,1\n", "has 1 pairs"),
        (b"a,b,1\nc,d,1\n", "two with different scores"),
        (b"a,b,1\na,b\n", "line 2 has 2 columns, not three.*sentence,sentence,score"),
        (b"a,b,c,1\n", "line 1 has 4 columns"),
        (b"sentence1,sentence2,score\n", "line 1: the score 'score' is not a number.*sentence,sentence,score"),
        (b"a,b,nan\n", "line 1: the score 'nan'"),
        (b"a,b,inf\n", "line 1: the score 'inf'"),
        (b'"a\nb",c,1\nd,e,\n', "line 3: the score ''"),
        (b"a,b,1\n\xff,b,2\n", "not a CSV file in UTF-8"),
    ],
)
def test_bad_pairs_are_refused_by_file_and_line(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "pairs.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=f"pairs.csv.*{says}"):
        read_pairs(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", r"is empty"),
        ("[1]", r"line 1 is no object"),
        ('{"sentence1": "a", "sentence2": "b"}', r"line 1: the score None is not a number"),
        ('{"sentence1": "a", "sentence2": "b", "score": true}', r"line 1: the score True"),
        ('{"sentence1": "a", "sentence2": "b", "score": 1' + "0" * 400 + "}", r"line 1: the score 10+ is not a number"),
        ('{"sentence1": "a", "sentence2": "b", "score": 1}\n{', r"line 2 is not JSON"),
    ],
)
def test_bad_pairs_in_json_lines_are_refused_by_file_and_line(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "pairs.jsonl").write_text(content)
    with pytest.raises(UsageError, match=rf"pairs\.jsonl.*{says}.*sentence1"):
        read_pairs(tmp_path / "pairs.jsonl")


def test_pairs_are_the_same_in_both_forms(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("a,b,1\nc,d,2.5\n")
    lines = [{"sentence1": "a", "sentence2": "b", "score": 1}, {"sentence1": "c", "sentence2": "d", "score": 2.5}]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    one, other = (read_pairs(tmp_path / f"pairs.{form}") for form in ("csv", "jsonl"))
    assert (one.first, one.second, one.scores.tolist()) == (other.first, other.second, other.scores.tolist())


def test_a_missing_file_of_pairs_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no file .*pairs\.csv"):
        read_pairs(tmp_path / "pairs.csv")


def test_documents_and_queries_get_their_own_prompts(tmp_path: Path) -> None:
    encoder = Letters(query_prompt="q: ", document_prompt="p: ")
    retrieval_scores(encoder, read_retrieval(beir(tmp_path)))
    assert sorted(encoder.seen) == ["p: Sun a star", "p: a moon", "q: star"]


def test_a_document_that_has_the_id_of_the_query_is_ranked_as_any_other(tmp_path: Path) -> None:
    corpus = '{"_id": "q1", "text": "star"}\n{"_id": "d1", "text": "stars"}'
    found = retrieval_scores(Letters(), read_retrieval(beir(tmp_path, corpus=corpus)))
    assert found == {"ndcg@10": pytest.approx(1 / np.log2(3)), "mrr@10": 0.5, "recall@100": 1}


@pytest.mark.parametrize("lines", [slice(None), slice(None, None, -1)])
def test_the_order_of_equal_documents_in_the_corpus_does_not_matter(tmp_path: Path, lines: slice) -> None:
    """Equal similarities rank by falling id, as in trec_eval."""
    corpus = [f'{{"_id": "d{n}", "text": "star"}}\n' for n in range(4)]
    data = read_retrieval(beir(tmp_path, corpus="".join(corpus[lines])))
    assert retrieval_scores(Letters(), data)["mrr@10"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("prompts", "seen"),
    [
        ({}, ""),
        ({"query_prompt": "search: "}, ""),
        ({"query_prompt": "query: ", "document_prompt": "passage: "}, "query: "),
    ],
)
def test_sentences_are_compared_under_one_prompt(tmp_path: Path, prompts: dict[str, str], seen: str) -> None:
    (tmp_path / "pairs.csv").write_text("sun,sun,5\nsun,moon,1\nsun,star,2\n")
    encoder = Letters(**prompts)
    assert -1 <= similarity_score(encoder, read_pairs(tmp_path / "pairs.csv")) <= 1
    assert encoder.seen == [seen + text for text in ("sun", "sun", "sun", "sun", "moon", "star")]


@pytest.mark.parametrize(("similarity", "score"), [("cosine", 1), ("dot", -1)])
def test_the_model_says_how_its_vectors_are_compared(tmp_path: Path, similarity: str, score: float) -> None:
    (tmp_path / "pairs.csv").write_text("a,a,2\naaa,aaab,1\n")
    encoder = Letters(similarity=similarity)
    assert similarity_score(encoder, read_pairs(tmp_path / "pairs.csv")) == pytest.approx(score)
