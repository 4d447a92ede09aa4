"""Ways to have a map: a folder for any web host, one file that opens by double-click."""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from test_browser_data import HOSTILE, make_page
from visitor import DESKTOP, PHONE, Visitor, needs_chromium, visits, wait
from webhost import hosted

from conftest import Run
from knowscape import sharing
from knowscape.atlas import open_atlas
from knowscape.errors import UsageError
from knowscape.page.single import single_file
from knowscape.quiz.estimate import Item

pytestmark = needs_chromium

QUIET: dict[str, Any] = {"reduced_motion": "reduce"}


@pytest.fixture(scope="module")
def file(sample_atlas: Path, knowscape: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample as one file, by the command that users type."""
    out = tmp_path_factory.mktemp("shared") / "map.html"
    done = knowscape("export", sample_atlas, "--format", "html", "-o", out, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["articles"], said["files"], said["bytes"]) == (684, 1, out.stat().st_size)
    return out


def shows_an_article_with_its_text(visitor: Visitor, atlas: Path, row: int) -> None:
    corpus = open_atlas(atlas).corpus
    visitor.page.fill("#search", corpus.titles[row])
    visitor.page.press("#search", "Enter")
    wait(lambda: visitor.state["article"] == row)
    wait(lambda: corpus.texts[row][:60] in visitor.page.inner_text("#article-body"))


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_file_opens_from_the_disk_without_any_network(
    browser: Any, file: Path, sample_atlas: Path, size: dict[str, Any]
) -> None:
    with visits(browser, file.as_uri()) as visit:
        visitor = visit(first=True, offline=True, **QUIET, **size)
        visitor.page.click("#tour-skip")
        assert visitor.state["documents"] == 684
        assert visitor.state["labels"]
        assert visitor.page.evaluate("document.fonts.check('16px \"Source Serif 4\"')")
        assert visitor.page.evaluate("[...document.fonts].some(font => font.status === 'loaded')")
        visitor.press("a")
        wait(lambda: visitor.state["answered"] == 1)
        for row in (0, 300, 683):  # of each block of texts one
            shows_an_article_with_its_text(visitor, sample_atlas, row)
            visitor.press("Escape")
        visitor.open()
        assert visitor.state["answered"] == 1, "answers stay with the file, too"
        visitor.picture(f"file-{visitor.page.viewport_size['width']}")


def test_a_file_has_no_link_to_copy_and_keeps_answers_as_a_file(browser: Any, file: Path) -> None:
    with visits(browser, file.as_uri()) as visit:
        visitor = visit(offline=True, **QUIET, **DESKTOP)
        visitor.page.click("#survey-open")
        assert not visitor.page.is_visible("#survey-link")
        with visitor.page.expect_download() as download:
            visitor.page.click("#survey-save")
        assert download.value.suggested_filename == "answers.json"


def test_the_file_names_no_address_that_it_would_load(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    page = re.sub(r"<script[^>]*>.*?</script>", "", text, flags=re.DOTALL)
    assert set(re.findall(r'(?:src|href|data|action)="(?!data:|#)', page)) == set()
    assert set(re.findall(r"url\((?!data:)", page)) == set()
    assert not re.search(r"""import\(["'`]|(?:import|from)\s*["'`]\.""", text)
    assert "SIL OPEN FONT LICENSE" in text


def test_the_file_runs_its_own_script_and_no_other(browser: Any, file: Path, tmp_path: Path) -> None:
    text = file.read_text(encoding="utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    assert "unsafe" not in policy[1]
    assert "default-src 'none'" in policy[1]
    other = tmp_path / "other.html"
    added = "<script>window.broken = 1</script><style>body { opacity: 0.5 }</style>"
    other.write_text(
        text.replace("</body>", f"{added}<img src=x onerror='window.broken = 2'></body>"), encoding="utf-8"
    )
    with visits(browser, other.as_uri()) as visit:
        visitor = visit(offline=True, **QUIET)
        visitor.page.evaluate("fetch('https://elsewhere.example/').catch(() => null)")
        assert visitor.page.evaluate("window.broken") is None
        assert visitor.page.evaluate("getComputedStyle(document.body).opacity") == "1"
        refused = [fault for fault in visitor.faults if "Content Security Policy" in fault]
        assert {kind for kind in ("script", "style", "img", "connect") if any(kind in fault for fault in refused)} == {
            "script", "style", "img", "connect"
        }  # fmt: skip
        visitor.faults.clear()


def test_the_same_map_gives_the_same_file(sample_atlas: Path, tmp_path: Path) -> None:
    made = make_page(tmp_path, [])
    assert single_file(made) == single_file(made)


def test_hostile_titles_and_texts_stay_texts_and_formulas_are_set(browser: Any, tmp_path: Path) -> None:
    question = {
        "id": "q", "question": r"What is $\frac{1}{2}$?", "options": ["</script>", r"$\sqrt{2}$", "c", "d"],
        "correctIndex": 2, "topic": HOSTILE[1], "item": asdict(Item()), "x": 0.5, "y": 0.5, "source": 5, "near": [0, 1],
    }  # fmt: skip
    out = tmp_path / "map.html"
    out.write_text(single_file(make_page(tmp_path, [question])), encoding="utf-8")
    with visits(browser, out.as_uri()) as visit:
        visitor = visit(offline=True, **QUIET, **DESKTOP)
        page = visitor.page
        wait(lambda: page.query_selector_all("#quiz-question math mfrac"))
        assert page.inner_text("#quiz-options li:nth-child(1)").endswith("</script>")
        for row, title in enumerate(HOSTILE):
            if not title.strip():
                continue  # nobody can look for it
            page.fill("#search", title[:40])
            page.press("#search", "Enter")
            wait(lambda: visitor.state["article"] == row)  # noqa: B023 - asked at once
            wait(lambda: "Text number" in page.text_content("#article-body"))
            assert page.text_content("#article-title") == title
            page.keyboard.press("Escape")
        assert page.evaluate("window.broken") is None


def test_a_part_that_was_damaged_on_the_way_is_named(browser: Any, file: Path, tmp_path: Path) -> None:
    text = file.read_text(encoding="utf-8")
    start = text.index('id="data/titles.json">') + len('id="data/titles.json">')
    broken = tmp_path / "broken.html"
    broken.write_text(text[: start + 400] + text[start + 440 :], encoding="utf-8")
    with visits(browser, broken.as_uri()) as visit:
        visitor = visit(offline=True, ready=False)
        wait(lambda: visitor.page.is_visible("#failure"))
        assert "data/titles.json of this file is damaged" in visitor.page.inner_text("#failure-text")


def test_a_map_too_large_for_one_file_is_refused_with_the_command_that_makes_a_folder(
    sample_atlas: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sharing.MOST_ARTICLES == 50_000
    monkeypatch.setattr(sharing, "MOST_ARTICLES", 600)
    with pytest.raises(UsageError, match=r"684 articles; one file holds up to 600\..*--format html -o map$"):
        sharing.share(open_atlas(sample_atlas), tmp_path / "map.html")
    assert list(tmp_path.iterdir()) == []
    assert sharing.share(open_atlas(sample_atlas), tmp_path / "map").articles == 684


def test_a_folder_goes_under_any_path_of_any_host_and_brings_its_policy(
    browser: Any, sample_atlas: Path, knowscape: Run, tmp_path: Path
) -> None:
    out = tmp_path / "maps" / "wiki"
    done = knowscape("export", sample_atlas, "--format", "html", "-o", out, "--json")
    assert done.returncode == 0, done.stderr
    written = [path for path in out.rglob("*") if path.is_file()]
    said = json.loads(done.stdout)
    assert (said["files"], said["bytes"]) == (len(written), sum(path.stat().st_size for path in written))
    with hosted(tmp_path) as root, visits(browser, f"{root}maps/wiki/") as visit:
        visitor = visit(**QUIET, **DESKTOP)  # which refuses whatever does not begin with the address
        shows_an_article_with_its_text(visitor, sample_atlas, 300)
        assert visitor.page.is_visible("#quiz")
        visitor.page.evaluate("fetch('https://elsewhere.example/').catch(() => null)")
        assert {"Content Security Policy" in fault for fault in visitor.faults} == {True}
        visitor.faults.clear()


def test_the_atlas_own_page_is_such_a_folder(browser: Any, sample_atlas: Path) -> None:
    with hosted(sample_atlas) as root, visits(browser, f"{root}page/") as visit:
        shows_an_article_with_its_text(visit(**QUIET), sample_atlas, 0)


def test_a_folder_that_is_opened_as_a_file_says_what_to_type(browser: Any, sample_atlas: Path) -> None:
    index = (sample_atlas / "page" / "index.html").as_uri()
    with visits(browser, index) as visit:
        visitor = visit(ready=False)
        assert visitor.page.is_visible(".unstyled")
        assert "knowscape serve" in visitor.page.inner_text("body")[:200]
        visitor.faults.clear()


def test_a_folder_that_holds_something_else_is_not_replaced(sample_atlas: Path, tmp_path: Path) -> None:
    atlas = open_atlas(sample_atlas)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for out in (tmp_path / "mine", tmp_path / "mine" / "thesis.txt", sample_atlas):
        with pytest.raises(UsageError, match="would be lost"):
            sharing.share(atlas, out)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"
    (tmp_path / "new").mkdir()
    for _ in range(2):  # an empty one, and then a page
        assert sharing.share(atlas, tmp_path / "new").files > 10
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "new"]
