"""An atlas is searched: the index is made, kept up, checked and mended, by command, from Python and behind the page."""

import json
import shutil
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from knowscape.atlas import Atlas, open_atlas
from knowscape.build import MapOptions, embed_corpus, map_atlas, put_corpus, refresh_index
from knowscape.cli import main
from knowscape.corpus.document import Corpus, Document
from knowscape.corpus.readers import read_corpus
from knowscape.corpus.sample import sample_articles_path
from knowscape.encoders.load import FoundModel
from knowscape.errors import DamageError, UsageError
from knowscape.growth import add
from knowscape.indexing import IndexOptions
from knowscape.page.api import Api
from knowscape.page.app import create_app
from knowscape.page.search import SearchService
from knowscape.page.server import listen, make_server
from knowscape.repair import repair
from knowscape.search.index import SearchOptions
from knowscape.store.atlas import AtlasFolder
from small_atlas import SPEC, small_atlas

MODEL = "all-MiniLM-L6-v2"
SENTENCES = [f"The {animal} lives in the {place} and eats {food}." for animal, place, food in (
    ("otter", "river", "fish"), ("camel", "desert", "thorns"), ("penguin", "ice", "krill"), ("bee", "meadow", "nectar"),
)]  # fmt: skip


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an atlas of 60 articles of the sample and one that is long, without an index."""
    path = tmp_path_factory.mktemp("searched") / "a.atlas"
    folder = AtlasFolder.create(path)
    story = "\n\n".join(f"Part {n}. " + " ".join(SENTENCES[n % 4 : n % 4 + 1] * 30) for n in range(8))
    articles = list(read_corpus(sample_articles_path(), limit=60))
    put_corpus(folder, Corpus.from_documents([*articles, Document("zoo", story, "A walk", metadata={"pages": 8})]))
    embed_corpus(Atlas(folder), MODEL)
    return path


@pytest.fixture
def atlas(embedded: Path, tmp_path: Path) -> Atlas:
    shutil.copytree(embedded, tmp_path / "a.atlas")
    return open_atlas(tmp_path / "a.atlas")


def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: object) -> str:
    """Run a command and return what it prints."""
    monkeypatch.setattr("sys.argv", ["knowscape", *map(str, words)])
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    return capsys.readouterr().out


def test_the_first_search_makes_the_index_and_the_best_passage_is_shown(atlas: Atlas) -> None:
    (hit,) = atlas.search("which animal eats krill", k=1)
    assert hit.id == "zoo"
    text = next(document.text for document in atlas.corpus if document.id == "zoo")
    assert text[slice(*hit.span)] == hit.passage
    assert "penguin" in hit.passage
    assert len(hit.passage) < len(text) / 2
    assert {hit.passage[start:end] for start, end in hit.highlights} >= {"eats", "krill"}
    assert hit.metadata == {"pages": 8}


def test_passages_of_a_long_document_are_embedded_once(atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> None:
    atlas.index()
    rows = atlas.folder.passage_vectors(*atlas.model()).parts.rows()
    assert rows > 4
    computed: list[int] = []
    real = atlas.folder.passage_vectors(*atlas.model()).done()
    monkeypatch.setattr("knowscape.indexing.embed", lambda these, **_: computed.extend(
        digest not in real for digest in these.digests
    ))  # fmt: skip
    atlas.index(rebuild=True)
    assert computed
    assert not any(computed)


def test_added_articles_are_found_and_gone_ones_are_not(atlas: Atlas) -> None:
    map_atlas(atlas, MapOptions())
    atlas.index()
    okapi = Document("okapi", "The okapi lives in the rain forest of the Congo.", "Okapi")
    add(atlas, Corpus.from_documents([okapi]))
    assert open_atlas(atlas.path).search("okapi", k=1)[0].id == "okapi"
    left = Corpus.from_documents([one for one in open_atlas(atlas.path).corpus if one.id != "zoo"])
    put_corpus(atlas.folder, left)
    refresh_index(open_atlas(atlas.path))
    again = open_atlas(atlas.path)
    assert again.searcher().count() == 61
    assert "zoo" not in {hit.id for hit in again.search("which animal eats krill", k=61)}


def test_an_index_that_is_up_to_date_is_left_alone(atlas: Atlas) -> None:
    assert atlas.index().added == 61
    before = atlas.searcher().generation.name
    changed = open_atlas(atlas.path).index()
    assert (changed.added, changed.replaced, changed.removed) == (0, 0, 0)
    assert atlas.searcher().generation.name == before


def test_a_document_without_a_vector_is_found_by_its_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Fake:  # no model made these vectors, so none can be loaded
        spec, room = SPEC, 1000

        def token_starts(self, texts: list[str]) -> list[Any]:
            return [[] for _ in texts]

        def close(self) -> None:
            pass

    atlas = small_atlas(tmp_path / "a.atlas", page=False)
    monkeypatch.setattr("knowscape.indexing.find_again", lambda *_, **__: FoundModel("by-hand", SPEC, tmp_path))
    monkeypatch.setattr("knowscape.indexing.load_tokens", lambda *_: Fake())
    atlas.index()
    hits = atlas.searcher().search('"Thing 39"', SearchOptions(mode="lexical"))
    assert [hit.id for hit in hits] == ["d39"]


def test_another_model_is_refused_and_the_message_says_how_to_change_it(atlas: Atlas) -> None:
    atlas.index()
    embed_corpus(atlas, "wordllama", usual=False)
    with pytest.raises(UsageError, match=r"knowscape migrate .* --to wordllama"):
        open_atlas(atlas.path).index("wordllama")


@pytest.mark.parametrize("file", ["graph", "documents-0.arrow", "passages-0.arrow", "lexical", "index.json"])
def test_a_damaged_index_is_named_and_mended(atlas: Atlas, file: str) -> None:
    atlas.index()
    folder = atlas.searcher().generation.path
    found = sorted(path for path in folder.rglob("*") if path.is_file() and file in path.relative_to(folder).as_posix())
    if not found:
        pytest.skip("so few vectors need no graph")
    path = max(found, key=lambda one: one.stat().st_size)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    faults = open_atlas(atlas.path).check(full=True)
    assert any(str(path) in str(fault) for fault in faults)
    repair(atlas.path)
    assert [fault for fault in open_atlas(atlas.path).check(full=True) if "search" in str(fault)] == []
    assert open_atlas(atlas.path).search("which animal eats krill", k=1)[0].id == "zoo"


def test_an_index_older_than_the_corpus_is_named(atlas: Atlas) -> None:
    atlas.index()
    put_corpus(atlas.folder, Corpus.from_documents(list(atlas.corpus)[:-1]))
    faults = [str(fault) for fault in open_atlas(atlas.path).check()]
    assert any("older than the corpus" in fault and "knowscape index" in fault for fault in faults)


def test_a_search_by_compressed_vectors_finds_the_same(atlas: Atlas) -> None:
    before = [hit.id for hit in atlas.search("a river that floods", k=5)]
    atlas.index(options=IndexOptions(compression="binary+rescore4"))
    again = open_atlas(atlas.path)
    assert "codes.safetensors" in again.searcher().generation.files
    assert [hit.id for hit in again.search("a river that floods", k=5)] == before
    again.index(options=IndexOptions(compression="none"))
    assert "codes.safetensors" not in again.searcher().generation.files


def test_an_index_whose_pointer_is_damaged_is_made_anew_by_one_command(
    atlas: Atlas, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    atlas.index()
    (atlas.path / "search" / "current.json").write_text("{")
    with pytest.raises(DamageError):
        open_atlas(atlas.path).search("krill")
    assert "61" in said(capsys, monkeypatch, "index", atlas.path, "--rebuild")
    assert open_atlas(atlas.path).search("krill", k=1)[0].id == "zoo"


def test_the_command_prints_hits_for_a_person_and_for_a_machine(
    atlas: Atlas, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = said(capsys, monkeypatch, "search", atlas.path, "which animal eats krill", "-k", 3)
    assert "A walk" in lines.splitlines()[0]
    assert "krill" in lines
    told = json.loads(said(capsys, monkeypatch, "search", atlas.path, "krill", "--filter", "pages >= 8", "--json"))
    assert [hit["id"] for hit in told["hits"]] == ["zoo"]
    assert "Nothing" in said(capsys, monkeypatch, "search", atlas.path, "krill", "--filter", "pages > 8")


@pytest.fixture
def port(atlas: Atlas, tmp_path: Path) -> Iterator[tuple[int, Api]]:
    (tmp_path / "page").mkdir()
    listener, port = listen(18_400)
    api = Api(atlas)
    server = make_server(create_app(tmp_path / "page", port=port, api=api))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield port, api
    server.should_exit = True
    thread.join()
    listener.close()


def ask(port: int, path: str) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Host": f"localhost:{port}"})
    answer = connection.getresponse()
    told = answer.status, json.loads(answer.read())
    connection.close()
    return told


def test_the_server_answers_searches_when_the_index_is_ready(port: tuple[int, Api]) -> None:
    number, api = port
    assert ask(number, "/healthz")[1]["search"] == "making"
    assert ask(number, "/api/search?q=krill")[0] == 503
    api.search.prepare()
    assert ask(number, "/healthz")[1]["search"] == "ready"
    status, told = ask(number, f"/api/search?q={quote('which animal eats krill')}&k=2&mode=hybrid")
    assert (status, told["hits"][0]["id"], len(told["hits"])) == (200, "zoo", 2)
    status, told = ask(number, f"/api/search?q=krill&filter={quote('pages = 8')}&filter={quote('id != zoo')}")
    assert (status, told["hits"]) == (200, [])
    for wrong in ("", "q=", "q=a&k=0", "q=a&k=101", "q=a&k=x", "q=a&k=" + "9" * 5000, "q=a&mode=x",
                  "q=a&filter=x%3D" + "[" * 301, "q=a&q=b", "q=a&x=1", "q=a&filter=x",
                  "q=" + "a" * 2001):  # fmt: skip
        status, told = ask(number, f"/api/search?{wrong}")
        assert (status, bool(told["error"])) == (400, True), wrong


def test_a_server_whose_index_cannot_be_made_says_why(tmp_path: Path, embedded: Path) -> None:
    shutil.copytree(embedded, tmp_path / "a.atlas")
    shutil.rmtree(tmp_path / "a.atlas" / "vectors")
    lines: list[str] = []
    service = SearchService(open_atlas(tmp_path / "a.atlas"), say=lines.append)
    service.prepare()
    assert service.state == "failed"
    assert "knowscape embed" in service.reason
    assert len(lines) == 1


def test_many_may_search_at_a_time(atlas: Atlas) -> None:
    atlas.index()
    index, found = atlas.searcher(), list[str]()
    threads = [
        threading.Thread(target=lambda: found.append(index.search("which animal eats krill")[0].id)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["zoo"] * 8


def test_a_server_that_stops_while_the_index_is_made_ends_at_once(atlas: Atlas) -> None:
    service = SearchService(atlas)
    service.start()
    service.stop()
    assert service.state == "making"
    assert atlas.search("which animal eats krill", k=1)[0].id == "zoo"
