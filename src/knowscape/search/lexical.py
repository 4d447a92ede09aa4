"""Search by words: BM25 (Robertson & Zaragoza 2009) in tantivy, with stems by language."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowscape.search.languages import CJK, LANGUAGES
from knowscape.search.query import Clause, Query

__all__ = ["LexicalIndex", "Words", "highlights"]

# A title's words count as if they stood so many times in the text as well.
_TITLE_COUNTS = 2
_HEAP = 64_000_000
_LONGEST_WORD = 60
# Up to so many documents that a filter leaves are named in the query; of more, hits are taken until enough are left.
_NAMED = 20_000
_WITH_STOPWORDS = {"da", "de", "en", "es", "fi", "fr", "hu", "it", "nl", "no", "pt", "ru", "sv"}
_SLOT, _ANYWHERE, _TITLE = "slot", "words", "title"


@dataclass(frozen=True, slots=True)
class Words:
    """What is indexed of a document: the number that it is known by, its language, title and text."""

    slot: int
    language: str
    title: str
    text: str


class LexicalIndex:
    """The words of documents in a folder; `languages` are those that its texts are analysed in.

    All words are indexed; of a query's plain words those that nearly every text has are left out where others remain.
    """

    def __init__(self, folder: Path, languages: Sequence[str]) -> None:
        import tantivy

        self._languages = tuple(languages)
        folder.mkdir(exist_ok=True)
        self._schema = _schema(self._languages)
        self._index: Any = tantivy.Index(self._schema, path=str(folder))
        for language in self._languages:
            self._index.register_tokenizer(language, _analyzer(language))
        self._index.config_reader("manual")
        self._index.reload()
        self._searcher: Any = self._index.searcher()

    def write(self, documents: Iterable[Words], removed: Sequence[int] = ()) -> None:
        """Take documents out and put others in; when this returns all of it can be found."""
        import tantivy

        writer = self._index.writer(_HEAP)
        if removed:  # by a query: tantivy 0.27 takes the number of a term for a signed one, and finds none
            writer.delete_documents_by_query(tantivy.Query.term_set_query(self._schema, _SLOT, list(removed)))
        for one in documents:
            language = one.language if one.language in self._languages else self._languages[0]
            whole = [*[one.title] * _TITLE_COUNTS, one.text] if one.title else [one.text]
            document = tantivy.Document(**{f"{_ANYWHERE}_{language}": whole, f"{_TITLE}_{language}": [one.title]})
            document.add_unsigned(_SLOT, one.slot)
            writer.add_document(document)
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        self._searcher = self._index.searcher()

    def search(
        self, query: Query, k: int, allowed: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return slots int64[h] and BM25 scores float32[h] of at most k documents, best first; `allowed` by slot."""
        parsed = self._parsed(query)
        if parsed is None:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        if allowed is None:
            return self._found(parsed, k)
        slots = np.flatnonzero(allowed)
        if len(slots) <= _NAMED:
            return self._found(self._within(parsed, slots), k)
        take = 2 * k
        while True:
            found, scores = self._found(parsed, take)
            kept = allowed[found]
            if kept.sum() >= k or len(found) < take:
                return found[kept][:k], scores[kept][:k]
            take *= 4

    def _found(self, query: Any, k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        searcher = self._searcher
        hits = searcher.search(query, limit=max(1, k), count=False).hits
        slots = searcher.fast_field_values(_SLOT, [address for _, address in hits])
        return np.array(slots, np.int64), np.array([score for score, _ in hits], np.float32)

    def _within(self, query: Any, slots: NDArray[np.int64]) -> Any:
        from tantivy import Occur
        from tantivy import Query as Tantivy

        named = Tantivy.const_score_query(Tantivy.term_set_query(self._schema, _SLOT, slots.tolist()), 0.0)
        return Tantivy.boolean_query([(Occur.Must, query), (Occur.Must, named)])

    def _parsed(self, query: Query) -> Any:
        """Return the query for tantivy, None where it has no word."""
        from tantivy import Occur
        from tantivy import Query as Tantivy

        words = [self._term(_ANYWHERE, word, of) for of in self._languages for word in _content_words(query.words, of)]
        clauses = [found for clause in query.clauses if (found := self._clause(clause)) is not None]
        either = [(Occur.Should, one) for one in (*words, *clauses)]
        return Tantivy.boolean_query(either) if either else None

    def _clause(self, clause: Clause) -> Any:
        """Return what finds these words one after the other, in any language; None where there is no word."""
        from tantivy import Occur
        from tantivy import Query as Tantivy

        ways = []
        for language in self._languages:
            words = _analyzer(language).analyze(clause.words)
            field = clause.field or _ANYWHERE
            if len(words) == 1:
                ways.append(self._term(field, words[0], language))
            elif words:
                ways.append(Tantivy.phrase_query(self._schema, f"{field}_{language}", words))
        return Tantivy.boolean_query([(Occur.Should, way) for way in ways]) if ways else None

    def _term(self, field: str, word: str, language: str) -> Any:
        from tantivy import Query as Tantivy

        return Tantivy.term_query(self._schema, f"{field}_{language}", word, "freq")

    def stems(self, query: Query) -> frozenset[str]:
        """Return the stems that the query asks for, of every language."""
        said = [query.words, *(clause.words for clause in query.clauses)]
        return frozenset(word for text in said for of in self._languages for word in _content_words(text, of))

    @property
    def languages(self) -> tuple[str, ...]:
        return self._languages


def _schema(languages: Sequence[str]) -> Any:
    import tantivy

    builder = tantivy.SchemaBuilder()
    builder.add_unsigned_field(_SLOT, indexed=True, fast=True)
    for language in languages:
        for field in (_ANYWHERE, _TITLE):
            builder.add_text_field(f"{field}_{language}", tokenizer_name=language)
    return builder.build()


@lru_cache(maxsize=64)
def _analyzer(language: str) -> Any:
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    if language == CJK:
        return TextAnalyzerBuilder(Tokenizer.ngram(2, 2)).filter(Filter.lowercase()).build()
    words = TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.remove_long(_LONGEST_WORD))
    return (
        words.filter(Filter.lowercase())
        .filter(Filter.stemmer(LANGUAGES[language][0]))
        .filter(Filter.ascii_fold())
        .build()
    )


@lru_cache(maxsize=64)
def _without_stopwords(language: str) -> Any:
    from tantivy import Filter, TextAnalyzerBuilder, Tokenizer

    name = LANGUAGES[language][0]
    words = TextAnalyzerBuilder(Tokenizer.simple()).filter(Filter.remove_long(_LONGEST_WORD)).filter(Filter.lowercase())
    return words.filter(Filter.stopword(name)).filter(Filter.stemmer(name)).filter(Filter.ascii_fold()).build()


def _content_words(text: str, language: str) -> list[str]:
    """Return the stems of a text; the words that nearly every text has only where there are no others."""
    found = _without_stopwords(language).analyze(text) if language in _WITH_STOPWORDS else []
    words: list[str] = found or _analyzer(language).analyze(text)
    return words


@lru_cache(maxsize=100_000)
def _stem(word: str, language: str) -> str | None:
    found = _analyzer(language).analyze(word)
    return found[0] if found else None


def highlights(text: str, stems: frozenset[str], languages: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Return the characters of a text, from and to, where words of a query stand, neighbouring ones apart."""
    import re

    return tuple(
        found.span()
        for found in re.finditer(r"[^\W_]+", text)
        if any(_stem(found.group(), language) in stems for language in languages)
    )
