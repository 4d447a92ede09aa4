"""What the commands on a finished map promise: add, place, compare."""

import json
import os
import shutil
import signal
import subprocess
from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import knowscape as package
from conftest import COMMAND, Run
from knowscape.atlas import Atlas
from knowscape.build import MapOptions, map_atlas, put_corpus
from knowscape.comparison import compare
from knowscape.corpus.document import Corpus, Document
from knowscape.corpus.readers import read_corpus
from knowscape.corpus.sample import sample_articles_path, sample_questions_path
from knowscape.encoders.load import start_encoder
from knowscape.encoders.spec import Encoder, EncoderSpec
from knowscape.errors import UsageError
from knowscape.growth import add
from knowscape.maps.knowledge_map import KnowledgeMap
from knowscape.store.atlas import AtlasFolder
from small_atlas import small_atlas

OLD, ALL = 300, 360


@pytest.fixture(scope="module")
def grown(knowscape: Run, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, KnowledgeMap, dict]:  # type: ignore[type-arg]
    """Built of 300 articles of the sample and 60 questions, and grown by 60 articles and 12 questions, as typed."""
    desk = tmp_path_factory.mktemp("grown")
    corpus = read_corpus(sample_articles_path())
    questions = json.loads(sample_questions_path().read_text(encoding="utf-8"))
    some = corpus.table.take(np.random.default_rng(0).permutation(len(corpus))[:ALL])
    pq.write_table(some.slice(0, OLD), desk / "old.parquet")
    pq.write_table(some.slice(OLD - 5), desk / "more.parquet")
    (desk / "old.json").write_text(json.dumps(questions[:60]), encoding="utf-8")
    (desk / "more.json").write_text(json.dumps(questions[50:]), encoding="utf-8")
    atlas = desk / "x.atlas"
    assert knowscape("build", desk / "old.parquet", "-q", desk / "old.json", "-o", atlas).returncode == 0
    before = package.open(atlas).map()
    done = knowscape("add", atlas, desk / "more.parquet", "-q", desk / "more.json", "--json")
    assert done.returncode == 0, done.stderr
    return atlas, before, json.loads(done.stdout)


def test_adding_says_what_came_in_and_what_was_there(grown: tuple[Path, KnowledgeMap, dict]) -> None:  # type: ignore[type-arg]
    said = grown[2]
    assert (said["documents"], said["questions"]) == (60, 12)
    assert said["left_out"] == {"repeat of an id, dropped": 5, "question that is there already, dropped": 10}
    made = said["maps"]["all-MiniLM-L6-v2"]
    assert made["drift"]["added"] == 60
    assert set(made["drift"]) == {
        "added", "doubtful", "doubtful_low", "recall_added", "recall_before", "shift", "refit"
    }  # fmt: skip


def test_an_atlas_that_grew_is_whole_and_nothing_on_its_map_moved(grown: tuple[Path, KnowledgeMap, dict]) -> None:  # type: ignore[type-arg]
    atlas, before, _ = grown
    opened = package.open(atlas)
    assert opened.check(full=True) == []
    made = opened.map()
    assert len(opened.corpus) == len(made.document_ids) == ALL
    assert made.coordinates[:OLD].tobytes() == before.coordinates[:OLD].tobytes()
    assert made.coordinates[ALL : ALL + 60].tobytes() == before.coordinates[OLD:].tobytes()
    assert np.isfinite(made.confidence[OLD:ALL]).all()


def test_typed_again_it_adds_nothing_and_a_new_layout_keeps_little_more_and_moves_little(
    knowscape: Run,
    grown: tuple[Path, KnowledgeMap, dict],  # type: ignore[type-arg]
) -> None:
    atlas, before, _ = grown
    grown_map = package.open(atlas).map()
    done = knowscape("add", atlas, atlas.parent / "more.parquet", "--json")
    assert json.loads(done.stdout)["documents"] == 0
    np.testing.assert_array_equal(package.open(atlas).map().raw, grown_map.raw)
    opened = package.open(atlas)
    again = map_atlas(opened, MapOptions(), force=True)
    assert "drift" not in again.about
    assert np.isnan(again.confidence).all()
    assert np.median(np.linalg.norm(again.coordinates[:OLD] - before.coordinates[:OLD], axis=1)) < 0.12
    assert grown_map.recall_10[OLD:ALL].mean() >= 0.8 * again.recall_10[OLD:ALL].mean()


