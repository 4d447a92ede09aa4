"""The published scores come out of the weights, and a score that is off is explained.

The data sets lie in ../shared/data beside the repository, or where KNOWSCAPE_DATA says.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from knowscape.encoders.catalogue import DEFAULT_MODEL
from knowscape.encoders.load import load_encoder
from knowscape.encoders.spec import EncoderSpec
from knowscape.errors import UsageError
from knowscape.evaluate.diagnosis import diagnose, explain
from knowscape.evaluate.published import PUBLISHED, published_for
from knowscape.evaluate.retrieval import read_retrieval
from knowscape.evaluate.scores import PAIRS, RETRIEVAL, Score, read_tasks, retrieval_scores, scores
from knowscape.evaluate.similarity import read_pairs, similarity_score

DATA = Path(os.environ.get("KNOWSCAPE_DATA") or Path(__file__).parents[3] / "shared" / "data")


def data(place: str) -> Path:
    path = DATA / place
    if not path.exists():
        pytest.skip(f"{path} is not there; name the folder that holds {place} in KNOWSCAPE_DATA")
    return path


@pytest.mark.parametrize("task", PAIRS)
def test_the_published_sentence_similarity_is_reproduced(task: str) -> None:
    path = data(PAIRS[task])
    published = published_for(DEFAULT_MODEL)[task, "spearman"]
    assert similarity_score(load_encoder(), read_pairs(path)) == pytest.approx(published.value, abs=published.tolerance)


@pytest.mark.scores
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("task", RETRIEVAL)
def test_the_published_retrieval_is_reproduced(task: str) -> None:
    path = data(RETRIEVAL[task])
    found = retrieval_scores(load_encoder(), read_retrieval(path))
    published = [score for score in PUBLISHED if (score.model, score.task) == (DEFAULT_MODEL, task)]
    assert {s.metric: found[s.metric] for s in published} == {
        s.metric: pytest.approx(s.value, abs=s.tolerance) for s in published
    }


def test_each_published_score_is_there_once_and_of_a_task_that_is_known() -> None:
    keys = [(score.model, score.task, score.metric) for score in PUBLISHED]
    assert len(keys) == len(set(keys))
    assert {score.task for score in PUBLISHED} == {*PAIRS, *RETRIEVAL}
    assert all(0 < score.tolerance < score.value < 1 for score in PUBLISHED)


def test_a_folder_without_any_data_set_says_what_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none of the data sets.*stsb-en-test\.csv"):
        read_tasks(tmp_path)


@pytest.mark.parametrize(
    ("value", "published", "ok"), [(0.5, 0.5005, True), (0.5, 0.502, False), (0.502, 0.5, False), (0.1, None, True)]
)
def test_a_score_is_ok_within_its_tolerance(value: float, published: float | None, ok: bool) -> None:
    assert Score("t", "m", value, published, None if published is None else 0.001).ok is ok


class Ends:
    """The mean counts the letters a and b of a text, cls looks at the first one; a prompt adds to them."""

    def __init__(self, spec: EncoderSpec) -> None:
        self.spec = spec

    def encode_documents(self, texts: list[str]) -> NDArray[np.float32]:
        seen = [self.spec.document_prompt + text for text in texts]
        if self.spec.pooling == "cls":
            seen = [text[:1] for text in seen]
        return np.array([[text.count("a") + 0.1, text.count("b") + 0.1] for text in seen], np.float32)

    encode_queries = encode_documents


SPEC = EncoderSpec("ends", "", "", "", dimension=2, max_tokens=9)
# Under a prompt of b the short pair comes to agree more than the long one.
PAIRS_OF_LETTERS = "aab,aab,5\nabb,aab,4\naaaaaaaa,aaabbbbb,2\na,b,1\n"


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / PAIRS["STS-B en"]
    path.parent.mkdir()
    path.write_text(PAIRS_OF_LETTERS)
    return path


def off(spec: EncoderSpec, path: Path) -> Score:
    """The score under `spec` beside the one under SPEC, as if that had been published."""
    found, right = (similarity_score(Ends(s), read_pairs(path)) for s in (spec, SPEC))
    return Score("STS-B en", "spearman", found, right, 0.0005)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (replace(SPEC, pooling="cls"), "With pooling by mean"),
        (replace(SPEC, document_prompt="bb", query_prompt="q"), "With no prompts"),
    ],
)
def test_the_change_that_brings_the_published_score_back_is_named_as_the_fault(
    pairs: Path, changed: EncoderSpec, says: str
) -> None:
    score = off(changed, pairs)
    assert not score.ok
    found = diagnose(score, changed, load=Ends, pairs=read_pairs(pairs))
    assert found.verdict == f"{says} the score is the published one; that is the fault"
    assert score.published in found.tried.values()


def test_where_no_change_helps_the_diagnosis_says_so(pairs: Path) -> None:
    score = Score("STS-B en", "spearman", 0.2, 0.3, 0.0005)
    assert diagnose(score, SPEC, load=Ends, pairs=read_pairs(pairs)).verdict.startswith("No single change")


def test_only_scores_that_are_off_are_explained(pairs: Path) -> None:
    right, wrong = Score("STS-B en", "spearman", 0.5, 0.5, 0.1), Score("SciFact", "ndcg@10", 0.1, 0.6, 0.1)
    read = read_pairs(pairs)
    assert explain([right], SPEC, load=Ends, pairs=read) is None
    agrees = explain([right, wrong], SPEC, load=Ends, pairs=read)
    assert agrees is not None
    assert "SciFact: the prompts of queries and documents, the cut length" in agrees.verdict
    alone = explain([wrong], SPEC, load=Ends, pairs=None)
    assert alone is not None
    assert PAIRS["STS-B en"] in alone.verdict


def test_data_is_read_whole_before_the_first_score(tmp_path: Path, pairs: Path) -> None:
    (tmp_path / RETRIEVAL["SciFact"]).mkdir(parents=True)
    with pytest.raises(UsageError, match=r"no file .*corpus\.jsonl"):
        read_tasks(tmp_path)


def test_scores_are_given_for_the_data_that_is_there(tmp_path: Path, pairs: Path) -> None:
    (score,) = scores(Ends(SPEC), read_tasks(tmp_path))
    assert (score.task, score.metric, score.published, score.to_json()["ok"]) == ("STS-B en", "spearman", None, None)
