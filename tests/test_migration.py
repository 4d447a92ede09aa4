"""Another model answers: on this disk and on a server, after a comparison, with what came in meanwhile, and back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.drill import make_model
from knowscape.atlas import Atlas, open_atlas
from knowscape.build import embed_corpus, put_corpus
from knowscape.corpus.document import Corpus, Document
from knowscape.corpus.readers import read_corpus
from knowscape.corpus.sample import sample_articles_path
from knowscape.embedding import EmbedOptions
from knowscape.encoders.load import find_model
from knowscape.errors import GateError, UsageError
from knowscape.indexing import IndexOptions, make_passages
from knowscape.migration import Gate, migrate, roll_back
from knowscape.search.opensearch import indices, pointed
from knowscape.search.opensearch_server import connect
from knowscape.sites import EmbeddedSite, OpenSearchSite, Site, load_server, on_server
from knowscape.store.atlas import AtlasFolder
from search.fake_opensearch import FakeOpenSearch

OLD, NEW = "all-MiniLM-L6-v2", "wordllama"
OPEN = Gate(overlap=0.0, tolerance=1.0)


@pytest.fixture(autouse=True)
def few_queries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowscape.migration._SHADOWS", 10)


@pytest.fixture
def atlas(tmp_path: Path) -> Atlas:
    """Return 60 articles of the sample under the old model."""
    folder = AtlasFolder.create(tmp_path / "a.atlas")
    put_corpus(folder, read_corpus(sample_articles_path(), limit=60))
    embed_corpus(Atlas(folder), OLD)
    return Atlas(folder)


@pytest.fixture(params=["embedded", "opensearch"])
def site(request: pytest.FixtureRequest, atlas: Atlas, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    if request.param == "embedded":
        atlas.index()
        yield EmbeddedSite(atlas.folder)
        return
    with FakeOpenSearch("2.19.1") as running:
        monkeypatch.setenv("OPENSEARCH_URL", running.url)
        load_server(atlas, "articles")
        yield OpenSearchSite(connect(), "articles")


def found(site: Site) -> list[str]:
    return [hit.id for hit in site.search(staged=False)("a star that explodes", 5)]


def test_another_model_answers_and_the_old_one_can_answer_again(atlas: Atlas, site: Site) -> None:
    before = found(site)
    done = migrate(atlas, NEW, site, gate=OPEN)
    after = found(site)
    assert (done.before, done.after, done.documents, done.queries) == (OLD, NEW, 60, 10)
    assert done.overlap is not None
    assert 0 < done.overlap.value < 1
    assert site.spec().name == NEW
    assert after != before
    back = roll_back(atlas, site)
    assert (back.before, back.after) == (NEW, OLD)
    assert found(site) == before
    assert site.staged() is not None
    roll_back(atlas, site)  # removes what was gone back from
    assert site.staged() is None
    assert found(site) == before
    with pytest.raises(UsageError, match="nothing to go back to"):
        roll_back(atlas, site)


def test_articles_that_come_in_meanwhile_are_found_by_both(
    atlas: Atlas, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = Document("late", "The okapi lives in the rain forest of the Congo.", "Okapi")
    real, came = make_passages, []

    def slow(*arguments: object, **options: object) -> object:
        made = real(*arguments, **options)  # type: ignore[arg-type]
        if not came:
            came.append(late)
            put_corpus(atlas.folder, Corpus.from_documents([*atlas.corpus, late]))
        return made

    monkeypatch.setattr("knowscape.migration.make_passages", slow)
    migrate(open_atlas(atlas.path), NEW, site, gate=OPEN)
    assert [hit.id for hit in site.search(staged=False)("okapi", 1)] == ["late"]
    roll_back(open_atlas(atlas.path), site)
    assert [hit.id for hit in site.search(staged=False)("okapi", 1)] == ["late"]


def test_a_model_that_finds_other_things_does_not_pass_and_the_old_one_goes_on(
    atlas: Atlas, site: Site, tmp_path: Path
) -> None:
    noise = str(make_model(tmp_path / "noise"))
    options, before = IndexOptions(embedding=EmbedOptions(cache=False), models=(noise,)), found(site)
    if isinstance(site, EmbeddedSite):
        site = EmbeddedSite(atlas.folder, options)
    else:
        site = OpenSearchSite(connect(), "articles", (noise,))
    with pytest.raises(GateError, match=r"does not pass.*goes on answering"):
        migrate(atlas, noise, site, gate=Gate(overlap=0.9), options=options)
    assert found(site) == before
    assert site.staged() == find_model(noise)[0]
    roll_back(atlas, site)
    assert site.staged() is None
    assert found(site) == before


def test_judgements_decide_where_there_are_some(atlas: Atlas, tmp_path: Path) -> None:
    atlas.index()
    site = EmbeddedSite(atlas.folder)
    queries, judged = tmp_path / "queries.jsonl", tmp_path / "qrels.tsv"
    rows = list(zip(atlas.corpus.ids, atlas.corpus.titles, strict=True))[:20]
    queries.write_text("".join(f'{{"_id": "{name}", "text": "{title}"}}\n' for name, title in rows))
    judged.write_text("".join(f"{name}\t{name}\t1\n" for name, _ in rows))
    done = migrate(atlas, NEW, site, gate=Gate(queries, judged, overlap=0.0, tolerance=1.0))
    (measure,) = done.quality
    assert measure == "ndcg@10"
    assert done.quality[measure][0].value > 0.9
    with pytest.raises(UsageError, match="judges queries by their ids"):
        Gate(None, judged)


def test_a_site_without_an_index_says_how_to_make_one(atlas: Atlas) -> None:
    with pytest.raises(UsageError, match="knowscape index"):
        migrate(atlas, NEW, EmbeddedSite(atlas.folder))


def test_to_the_model_that_answers_already_there_is_nothing_to_do(atlas: Atlas) -> None:
    atlas.index()
    before = atlas.searcher().generation.name
    assert migrate(atlas, OLD, EmbeddedSite(atlas.folder)).queries == 0
    assert atlas.searcher().generation.name == before


def test_on_a_server_the_index_of_the_old_model_is_kept_and_older_ones_go(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    noise = str(make_model(tmp_path / "noise"))
    with FakeOpenSearch("3.5.0") as running:
        monkeypatch.setenv("OPENSEARCH_URL", running.url)
        load_server(atlas, "articles")
        server = connect()
        first = pointed(server, "articles")
        migrate(atlas, NEW, OpenSearchSite(server, "articles"), gate=OPEN)
        options = IndexOptions(embedding=EmbedOptions(cache=False), models=(noise,))
        migrate(atlas, noise, OpenSearchSite(server, "articles", (noise,)), gate=OPEN, options=options)
        left = [one.name for one in indices(server, "articles")]
        assert len(left) == 2
        assert first not in left
        assert on_server("articles", (noise,)).spec == find_model(noise)[0]
