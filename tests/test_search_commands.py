"""The commands around searches: on a server, another model, compression, re-ranking; and what they refuse."""

import json
import shutil
from pathlib import Path

import pytest

from faults.drill import make_model
from knowscape.atlas import Atlas
from knowscape.build import embed_corpus, put_corpus
from knowscape.cli import main
from knowscape.corpus.readers import read_corpus
from knowscape.corpus.sample import sample_articles_path
from knowscape.embedding import EmbedOptions
from knowscape.store.atlas import AtlasFolder
from search.fake_opensearch import FakeOpenSearch


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Return an atlas of 40 articles under a small model of random vectors, that model and another."""
    root = tmp_path_factory.mktemp("commands")
    one, other = make_model(root / "one"), make_model(root / "other", seed=1)
    folder = AtlasFolder.create(root / "a.atlas")
    put_corpus(folder, read_corpus(sample_articles_path(), limit=40))
    embed_corpus(Atlas(folder), str(one), EmbedOptions(cache=False))
    return folder.path, one, other


@pytest.fixture
def world(made: tuple[Path, Path, Path], tmp_path: Path) -> tuple[Path, Path, Path]:
    shutil.copytree(made[0], tmp_path / "a.atlas")
    return tmp_path / "a.atlas", made[1], made[2]


class Command:
    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *words: object, code: int = 0) -> str:
        """Run a command that ends with this code, and return what it prints, or says on standard error."""
        self._monkeypatch.setattr("sys.argv", ["knowscape", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        told = self._capsys.readouterr()
        assert (end.value.code or 0) == code, told.err
        return told.out if code == 0 else told.err


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


def test_a_model_is_changed_and_changed_back(world: tuple[Path, Path, Path], command: Command) -> None:
    atlas, one, other = world
    places = ("--model-at", one, "--model-at", other)
    command("index", atlas, *places)
    said = command("migrate", atlas, "--to", other, "--min-overlap", 1, *places, code=1)
    assert "does not pass" in said
    assert "--rollback" in said
    told = json.loads(command("migrate", atlas, "--to", other, "--force", *places, "--json"))
    assert (told["before"], told["after"], told["documents"]) == ("one", "other", 40)
    assert json.loads(command("search", atlas, "moon", *places, "--json"))["hits"]
    assert "one" in command("migrate", atlas, "--rollback", *places)
    assert "say one" in command("migrate", atlas, code=2)
    assert "say one" in command("migrate", atlas, "--to", other, "--rollback", code=2)


def test_articles_are_loaded_into_a_server_and_searched_there(
    world: tuple[Path, Path, Path], command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    atlas, one, other = world
    monkeypatch.setattr("knowscape.migration._SHADOWS", 5)
    with FakeOpenSearch("2.19.1") as running:
        monkeypatch.setenv("OPENSEARCH_URL", running.url)
        monkeypatch.setattr("knowscape.sites.encoder_of", _encoder_of((one, other)))
        monkeypatch.setattr("knowscape.sites.find_again", _find_again((one, other)))
        monkeypatch.setattr("knowscape.indexing.find_again", _find_again((one, other)))
        told = json.loads(command("export", atlas, "--format", "opensearch", "-o", "articles", "--json"))
        assert (told["added"], told["removed"]) == (40, 0)
        again = json.loads(command("export", atlas, "--format", "opensearch", "-o", "articles", "--json"))
        assert (again["added"], again["replaced"]) == (0, 0)
        title = Atlas(AtlasFolder.open(atlas)).corpus.titles[7]
        found = command("search", atlas, f'title:"{title}"', "--index", "articles", "--mode", "lexical", "--json")
        assert json.loads(found)["hits"][0]["title"] == title
        said = command("migrate", atlas, "--to", other, "--index", "articles", "--force", "--model-at", one, "--json")
        assert json.loads(said)["after"] == "other"
    assert not (atlas / "search").exists()


def test_an_unknown_alias_and_no_server_are_told(
    world: tuple[Path, Path, Path], command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENSEARCH_URL", raising=False)
    assert "OPENSEARCH_URL" in command("search", world[0], "moon", "--index", "articles", code=2)
    with FakeOpenSearch("2.19.1") as running:
        monkeypatch.setenv("OPENSEARCH_URL", running.url)
        assert "articles" in command("search", world[0], "moon", "--index", "articles", code=2)
        assert "knowscape export" in command("migrate", world[0], "--to", world[2], "--index", "articles", code=2)


def test_compression_is_applied_and_ended(world: tuple[Path, Path, Path], command: Command) -> None:
    atlas, one, _ = world
    said = command("compress", atlas, "--to", "int8", "--where", one)
    assert "int8" in said
    assert "none" in command("compress", atlas, "--to", "none", "--where", one)
    assert "no compression" in command("compress", atlas, "--to", "int9", "--where", one, code=2)
    assert "say one" in command("compress", atlas, code=2)


def test_a_reranker_that_is_none_is_refused(world: tuple[Path, Path, Path], command: Command) -> None:
    atlas, one, _ = world
    said = command("search", atlas, "moon", "--model-at", one, "--reranker", "no-such-model", code=2)
    assert "no-such-model" in said


def _encoder_of(places: tuple[Path, ...]) -> object:
    from knowscape.indexing import encoder_of

    return lambda spec, models=(): encoder_of(spec, tuple(map(str, places)))


def _find_again(places: tuple[Path, ...]) -> object:
    from knowscape.encoders.load import find_again

    return lambda name, fingerprint, _=(), **options: find_again(name, fingerprint, tuple(map(str, places)), **options)
