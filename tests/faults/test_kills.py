"""Lost work: a build that is killed again and again ends with the bytes of an undisturbed one.

The corpus is the real one beside this checkout where there is one, or the file that KNOWSCAPE_SOAK_CORPUS names; else
the sample, many times over.
"""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

import knowscape as package
from conftest import COMMAND, Run
from knowscape.corpus.readers import read_corpus
from knowscape.corpus.sample import sample_articles_path, sample_questions_path

KILLS = 10


@pytest.fixture
def corpus(tmp_path: Path) -> tuple[Path, Path]:
    """Return the articles and the questions."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    if named := os.environ.get("KNOWSCAPE_SOAK_CORPUS"):
        return Path(named), sample_questions_path()
    if (beside / "wikipedia-excerpts.parquet").exists():
        return beside / "wikipedia-excerpts.parquet", beside / "questions.json"
    articles = read_corpus(sample_articles_path())
    rows = [{"text": f"{d.text} Copy {n}.", "title": f"{d.title} {n}"} for n in range(30) for d in articles]
    (tmp_path / "many.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return tmp_path / "many.jsonl", sample_questions_path()


def parts(atlas: Path) -> set[str]:
    return {f"{path.parent.name}/{path.name}" for path in atlas.glob("vectors/*/part-*.parquet")}


@pytest.mark.soak
def test_ten_kills_at_random_moments_of_a_build_lose_nothing(
    knowscape: Run, corpus: tuple[Path, Path], tmp_path: Path
) -> None:
    articles, questions = corpus
    arguments = [articles, "-q", questions, "--max-questions", 100, "-o"]
    start = time.monotonic()
    assert knowscape("build", *arguments, tmp_path / "calm.atlas").returncode == 0
    whole = time.monotonic() - start
    rough, chance = tmp_path / "rough.atlas", random.Random(11)
    finished: list[set[str]] = [set()]
    for _ in range(KILLS):
        command = [*COMMAND, "build", *map(str, arguments), str(rough)]
        with (tmp_path / "said").open("a") as said:
            process = subprocess.Popen(command, stderr=said, stdout=said, start_new_session=True)
            time.sleep(chance.uniform(1, 0.4 * whole))
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        there = parts(rough) if rough.exists() else set()
        assert finished[-1] <= there, "a part that was finished is gone"
        finished.append(there)
    assert knowscape("build", *arguments, rough).returncode == 0
    assert finished[-1] <= parts(rough), "a part that was finished was computed again"
    assert len({len(names) for names in finished}) > 2, "the kills fell too early to show anything"
    calm, again = package.open(tmp_path / "calm.atlas"), package.open(rough)
    assert calm.vectors().tobytes() == again.vectors().tobytes()
    assert calm.question_vectors().tobytes() == again.question_vectors().tobytes()
    assert calm.map().raw.tobytes() == again.map().raw.tobytes()
    assert again.check(full=True) == []
    print(f"\n{KILLS} kills, parts at each: {[len(names) for names in finished]}, at the end {len(parts(rough))}")
