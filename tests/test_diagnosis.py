"""What `knowscape check --questions` promises: each question's neighbours in the embedding and on the map."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import numpy as np
import pytest

from knowscape.atlas import Atlas, open_atlas
from knowscape.build import MapOptions, map_atlas, put_questions
from knowscape.diagnosis import diagnose_questions
from knowscape.errors import UsageError
from small_atlas import COUNT, QUESTIONS, small_atlas

Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_atlas(tmp_path_factory.mktemp("made") / "small.atlas", page=False).path


@pytest.fixture
def atlas(made: Path, tmp_path: Path) -> Atlas:
    return open_atlas(shutil.copytree(made, tmp_path / "small.atlas"))


def test_each_question_has_its_five_nearest_in_both_spaces_with_their_figures(atlas: Atlas) -> None:
    found, made, corpus = diagnose_questions(atlas), atlas.map(), atlas.documents()
    cosines = atlas.question_vectors() @ atlas.vectors().T
    places, asked = np.split(made.coordinates, [len(corpus)])
    for row, question in enumerate(found.questions):
        assert (question.id, question.question) == (QUESTIONS[row].id, QUESTIONS[row].question)
        nearest = np.argsort(-cosines[row])[:5]
        apart = np.linalg.norm(places - asked[row], axis=1)
        on_map = np.argsort(apart)[:5]
        assert [near["id"] for near in question.top5_embedding] == [corpus.ids[n] for n in nearest]
        assert [near["title"] for near in question.top5_map] == [corpus.titles[n] for n in on_map]
        assert [near["similarity"] for near in question.top5_embedding] == pytest.approx(
            cosines[row, nearest], abs=1e-5
        )
        assert [near["distance"] for near in question.top5_map] == pytest.approx(apart[on_map], abs=1e-5)
        assert question.overlap == len({*nearest} & {*on_map})
    overlaps = [question.overlap for question in found.questions]
    assert found.mean_overlap == pytest.approx(np.mean(overlaps) / 5)
    assert found.mean_overlap == pytest.approx(made.quality.question_overlap)
    assert found.share_without_overlap == overlaps.count(0) / 4


def test_the_summary_has_the_box_with_its_padding_and_counts_what_lies_in_it(atlas: Atlas) -> None:
    made = map_atlas(atlas, MapOptions(padding=0.1))
    found = diagnose_questions(atlas)
    asked = made.coordinates[COUNT - 1 :]
    assert found.padding == 0.1
    assert found.bounding_box["normalised"] == pytest.approx([*asked.min(axis=0), *asked.max(axis=0)])
    assert found.bounding_box["raw"] == pytest.approx(
        [*made.raw[COUNT - 1 :].min(axis=0), *made.raw[COUNT - 1 :].max(axis=0)]
    )
    assert found.bounding_box["padded"] == pytest.approx(list(made.question_region or ()))
    x0, y0, x1, y1 = found.bounding_box["padded"]
    inside = [bool(x0 <= x <= x1 and y0 <= y <= y1) for x, y in made.coordinates]
    assert found.articles_inside == sum(inside[: COUNT - 1])
    assert found.questions_inside == sum(inside[COUNT - 1 :]) == 4


def test_the_command_prints_every_question_and_writes_the_analysis_beside_the_atlas(
    atlas: Atlas, knowscape: Run
) -> None:
    done = knowscape("check", atlas.path, "--questions")
    assert done.returncode == 0, done.stderr
    for question in QUESTIONS:
        assert question.question in done.stdout
    assert f"{atlas.path} is whole." in done.stdout
    written = atlas.path.parent / "neighbor_analysis.json"
    assert str(written) in done.stdout
    value = json.loads(written.read_text())
    assert value == diagnose_questions(atlas).to_json()
    assert value["questions"][0].keys() == {"id", "question", "top5_embedding", "top5_map", "overlap"}
    assert not (atlas.path / "neighbor_analysis.json").exists()


def test_the_analysis_goes_where_it_is_told_and_to_standard_output_as_json(
    atlas: Atlas, knowscape: Run, tmp_path: Path
) -> None:
    out = tmp_path / "elsewhere.json"
    done = knowscape("check", atlas.path, "--questions", "--out", out, "--json")
    said = json.loads(done.stdout)
    assert said["whole"] is True
    assert said["written"] == str(out)
    assert {"questions": said["questions"], "summary": said["summary"]} == json.loads(out.read_text())
    assert not (atlas.path.parent / "neighbor_analysis.json").exists()


def test_what_cannot_be_diagnosed_is_refused(atlas: Atlas, knowscape: Run, tmp_path: Path) -> None:
    alone = knowscape("check", atlas.path, "--out", tmp_path / "x.json")
    assert (alone.returncode, "--questions" in alone.stderr) == (2, True)
    put_questions(atlas.folder, QUESTIONS[:3])
    with pytest.raises(UsageError, match="knowscape map"):
        diagnose_questions(Atlas(atlas.folder))
    stale = knowscape("check", atlas.path, "--questions")
    assert (stale.returncode, "older than the questions" in stale.stdout) == (3, True)
    atlas.folder.questions().unlink()
    with pytest.raises(UsageError, match=r"knowscape map .* -q"):
        diagnose_questions(Atlas(atlas.folder))
    assert not (atlas.path.parent / "neighbor_analysis.json").exists()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be bound to one core here")
def test_the_exit_code_is_that_of_the_check_however_the_process_ends(atlas: Atlas, knowscape: Run) -> None:
    """pyarrow's threads, late on one core, once asked an interpreter that had ended for its lock: one run in ten."""
    put_questions(atlas.folder, QUESTIONS[:3])
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        done = [knowscape("check", atlas.path, "--questions") for _ in range(12)]
    finally:
        os.sched_setaffinity(0, cores)
    assert [one.returncode for one in done] == [3] * 12, [one.stderr for one in done]
