"""What a plan of compression promises for an atlas and for judged data."""

import json
from pathlib import Path

import pytest

from conftest import Run
from knowscape.atlas import open_atlas
from knowscape.compression import PlanOptions, plan_for
from knowscape.corpus.readers import read_corpus
from knowscape.corpus.sample import sample_articles_path
from knowscape.encoders.load import load_encoder
from knowscape.errors import UsageError
from knowscape.evaluate.retrieval import read_retrieval
from knowscape.evaluate.scores import retrieval_scores

CHOICES = "int8,binary+rescore4"


@pytest.fixture(scope="module")
def atlas(knowscape: Run, small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred articles of the sample, two more of one title, under a small model that the catalogue lacks."""
    desk = tmp_path_factory.mktemp("compress")
    rows = [
        {"id": one.id, "title": one.title, "text": one.text} for one in list(read_corpus(sample_articles_path()))[:100]
    ]
    rows += [{"id": name, "title": "The same", "text": f"A text of {name}."} for name in ("this", "that")]
    (desk / "some.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    out = desk / "x.atlas"
    done = knowscape("embed", desk / "some.jsonl", "-o", out, "--model", small_model)
    assert done.returncode == 0, done.stderr
    return out


def beir(folder: Path, atlas: Path) -> Path:
    """Judged data out of an atlas: each title asks for its own article."""
    corpus = open_atlas(atlas).corpus
    rows = {
        "corpus.jsonl": [{"_id": one.id, "text": one.text} for one in corpus],
        "queries.jsonl": [{"_id": f"q{one.id}", "text": one.title} for one in corpus],
    }
    for name, lines in rows.items():
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    (folder / "qrels.tsv").write_text("".join(f"q{one.id}\t{one.id}\t1\n" for one in corpus), encoding="utf-8")
    return folder


def test_titles_are_asked_where_nobody_names_queries(
    knowscape: Run, atlas: Path, small_model: Path, tmp_path: Path
) -> None:
    picture = tmp_path / "plan.svg"
    arguments = ("compress", atlas, "--plan", "--where", small_model, "--choices", CHOICES, "--plot", picture)
    done = knowscape(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [choice["compression"] for choice in found["choices"]] == ["float32", "int8", "binary+rescore4"]
    assert (found["decides"], found["vectors"], found["queries"]) == ("overlap@10", 102, 100)
    assert found["about"] == "100 titles as a stand-in for queries: easier than what people ask"
    assert set(found["choices"][0]["quality"]) == {"own@10", "overlap@10"}
    assert picture.read_text(encoding="utf-8").startswith("<svg")
    done = knowscape(*arguments)
    assert "Measured on 100 titles as a stand-in" in done.stdout
    assert "binary+rescore4" in done.stdout


def test_judgements_of_the_users_decide_and_are_those_of_the_same_data_elsewhere(
    atlas: Path, small_model: Path, tmp_path: Path
) -> None:
    data, where = beir(tmp_path, atlas), str(small_model)
    options = PlanOptions(("int8", "truncate8"), data / "queries.jsonl", data / "qrels.tsv")
    one = plan_for(atlas, options, where=where)
    other = plan_for(data, PlanOptions(("int8", "truncate8")), where=where)
    assert (one.decides, one.tolerance, one.queries) == ("ndcg@10", 0.01, 102)
    for here, there in zip(one.choices, other.choices, strict=True):
        assert here.quality["ndcg@10"].value == pytest.approx(there.quality["ndcg@10"].value, abs=0.01)
    assert "whether small was trained for vectors cut short (Matryoshka) is not known" in one.about


def test_what_float32_gains_is_what_the_evaluation_says_equal_vectors_included(
    atlas: Path, small_model: Path, tmp_path: Path
) -> None:
    data = beir(tmp_path, atlas)
    with (data / "corpus.jsonl").open("a", encoding="utf-8") as file:
        for one in list(open_atlas(atlas).corpus)[:50]:
            file.write(json.dumps({"_id": f"{one.id}-again", "text": one.text}) + "\n")
    plan = plan_for(data, PlanOptions(("float16",)), where=str(small_model))
    scores = retrieval_scores(load_encoder(str(small_model)), read_retrieval(data))
    assert plan.choices[0].quality["ndcg@10"].value == pytest.approx(scores["ndcg@10"], abs=1e-9)


@pytest.mark.parametrize("name", ["queries.jsonl", "queries.txt"])
def test_queries_without_judgements_are_judged_by_the_exact_search(
    name: str, atlas: Path, small_model: Path, tmp_path: Path
) -> None:
    lines = [json.dumps({"_id": "a", "text": "volcano"}), "", json.dumps({"_id": "b", "text": "sea"})]
    (tmp_path / name).write_text("\n".join(lines if name.endswith("l") else ["volcano", " ", "sea"]), encoding="utf-8")
    plan = plan_for(atlas, PlanOptions(("int8",), tmp_path / name), where=str(small_model))
    assert (plan.decides, plan.queries) == ("overlap@10", 2)
    assert "so few say little" in plan.about


def test_what_cannot_be_planned_is_refused(knowscape: Run, atlas: Path, small_model: Path, tmp_path: Path) -> None:
    data, where = beir(tmp_path, atlas), str(small_model)
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "bad.tsv").write_text("q\tnobody\t1\n")
    (tmp_path / "q.jsonl").write_text('{"_id": "q", "text": "sea"}\n')
    for options, said in [
        (lambda: PlanOptions(("int4",)), "Accepted: one of float32"),
        (lambda: PlanOptions(("pca64",)), "wants 64 dimensions; the vectors have 32"),
        (lambda: PlanOptions((), tmp_path / "empty.txt"), "is empty"),
        (lambda: PlanOptions((), tmp_path / "none.txt"), "no file"),
        (lambda: PlanOptions((), None, data / "qrels.tsv"), "--queries"),
        (lambda: PlanOptions((), tmp_path / "q.jsonl", tmp_path / "bad.tsv"), "no document 'nobody' in the atlas"),
        (lambda: PlanOptions(tolerance=2), "accepted is 0 to 1"),
    ]:
        with pytest.raises(UsageError, match=said):
            plan_for(atlas, options(), where=where)
    with pytest.raises(UsageError, match="judged queries of its own"):
        plan_for(data, PlanOptions((), data / "queries.jsonl"), where=where)
    assert knowscape("compress", atlas).returncode == 2
    assert knowscape("compress", tmp_path / "none", "--plan").returncode == 2
