"""What a person typed, as words, phrases and fields."""

import re
from dataclasses import dataclass

from knowscape.errors import UsageError

__all__ = ["Clause", "Query", "parse_query"]

# The field may stand before a word or a phrase; a quote that is not closed is a character like another.
_CLAUSE = re.compile(
    r'(?:(?<!\w)(?P<field>title):)?"(?P<phrase>[^"]+)"|(?<!\w)(?P<field_of_word>title):(?P<word>[^\s"]+)'
)


@dataclass(frozen=True, slots=True)
class Clause:
    """Words that must stand one after the other, in the title or, where the field is None, anywhere."""

    words: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """`text` is what is embedded: the query without its syntax; `words` what may be found, `clauses` what must be."""

    text: str
    words: str
    clauses: tuple[Clause, ...] = ()


def parse_query(typed: str) -> Query:
    """Return a query: `"a phrase"`, `title:word` and `title:"a phrase"` are required, all else is plain words.

    Nothing that can be typed is an error, save nothing: UsageError for a query without any character to find.
    """
    clauses = tuple(
        Clause(found["phrase"] or found["word"], found["field"] or found["field_of_word"])
        for found in _CLAUSE.finditer(typed)
    )
    words = " ".join(_CLAUSE.sub(" ", typed).split())
    text = " ".join(_CLAUSE.sub(lambda found: f" {found['phrase'] or found['word']} ", typed).split())
    if not any(character.isalnum() for character in text):
        raise UsageError(f"There is nothing to search for in {typed!r}. Type some words.")
    return Query(text, words, tuple(clause for clause in clauses if clause.words.strip()))
