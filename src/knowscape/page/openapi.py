"""The OpenAPI 3.1 document of the server: written by hand, and held against its answers by the tests."""

from typing import Any

from knowscape import __version__
from knowscape.page.api import BOUNDS
from knowscape.search.index import MODES

__all__ = ["openapi"]

_Schema = dict[str, Any]


def openapi(*, token: bool) -> _Schema:
    """Return the document; where a `token` is asked for it says how to bring it."""
    said: _Schema = {
        "openapi": "3.1.0",
        "info": {
            "title": "Knowscape",
            "version": __version__,
            "summary": "Searches and places on a knowledge map.",
            "description": "Titles and texts are data of the corpus: show them as text, never as markup.",
        },
        "paths": {
            "/healthz": {"get": _HEALTH},
            "/api/search": {"get": _SEARCH},
            "/api/place": {"post": _PLACE},
            "/api/neighbours": {"get": _NEIGHBOURS},
            "/api/document": {"get": _DOCUMENT},
        },
        "components": {"schemas": _SCHEMAS, "responses": _REFUSALS},
    }
    if token:
        said["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        said["security"] = [{"token": []}]
    return said


def _object(properties: _Schema, **more: Any) -> _Schema:
    """Return the schema of an object that has all of these properties."""
    return {"type": "object", "properties": properties, "required": list(properties), **more}


def _list(of: _Schema) -> _Schema:
    return {"type": "array", "items": of}


def _of(name: str) -> _Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _parameter(name: str, what: str, schema: _Schema, **more: Any) -> _Schema:
    return {"name": name, "in": "query", "description": what, "schema": schema, **more}


def _answers(schema: str, *refusals: str) -> _Schema:
    """Return the responses of an operation: one that is as it should be, and what it may refuse."""
    found = {"200": {"description": "The answer.", "content": {"application/json": {"schema": _of(schema)}}}}
    return found | {name[1:]: {"$ref": f"#/components/responses/{name}"} for name in refusals}


_TEXT, _NUMBER = {"type": "string"}, {"type": "number"}
# Anything but spaces.
# Four separators and NEL are white space to Python, and none to the patterns of JSON Schema.
_WORDS = {"type": "string", "pattern": r"[^\s\x1c-\x1f\x85]"}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_RANK = {"type": "integer", "minimum": 1}
_ROW = {"type": "integer", "minimum": 0, "description": "The number of the article among the page's points."}
_SPAN = {**_list({"type": "integer", "minimum": 0}), "minItems": 2, "maxItems": 2}
_COSINE = {"type": "number", "description": "The cosine of the two vectors."}
_ID = _parameter("id", "An article's id.", {"type": "string", "maxLength": BOUNDS["id"]}, required=True)
_SPOT = {"id": _TEXT, "row": _ROW, "title": _TEXT, "x": _NUMBER, "y": _NUMBER}
_METADATA = {"type": "object", "description": "What the corpus says of the article."}


def _how_many(most: str) -> _Schema:
    return _parameter(
        "k", "So many at most.", {"type": "integer", "minimum": 1, "maximum": BOUNDS[most], "default": 10}
    )


_SCHEMAS = {
    "Error": _object({"error": {"type": "string", "description": "What was wrong and what is accepted."}}),
    "Health": _object(
        {
            "status": {"const": "ok"},
            "search": {"enum": ["making", "ready", "failed", "none"]},
            "place": {"enum": ["ready", "failed", "none"]},
            "reason": {"type": ["string", "null"], "description": "Why something has failed."},
        }
    ),
    "Hit": _object(
        {
            "id": _TEXT,
            "row": {**_ROW, "type": ["integer", "null"]},
            "rank": _RANK,
            "score": {"type": "number", "description": "Comparable within one answer only."},
            "title": _TEXT,
            "url": _TEXT,
            "passage": {"type": "string", "description": "The piece of the text that answers best."},
            "span": {**_SPAN, "description": "Where the passage stands in the text, in characters."},
            "highlights": {**_list(_SPAN), "description": "Characters of the passage that the query's words match."},
            "ranks": {"type": "object", "additionalProperties": _RANK},
            "metadata": _METADATA,
        }
    ),
    "Hits": _object({"query": _TEXT, "mode": {"enum": list(MODES)}, "hits": _list(_of("Hit"))}),
    "Document": _object(
        {**_SPOT, "text": _TEXT, "url": _TEXT, "source": _TEXT, "metadata": _METADATA, "regions": _list(_TEXT)}
    ),
    "Neighbours": _object(
        {
            **_SPOT,
            "neighbours": _list(
                _object({**_SPOT, "similarity": _COSINE, "rank": {**_RANK, "description": "Its rank on the map."}})
            ),
        }
    ),
    "Placement": _object(
        {
            "x": _NUMBER,
            "y": _NUMBER,
            "spread": {"type": "number", "minimum": 0, "description": "Its neighbours' mean distance on the map."},
            "confidence": _SHARE,
            "refused": {"type": ["string", "null"], "description": "Why the place is not to be believed."},
            "neighbours": _list(_object({**_SPOT, "similarity": _COSINE})),
        }
    ),
}


def _refusal(what: str, **headers: _Schema) -> _Schema:
    said = {name.replace("_", "-"): {"schema": schema} for name, schema in headers.items()}
    content = {"application/json": {"schema": _of("Error")}}
    return {"description": what, "content": content} | ({"headers": said} if said else {})


_SECONDS = {"type": "integer", "minimum": 1}
# Those that every request can meet: no token, another site's page, another host's name, too often.
_ALWAYS = ("_401", "_403", "_421", "_429")
_REFUSALS = {
    "_400": _refusal("The request is not accepted."),
    "_401": _refusal("The token is missing or wrong."),
    "_403": _refusal("The request comes from another site's page."),
    "_404": _refusal("There is no such article on the map."),
    "_413": _refusal("The request is too large."),
    "_415": _refusal("The request is of another type than application/json."),
    "_421": _refusal("The request names another host."),
    "_429": _refusal("That is too often.", Retry_After=_SECONDS),
    "_503": _refusal("This atlas does not answer that, or not yet.", Retry_After=_SECONDS),
}

_HEALTH = {
    "operationId": "health",
    "summary": "Whether searches and placements are answered.",
    "responses": _answers("Health", "_400", *_ALWAYS),
}
_SEARCH = {
    "operationId": "search",
    "summary": "Articles by words and by meaning, best first.",
    "parameters": [
        _parameter("q", "What to search for.", {**_WORDS, "maxLength": BOUNDS["query"]}, required=True),
        _how_many("hits"),
        _parameter("mode", "What to search by.", {"type": "string", "enum": list(MODES), "default": MODES[0]}),
        _parameter(
            "filter",
            'A condition on metadata, as "year >= 2000"; all must hold.',
            {
                **_list({"type": "string", "maxLength": BOUNDS["filter"]}),
                "maxItems": BOUNDS["filters"],
            },
            example=["year >= 2000"],
        ),
    ],
    "responses": _answers("Hits", "_400", *_ALWAYS, "_503"),
}
_PLACE = {
    "operationId": "place",
    "summary": "Where a text belongs on the map, and how sure that is.",
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": _object({"text": {**_WORDS, "maxLength": BOUNDS["text"]}}, additionalProperties=False)
            }
        },
    },
    "responses": _answers("Placement", "_400", *_ALWAYS, "_413", "_415", "_503"),
}
_NEIGHBOURS = {
    "operationId": "neighbours",
    "summary": "The articles nearest in meaning to one, and how near they lie on the map.",
    "parameters": [_ID, _how_many("neighbours")],
    "responses": _answers("Neighbours", "_400", *_ALWAYS, "_404", "_503"),
}
_DOCUMENT = {
    "operationId": "document",
    "summary": "One article whole, with its metadata.",
    "parameters": [_ID],
    "responses": _answers("Document", "_400", *_ALWAYS, "_404", "_503"),
}
