"""Names of regions: the terms that their own articles are about."""

import re
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.maps.neighbours import NeighbourGraph

__all__ = ["RegionNames"]

# Words are counted in an even sample: at 250,000 articles the two-word terms of all would take gigabytes.
_ROWS = 40_000
_CHARACTERS = 1_000
_LONGEST = 40
_TRIED = 30
# A second term joins the first where it covers half as many articles more, and is nearly as good.
_SECOND_COVERAGE, _SECOND_SCORE = 0.5, 0.6
# A term must stand in so many titles, in corpora of more than so many.
_TITLES, _MANY = 2, 5_000
# So many nearest articles of an article may give it their title.
_HUB_DEPTH = 20
_WORD = r"(?u)\b[^\W\d_]{3,}\b"


class RegionNames:
    """Terms of one or two words, where they stand, and in which direction of the embedding their articles lie."""

    def __init__(
        self, titles: Sequence[str], texts: Sequence[str], vectors: NDArray[np.float32], graph: NeighbourGraph
    ) -> None:
        self._titles, self._graph = titles, graph
        step = -(-len(titles) // _ROWS)
        rows = np.arange(0, len(titles), step)
        self._row_of = np.full(len(titles), -1)
        self._row_of[rows] = np.arange(len(rows))
        middle = vectors.mean(axis=0)
        self._vectors = vectors[rows] - middle
        self._table: Any = None
        self._count_terms([titles[row] for row in rows.tolist()], [texts[row][:_CHARACTERS] for row in rows.tolist()])

    def _count_terms(self, titles: list[str], texts: list[str]) -> None:
        from sklearn.feature_extraction.text import CountVectorizer

        least = 2 if len(titles) > 50 else 1
        counter = CountVectorizer(
            binary=True, stop_words="english", ngram_range=(1, 2), min_df=least, token_pattern=_WORD, dtype=np.float32
        )
        try:
            table = counter.fit_transform([f"{a}. {b}" for a, b in zip(titles, texts, strict=True)]).tocsr()
        except ValueError:  # scikit-learn's answer to texts without a single word
            return
        in_titles = np.asarray(counter.transform(titles).sum(axis=0)).ravel()
        used = in_titles >= (_TITLES if len(titles) > _MANY else 1)
        if used.sum() < 100:  # titles are missing, or are all alike
            used = np.ones(len(used), bool)
        names = counter.get_feature_names_out()
        self._names = names[used]
        self._table = table[:, used]
        count = np.asarray(self._table.sum(axis=0)).ravel()
        self._everywhere = count / table.shape[0]
        self._standing = np.sqrt((in_titles[used] + 0.5) / (count + 5))
        self._term_of = self._articles_named_by_terms()
        self._hubs_everywhere = self._hubs(np.arange(len(self._titles)))
        self._directions = _unit(np.asarray(self._table.T @ self._vectors))

    def _articles_named_by_terms(self) -> NDArray[np.int64]:
        """Return int64[n]: the term that is the article's whole title, -1 where none is."""
        place = {str(name): index for index, name in enumerate(self._names)}
        found = [place.get(" ".join(re.findall(_WORD, title.lower())), -1) for title in self._titles]
        return np.array(found, np.int64)

    def _hubs(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return for each term the share of `rows` that have the article of that title among their nearest."""
        near = self._graph.indices[rows, :_HUB_DEPTH].ravel()
        terms = self._term_of[near]
        return np.bincount(terms[terms >= 0], minlength=len(self._names)) / max(1, len(rows))

    def name(self, members: NDArray[np.int64], taken: set[str]) -> str:
        """Return one or two terms that tell what the articles `members` are about, or a title; not in `taken`."""
        return next(label for label in self._candidates(members) if label not in taken)

    def _candidates(self, members: NDArray[np.int64]) -> Iterator[str]:
        rows = self._row_of[members]
        rows = rows[rows >= 0]
        terms = self._best_terms(members, rows)
        if terms:
            yield from self._labels(terms, rows)
        titles = (re.sub(r"\s+", " ", self._titles[row]).strip()[:_LONGEST] for row in members)
        stem = "Region"
        for place, title in enumerate(filter(None, titles)):
            stem = title if place == 0 else stem
            yield title
        number = 1
        while True:
            yield f"{stem} {number}"
            number += 1

    def _labels(self, terms: list[tuple[int, float]], rows: NDArray[np.int64]) -> Iterator[str]:
        """Yield the best term, with a second where that covers much more; then what comes after."""
        has = {term: np.asarray(self._table[rows, term].toarray()).ravel() > 0 for term, _ in terms}
        (first, score), *others = terms
        for second, other in others:
            gain = (has[second] & ~has[first]).mean()
            if other >= _SECOND_SCORE * score and gain >= _SECOND_COVERAGE * has[first].mean():
                yield f"{self._written(first)} & {self._written(second)}"
                break
        for term, _ in terms:
            yield self._written(term)
        for (one, _), (two, _) in combinations(terms, 2):
            yield f"{self._written(one)} & {self._written(two)}"

    def _best_terms(self, members: NDArray[np.int64], rows: NDArray[np.int64]) -> list[tuple[int, float]]:
        """Return the best terms and their scores, none sharing the beginning of a word with a better one.

        The score is p_in log(p_in / p_all), a term's part in the Kullback-Leibler divergence between the articles
        here and all, once for the articles that say it and once for those that have the article of that title among
        their nearest; times the squared cosine between the direction of the term's articles and that of these; times
        the share of its articles that have it in their title, which tells subjects from words in passing.
        """
        if self._table is None or not len(rows):
            return []
        said = _divergence(np.asarray(self._table[rows].mean(axis=0)).ravel(), self._everywhere)
        score = said + _divergence(self._hubs(members), self._hubs_everywhere)
        near = self._directions @ _unit(self._vectors[rows].mean(axis=0, keepdims=True))[0]
        score = score * np.maximum(near, 0) ** 2 * self._standing
        chosen: list[tuple[int, float]] = []
        seen: set[str] = set()
        for term in np.argsort(-score, kind="stable")[:_TRIED]:
            stems = {word[:4] for word in self._names[term].split()}
            if score[term] > 0 and not stems & seen:
                chosen.append((int(term), float(score[term])))
                seen |= stems
        return chosen

    def _written(self, term: int) -> str:
        return " ".join(word.capitalize() for word in str(self._names[term]).split())


def _divergence(here: NDArray[Any], everywhere: NDArray[Any]) -> NDArray[Any]:
    """Return p log(p / q), 0 where p is 0."""
    tiny = 1e-12
    result: NDArray[Any] = here * np.log(np.maximum(here, tiny) / np.maximum(everywhere, tiny))
    return result


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    result: NDArray[np.float32] = (vectors / np.maximum(norms, 1e-12)).astype(np.float32)
    return result
