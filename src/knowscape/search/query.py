"""What a person typed, as words, phrases and fields."""

import re
from dataclasses import dataclass

from knowscape.errors import UsageError

__all__ = ["Clause", "Query", "parse_query"]

# The field may stand before a word or a phrase; a quote that is not closed is a character like another.
_CLAUSE = re.compile(
    r'(?:(?<!\w)(?P<field>title):)?"(?P<phrase>[^"]*)"|(?<!\w)(?P<field_of_word>title):(?P<word>[^\s"]+)'
)
_LETTER = re.compile(r"[^\W_]")


@dataclass(frozen=True, slots=True)
class Clause:
    """Words that stand one after the other, in the title or, where the field is None, anywhere."""

    words: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """`text` is what is embedded: the query without its syntax.  A document is found by one of `words` or `clauses`."""

    text: str
    words: str
    clauses: tuple[Clause, ...] = ()


def parse_query(typed: str) -> Query:
    """Return a query: `"a phrase"`, `title:word` and `title:"a phrase"` are clauses, all else is plain words.

    Nothing that can be typed is an error but nothing: UsageError for an empty query.
    """
    typed = typed.encode("utf-8", "replace").decode()
    if not typed.strip():
        raise UsageError("The query is empty. Type what to look for.")
    clauses = tuple(
        Clause(words, found["field"] or found["field_of_word"])
        for found in _CLAUSE.finditer(typed)
        if _LETTER.search(words := found["phrase"] or found["word"] or "")
    )
    words = " ".join(_CLAUSE.sub(" ", typed).split())
    text = " ".join(_CLAUSE.sub(lambda found: f" {found['phrase'] or found['word'] or ''} ", typed).split())
    return Query(text if _LETTER.search(text) else typed.strip(), words if _LETTER.search(words) else "", clauses)
