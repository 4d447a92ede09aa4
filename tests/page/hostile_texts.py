"""Titles and texts that a corpus should not hold, and may."""

from dataclasses import dataclass
from pathlib import Path

from knowscape.build import build
from knowscape.corpus.document import Corpus, Document
from knowscape.page.api import Api

__all__ = ["HOSTILE", "MEGABYTE", "METADATA", "TITLES", "Hostile", "hostile_atlas", "id_of", "text_of"]

MEGABYTE = "<b>long</b> \u202e" + "one megabyte of words, " * 44_000
METADATA = {"year": 2000, "none": float("nan"), "<b>": ["<script>", {"deep": float("inf")}]}
_RUN = "window.broken = {}"
_MARKUP = [
    "<script>{}</script>", '<img src=x onerror="{}">', "<svg onload={}>", "<body onload='{}'>",
    "<iframe srcdoc='<script>parent.{}</script>'>", "</title><script>{}</script>",
    "</bdi></li></ul><script>{}</script>", "--><script>{}</script><!--", "]]><script>{}</script>",
    "<a href=javascript:{}>x</a>", "<details open ontoggle={}>", "<input autofocus onfocus={}>",
    "<math><mi xlink:href='javascript:{}'>", "<style>@import 'javascript:{}'</style>", "<base href='javascript:{}//'>",
    "<meta http-equiv=refresh content='0;url=javascript:{}'>", "<object data='javascript:{}'>",
    "<form action='javascript:{}'><button>", "<template><script>{}</script></template>",
    "{{constructor.constructor('{}')()}}", "${{{}}}", "`;{};`", "';{};//", '"}};{};//',
    "\\u003cscript\\u003e{}\\u003c/script\\u003e", "&lt;script&gt;{}&lt;/script&gt;", "javascript:{}",
]  # fmt: skip
# Each script sets a value of its own, so that one that runs is known by it.
HOSTILE = [
    *(words.replace("{}", _RUN.format(number)) for number, words in enumerate(_MARKUP, 1)),
    "An overlong title " + "that goes on and on " * 15, "Unbroken" + "x" * 300, "\u202eright to left\u202c",
    "unclosed \u202e\u2066 override", "[/b] {{x}} ${y} `z` \\ \u0007", "العربية والعبرית", "&lt;b&gt; &amp; \x00",
    "https://elsewhere.example/x.png", "\u2067isolated \u2066twice", "e" + "\u0301" * 200,
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 family", "zero\u200bwidth\ufeff", "line\u2028separator\u2029",
    "new\nline\ttab\r", "\x1b[31mred\x1b[0m \x1b]0;title\x07", "%00%0d%0aSet-Cookie: a=b", "../../../etc/passwd",
    "' OR 1=1; --", "=cmd|' /C calc'!A0", "\ufffe\uffff noncharacters", "\U000e0041\U000e0042 tags", "ﷺ" * 20, " ",
]  # fmt: skip
TITLES = [*HOSTILE, "long"]


@dataclass(frozen=True)
class Hostile:
    """What answers for an atlas of these titles, and the folder of its page."""

    api: Api
    page: Path


def text_of(row: int) -> str:
    """Return the text under the title in a row of TITLES: the last one's is a megabyte."""
    return MEGABYTE if row == len(HOSTILE) else f"{TITLES[row]} is a title, and this is text {row}. {TITLES[row]}"


def id_of(row: int) -> str:
    return f"../{TITLES[row][:60]}&id={row}#%41"


def hostile_atlas(path: Path, model: Path) -> Hostile:
    """Make an atlas of these articles, embedded by a model that the catalogue lacks, and its index."""
    rows = range(len(TITLES))
    documents = [Document(id_of(row), text_of(row), TITLES[row], metadata=METADATA) for row in rows]
    atlas = build(Corpus.from_documents(documents), out=path, model=str(model))
    api = Api(atlas, models=[str(model)])
    api.search.prepare()
    return Hostile(api, atlas.folder.page())