@pytest.fixture
def stars(knowscape: Run, tmp_path: Path, small_model: Path) -> Path:
    """A small atlas of a model that the catalogue lacks, and more.jsonl beside it."""
    rows = [{"id": str(n), "title": f"Star {n}", "text": f"Star {n} shines {n % 7} times."} for n in range(60)]
    (tmp_path / "old.jsonl").write_text("\n".join(map(json.dumps, rows[:50])), encoding="utf-8")
    (tmp_path / "more.jsonl").write_text("\n".join(map(json.dumps, rows[45:])), encoding="utf-8")
    atlas = tmp_path / "x.atlas"
    assert knowscape("build", tmp_path / "old.jsonl", "-o", atlas, "--model", small_model).returncode == 0
    return atlas


def test_killed_at_any_step_the_old_map_or_the_new_one_is_there_and_the_same_command_completes(
    knowscape: Run, stars: Path, small_model: Path
) -> None:
    before = package.open(stars).map()
    arguments = ["add", str(stars), str(stars.parent / "more.jsonl"), "--model", str(small_model)]
    steps = ["_add_questions", "grow_map", "make_page"]
    for step in steps:
        code = (
            "import os, signal, knowscape.growth as growth\n"
            f"growth.{step} = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)\n{COMMAND[2]}"
        )
        done = subprocess.run([*COMMAND[:2], code, *arguments], capture_output=True, text=True, env=dict(os.environ))
        assert done.returncode == -signal.SIGKILL, (step, done.stderr)
        found = package.open(stars).map()
        assert found.raw[:50].tobytes() == before.raw.tobytes()
        assert len(found.document_ids) == (60 if step == "make_page" else 50)
    done = knowscape(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    opened = package.open(stars)
    assert opened.check(full=True) == []
    assert opened.map().coordinates[:50].tobytes() == before.coordinates.tobytes()
    assert len(opened.map().document_ids) == len(opened.corpus) == 60


def test_a_map_of_other_articles_does_not_grow_and_nothing_is_written(tmp_path: Path) -> None:
    opened = small_atlas(tmp_path / "x.atlas", page=False)
    documents = [Document(name, f"{name} is another text") for name in opened.corpus.ids]
    put_corpus(opened.folder, Corpus.from_documents(documents))
    with pytest.raises(UsageError, match="knowscape map"):
        add(opened.path, Corpus.from_documents([Document("new", "A new text.")]))
    assert len(package.open(opened.path).corpus) == 40


def test_an_atlas_without_a_map_does_not_grow(tmp_path: Path) -> None:
    folder = AtlasFolder.create(tmp_path / "x.atlas")
    corpus = Corpus.from_documents([Document("a", "A text.")])
    put_corpus(folder, corpus)
    with pytest.raises(UsageError, match="knowscape map"):
        add(tmp_path / "x.atlas", corpus)


def test_the_fields_of_a_placement_are_these() -> None:
    assert [field.name for field in fields(package.Placement)] == [
        "x",
        "y",
        "spread",
        "confidence",
        "neighbours",
        "refused",
        "z",
    ]


@pytest.fixture(scope="module")
def sample(sample_atlas: Path) -> Atlas:
    return package.open(sample_atlas)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("A volcano is an opening in the crust through which lava, ash and gases erupt.", "Volcano"),
        ("What is photosynthesis?", "Photosynthesis"),
        ("The French Revolution began in 1789.", "French Revolution"),
    ],
)
def test_a_sentence_lands_among_the_articles_on_its_subject(sample: Atlas, text: str, title: str) -> None:
    found = sample.place(text)
    assert found.refused is None
    assert found.neighbours[0].title == title
    apart = np.hypot(found.neighbours[0].x - found.x, found.neighbours[0].y - found.y)
    assert apart < 0.15
    assert 0.02 < found.confidence <= 1


@pytest.mark.parametrize(
    "text",
    [
        "xqzv bnkw plomf grtz wvkq", "asdf jkl; qwer uiop zxcv", "kjhgf", "1234567890",
        "Gestern habe ich meiner Großmutter beim Kochen geholfen.", "def f(x): return x + 1",
        "How do I reset my password?", "The quarterly earnings per share beat estimates by three cents.",
    ],
)  # fmt: skip
def test_what_belongs_nowhere_is_refused_with_a_reason(sample: Atlas, text: str) -> None:
    found = sample.place(text)
    assert found.refused == "nothing on the map is near it in meaning"
    assert found.confidence <= 0.02


