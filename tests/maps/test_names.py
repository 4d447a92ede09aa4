"""What the names of regions promise."""

import json
import re
from collections.abc import Callable
from importlib.resources import files

import numpy as np
import pytest

from knowscape.maps.layout import lay_out
from knowscape.maps.neighbours import neighbour_graph
from knowscape.maps.regions import Regions, find_regions

GENERIC = set(
    """january february march april june july august september october november december monday sunday century centuries
    year years born died known called used named first second one two three the of and in is was with new other many
    first most""".split()  # noqa: SIM905 - a list of sixty words would fill a page
)


def _named(groups: list[list[tuple[str, str]]]) -> Regions:
    """Return the regions of groups of titles and texts, each group in a corner of the map and of the embedding."""
    random = np.random.default_rng(7)
    own = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    points = np.stack([own % 2, own // 2], axis=1) + random.normal(scale=0.06, size=(len(own), 2))
    vectors = np.concatenate([np.eye(len(groups))[own], np.zeros((len(own), 20))], axis=1)
    vectors = (vectors + random.normal(scale=0.15, size=vectors.shape)).astype(np.float32)
    titles, texts = zip(*(article for group in groups for article in group), strict=True)
    graph = neighbour_graph(vectors)
    return find_regions(points.astype(np.float32), vectors, graph, titles=titles, texts=texts, seed=0)


def _group(write: Callable[[str, int], str], each: int = 40) -> list[tuple[str, str]]:
    letters = "bdfgklmnprstvz"
    titles = [f"{letters[i % 14]}a{letters[i // 14]}u{letters[(i * 5) % 14]}o".title() for i in range(each)]
    return [(title, write(title, i)) for i, title in enumerate(titles)]


def _names(*texts: Callable[[str, int], str]) -> set[str]:
    """Return the names of the coarsest regions of groups of articles with these texts."""
    return {region.label for region in _named([_group(text) for text in texts]).levels[0]}


COUNTRIES = ("French", "Dutch", "Greek", "Danish", "Swiss", "Irish", "Thai")


def test_a_region_of_one_kind_of_thing_has_the_name_of_the_kind_in_the_plural() -> None:
    names = _names(
        lambda title, i: f"{title} is a {COUNTRIES[i % 7]} railway station near the old town. It opened in 19{i}.",
        lambda title, i: f"{title} was a {COUNTRIES[i % 7]} painter who lived with other painters in 18{i}.",
        lambda title, i: f"{title} is a star {i} light years away. Stars like it are near.",
        lambda title, i: f"{title} is a village in the hills. Such villages are quiet.",
    )
    assert names <= {"Railway Station", "Railway Stations", "Painters", "Stars", "Villages"}
    assert len(names) == 4


def test_a_name_is_no_modifier_and_no_piece_of_a_longer_phrase() -> None:
    """Swedish alone is no subject, and "Lanka" stands for nothing but Sri Lanka."""
    things = ("novel", "ballad", "sonnet", "epic", "essay", "fable", "saga")
    names = _names(
        lambda title, i: f"{title} is a Swedish {things[i % 7]} of 19{i}, and a Swedish classic.",
        lambda title, i: f"{title} lies in Sri Lanka. From {title} all of Sri Lanka is close.",
        lambda title, i: f"{title} is a moth that flies in {i} valleys.",
        lambda title, i: f"{title} is an engine for small planes.",
    )
    assert not names & {"Swedish", "Lanka", "Sri"}
    assert any("Sri Lanka" in name for name in names)


def test_abbreviations_keep_their_capitals() -> None:
    names = _names(
        lambda title, i: f"{title} is an RNA that folds in {i} ways. This RNA is short.",
        lambda title, i: f"{title} is a river that is {i} km long.",
        lambda title, i: f"{title} is a poem by a poet from {i}.",
        lambda title, i: f"{title} is a bridge with {i} arches.",
    )
    assert any(name in {"RNA", "RNAs"} for name in names), names


def test_a_name_that_many_persons_share_is_no_name_and_that_of_a_country_is() -> None:
    persons = [
        (f"{title} Johnson", f"{title} Johnson was a singer, and the {i} songs are lost.")
        for i, (title, _) in enumerate(_group(lambda title, i: title))
    ]
    others = (
        lambda title, i: f"{title} lies in Bhutan, near the {i} wells.",
        lambda title, i: f"{title} is a moth of the {i} valleys.",
        lambda title, i: f"{title} is an engine for the {i} planes.",
    )
    names = {region.label for region in _named([persons, *map(_group, others)]).levels[0]}
    assert not any("Johnson" in name for name in names), names
    assert any("Bhutan" in name for name in names), names


GERMAN = ("Brücke", "Oper", "Pflanze", "Währung")
FRENCH = ("église romane", "langue celtique", "rivière", "étoile double")


@pytest.mark.parametrize("titled", [True, False], ids=["titles", "no titles"])
@pytest.mark.parametrize(
    ("kinds", "sentence"),
    [
        (
            GERMAN,
            "{title} ist eine {kind} in der Nähe von Bonn und wird seit {i} mit der Stadt und dem Land verbunden.",
        ),
        (FRENCH, "{title} est une {kind} dans le nord de la région et elle fut connue des gens de la ville en {i}."),
    ],
    ids=["German", "French"],
)
def test_function_words_of_other_languages_are_known_by_where_they_stand(
    kinds: tuple[str, ...], sentence: str, titled: bool
) -> None:
    groups = [_group(lambda title, i, kind=kind: sentence.format(title=title, kind=kind, i=i)) for kind in kinds]
    if not titled:
        groups = [[("", text) for _, text in group] for group in groups]
    names = {region.label.lower() for region in _named(groups).levels[0]}
    assert names == {kind.lower() for kind in kinds}


def _sample() -> tuple[Regions, list[str]]:
    """Return the regions of the sample articles, by vectors of their words, and the articles, lower case."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    lines = (files("knowscape.corpus") / "sample" / "articles.jsonl").read_text("utf-8").splitlines()
    articles = [json.loads(line) for line in lines]
    titles, texts = [article["title"] for article in articles], [article["text"] for article in articles]
    # The field stands for what an encoder knows of a text beyond its words.
    words = [f"{article['field'].replace(' ', '')} " * 3 + article["text"] for article in articles]
    counts = TfidfVectorizer(stop_words="english", sublinear_tf=True).fit_transform(words)
    vectors = TruncatedSVD(48, random_state=0).fit_transform(counts).astype(np.float32)
    graph = neighbour_graph(vectors)
    points = lay_out(vectors, graph).documents.astype(np.float32)
    regions = find_regions(points, vectors, graph, titles=titles, texts=texts, seed=0)
    return regions, [f"{a}\n{b}".lower() for a, b in zip(titles, texts, strict=True)]


@pytest.fixture(scope="module")
def sample() -> tuple[Regions, list[str]]:
    return _sample()


def _stems(label: str) -> list[str]:
    """Return what singular and plural have in common."""
    return [word.lower().removesuffix("s").removesuffix("ie") for word in label.split() if word != "&"]


def test_the_samples_names_are_short_and_without_generic_words(sample: tuple[Regions, list[str]]) -> None:
    for region in (region for level in sample[0].levels for region in level):
        words = region.label.replace(" & ", " ").split()
        assert 1 <= len(words) <= 3, region.label
        assert not {word.lower() for word in words} & GENERIC, region.label
        assert all(word[:1] == word[:1].upper() for word in words[:1]), region.label


def test_the_samples_names_stand_once_in_a_level_and_not_above(sample: tuple[Regions, list[str]]) -> None:
    levels = sample[0].levels
    for depth, level in enumerate(levels):
        assert len({region.label for region in level}) == len(level)
        for region in level:
            above, parent = [], region.parent
            for coarser in levels[:depth][::-1]:
                above.append(coarser[parent or 0].label)
                parent = coarser[parent or 0].parent
            assert region.label not in above


def test_the_samples_siblings_share_no_phrase(sample: tuple[Regions, list[str]]) -> None:
    for level in sample[0].levels[:3]:
        for parent in {region.parent for region in level}:
            parts = [part for region in level if region.parent == parent for part in region.label.split(" & ")]
            assert len(set(parts)) == len(parts)


def test_the_samples_coarse_names_are_subjects_of_their_own_articles(sample: tuple[Regions, list[str]]) -> None:
    """Their words stand in titles there, in a twelfth of the articles, and twice as often as elsewhere."""
    regions, articles = sample
    here, elsewhere, titled = [], [], []
    for index, region in enumerate(regions.levels[0]):
        own = regions.membership[:, 0] == index
        for stem in _stems(region.label):
            says = np.array([stem in article for article in articles])
            here.append(says[own].mean())
            elsewhere.append(says[~own].mean())
            titled.append(
                any(stem in article.split("\n")[0] for article, mine in zip(articles, own, strict=True) if mine)
            )
    assert np.mean(here) >= 1 / 12
    assert np.mean(np.array(here) > 2 * np.array(elsewhere)) >= 0.8
    assert np.mean(titled) >= 0.9


def test_the_samples_coarse_names_are_more_general_than_the_fine_ones(sample: tuple[Regions, list[str]]) -> None:
    """Typically, that is in the geometric mean, more articles say a coarse name's words than a fine one's."""
    regions, articles = sample

    def said(stem: str) -> int:
        return sum(re.search(rf"\b{re.escape(stem)}(s|es|y|ies)?\b", article) is not None for article in articles)

    coarse, *_, fine = (
        np.mean([np.log(said(stem)) for one in level for stem in _stems(one.label)]) for level in regions.levels
    )
    assert coarse > fine