def test_the_command_places_and_refuses(knowscape: Run, sample_atlas: Path) -> None:
    done = knowscape("place", sample_atlas, "A volcano erupts lava.", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [found["neighbours"][0]["title"], found["refused"]] == ["Volcano", None]
    done = knowscape("place", sample_atlas, "xqzv bnkw plomf")
    assert done.returncode == 1
    assert "not placed: nothing on the map is near it in meaning" in done.stderr


def test_placing_and_searching_use_one_copy_of_the_model(
    sample_atlas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    atlas, started = package.open(shutil.copytree(sample_atlas, tmp_path / "copy")), list[EncoderSpec]()
    atlas.index()

    def start(spec: EncoderSpec, folder: Path) -> Encoder:
        started.append(spec)
        return start_encoder(spec, folder)

    monkeypatch.setattr("knowscape.indexing.start_encoder", start)
    assert atlas.place("A volcano erupts lava.").neighbours[0].title == "Volcano"
    assert atlas.search("volcano", 1)[0].title == "Volcano"
    assert len(started) == 1


def test_a_text_without_words_is_refused(sample: Atlas) -> None:
    with pytest.raises(UsageError, match="no words"):
        sample.place(" ")


def _two_models(path: Path, vectors: dict[str, np.ndarray]) -> Atlas:
    """Make an atlas with vectors that no model made, and a map of each."""
    count = len(next(iter(vectors.values())))
    folder = AtlasFolder.create(path)
    documents = [Document(f"d{n}", f"Thing {n} is {'red' if n % 2 else 'blue'}.", f"Thing {n}") for n in range(count)]
    put_corpus(folder, Corpus.from_documents(documents))
    models = {}
    for name, own in vectors.items():
        spec = EncoderSpec(name, "1", "0" * 64, "0" * 64, dimension=own.shape[1], max_tokens=16)
        with folder.vectors(name, spec.fingerprint).writing(spec.about()) as append:
            append([one.id for one in documents], [one.text_digest for one in documents], own)
        models[name] = spec.fingerprint
    folder.update({"models": models, "model": next(iter(models))})
    for name in models:
        map_atlas(Atlas(folder), MapOptions(), model=name)
    return Atlas(folder)


def test_two_models_agree_as_far_as_their_neighbours_do(knowscape: Run, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    centres = random.normal(size=(8, 16))
    own = centres[random.integers(0, 8, 240)] + random.normal(scale=0.5, size=(240, 16))
    turned = own @ np.linalg.qr(random.normal(size=(16, 16)))[0]
    unlike = random.normal(size=(240, 16))
    models = {"one": own, "turned": turned, "unlike": unlike}
    vectors = {name: (v / np.linalg.norm(v, axis=1, keepdims=True)).astype(np.float32) for name, v in models.items()}
    atlas = _two_models(tmp_path / "x.atlas", vectors)
    same, other = compare(atlas, "one", "turned"), compare(atlas, "one", "unlike")
    assert same.agreement.mean > 0.99
    assert other.agreement.low < other.chance < other.agreement.high
    assert other.chance == pytest.approx(10 / 239)
    assert same.displacement < other.displacement
    assert sum(region.articles for region in same.regions) == 240
    done = knowscape("compare", atlas.path, "one", "unlike", "-o", tmp_path / "rows.csv", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["agreement"]["mean"] == pytest.approx(other.agreement.mean)
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 241
    other.write(tmp_path / "rows.parquet")
    table = pq.read_table(tmp_path / "rows.parquet")
    assert table.column_names == ["id", "title", "region", "agreement", "x_1", "y_1", "x_2", "y_2"]
    shares = table["agreement"].to_numpy()
    near = [atlas.neighbours(name).indices[:, :10] for name in ("one", "unlike")]
    np.testing.assert_allclose(shares, [len(set(a) & set(b)) / 10 for a, b in zip(*near, strict=True)], atol=1e-6)
    assert other.agreement.mean == pytest.approx(shares.mean())


@pytest.mark.parametrize(
    ("models", "says"), [(("by-hand", "by-hand"), "compared with itself"), (("by-hand", "else"), "There are: by-hand")]
)
def test_a_comparison_needs_two_models(tmp_path: Path, models: tuple[str, str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        compare(small_atlas(tmp_path / "x.atlas", page=False), *models)
