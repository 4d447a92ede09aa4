"""Files of every other format that try to unfold without end, to escape their folder, or to change what is shown."""

import bz2
import gzip
import io
import json
import lzma
import os
import random
import socket
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["FILES"]

# A maker writes into an empty folder and returns what the reader is to read; MARK must not come to be.
Make = Callable[[Path, str], Path]


def _table(table: Callable[[], pa.Table], **options: object) -> Make:
    def make(folder: Path, _: str) -> Path:
        pq.write_table(table(), folder / "x.parquet", compression="zstd", store_schema=False, **options)
        return folder / "x.parquet"

    return make


def _repeated(length: int, count: int) -> pa.Table:
    """One long value, `count` times: the page holds the value once and a run of indices."""
    return pa.table({"text": pa.DictionaryArray.from_arrays(_zeros(count).cast("int32"), ["x" * length])})


def _list_of(values: pa.Array) -> pa.Table:
    return pa.table({"text": ["one"], "list": pa.ListArray.from_arrays(pa.array([0, len(values)], "int32"), values)})


def _nested(depth: int) -> pa.Table:
    kind = pa.int8()
    for _ in range(depth):
        kind = pa.list_(kind)
    return pa.table({"text": ["one"], "deep": pa.nulls(1, kind)})


def _zeros(count: int) -> pa.Array:
    return pa.array([0], "int8").take(pa.nulls(count, "int32").fill_null(0))


def _footer(change: Callable[[bytearray], object]) -> Make:
    def make(folder: Path, _: str) -> Path:
        out = io.BytesIO()
        pq.write_table(pa.table({"text": ["one", "two"] * 50, "n": list(range(100))}), out)
        data = bytearray(out.getvalue())
        change(data)
        (folder / "x.parquet").write_bytes(data)
        return folder / "x.parquet"

    return make


def _set(place: slice, value: bytes) -> Callable[[bytearray], object]:
    return lambda data: data.__setitem__(place, value)


def _flip(seed: int) -> Callable[[bytearray], object]:
    """Change three bytes of the page headers and the footer."""

    def change(data: bytearray) -> None:
        chance = random.Random(seed)
        for _ in range(3):
            data[chance.choice([*range(4, 60), *range(len(data) - 400, len(data) - 8)])] = chance.randrange(256)

    return change


def _extension(folder: Path, mark: str) -> Path:
    """Arrow once unpickled the types that a schema names."""
    pickled = b"cos\nsystem\n(S'touch " + mark.encode() + b"'\ntR."
    about = {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": pickled}
    schema = pa.schema([pa.field("text", pa.string(), metadata=about)])
    pq.write_table(pa.table({"text": ["one"]}, schema=schema), folder / "x.parquet")
    return folder / "x.parquet"


PARQUET: dict[str, Make] = {
    "100-gigabytes-in-4-kilobytes": _table(lambda: _repeated(1_000_000, 100_000)),
    "a-gigabyte-in-one-text": _table(lambda: pa.table({"text": ["x" * (1 << 30)]}), use_dictionary=False),
    "a-list-of-a-hundred-million": _table(lambda: _list_of(_zeros(100_000_000))),
    "a-list-of-nothing": _table(lambda: _list_of(pa.nulls(100_000_000, pa.null()))),
    "lists-of-empty-lists": _table(lambda: _list_of(pa.nulls(20_000_000, pa.list_(pa.bool_())))),
    "rows-without-end": _table(lambda: pa.table({"text": pa.nulls(1_000_000, pa.string())})),
    "columns-without-end": _table(lambda: pa.table({f"c{n}": pa.nulls(1, pa.int8()) for n in range(20_000)})),
    "lists-in-lists": _table(lambda: _nested(100)),
    "escapes-in-the-names-of-columns": _table(lambda: pa.table({"\x1b[2J\u202eevil": ["x"]})),
    "footer-of-4-gigabytes": _footer(_set(slice(-8, -4), b"\xff\xff\xff\xff")),
    "footer-of-nothing": _footer(_set(slice(-8, -4), b"\0\0\0\0")),
    "said-to-be-encrypted": _footer(_set(slice(-4, None), b"PARE")),
    "only-the-marks": _footer(_set(slice(4, -4), b"")),
    "cut-off": _footer(_set(slice(-30, None), b"")),
    "extension-type-with-a-pickle": _extension,
    **{f"changed-bytes-{seed}": _footer(_flip(seed)) for seed in range(16)},
}


def _write(name: str, data: Callable[[], bytes | str]) -> Make:
    def make(folder: Path, mark: str) -> Path:
        content = data()
        raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
        (folder / name).write_bytes(raw.replace(b"MARK", mark.encode()))
        return folder / name

    return make


def _rows(*rows: dict[str, object]) -> Callable[[], str]:
    return lambda: "".join(json.dumps(row) + "\n" for row in rows)


_GOOD = '{"text": "fine"}\n'
LINES: dict[str, Callable[[], bytes | str]] = {
    "100000-brackets": lambda: "[" * 100_000 + "\n" + _GOOD,
    "100000-braces": lambda: '{"text":' * 100_000 + "\n" + _GOOD,
    "text-nested-900-deep": lambda: '{"text": ' + "[" * 900 + "]" * 900 + "}\n" + _GOOD,
    "metadata-nested-900-deep": lambda: '{"text": "a", "m": ' + "[" * 900 + "]" * 900 + "}\n",
    "metadata-nested-100-deep": lambda: '{"text": "a", "m": ' + '{"m":' * 100 + "1" + "}" * 100 + "}\n",
    "line-of-70-megabytes": lambda: '{"text": "' + "x" * (70 << 20) + '"}\n' + _GOOD,
    "line-of-empty-lists": lambda: '{"text": "a", "m": [' + "[]," * 8_000_000 + "0]}\n" + _GOOD,
    "number-of-a-million-digits": lambda: '{"text": ' + "9" * 1_000_000 + "}\n" + _GOOD,
    "number-beyond-floats": lambda: '{"text": 1e999999, "id": -1e999}\n',
    "not-a-number": lambda: '{"text": NaN, "m": Infinity}\n',
    "half-a-surrogate-pair": lambda: r'{"text": "a\ud800", "title": "\udfff", "id": "\ud800", "m": "\ud800"}' + "\n",
    "half-a-surrogate-pair-as-a-key": lambda: r'{"text": "a", "\ud800": 1}' + "\n",
    "key-twice": lambda: '{"text": "a", "text": "b"}\n',
    "keys-without-end": lambda: "{" + ",".join(f'"k{n}": 1' for n in range(100_000)) + ', "text": "a"}\n',
    "id-that-climbs": _rows({"id": "../../../x", "text": "a"}, {"id": "/etc/passwd", "text": "b"}),
    "id-with-line-ends": _rows({"id": "a\nb\r\x1b[2J", "text": "a"}),
    "id-of-a-million": _rows({"id": "x" * 1_000_000, "text": "a"}),
    "id-of-nothing": _rows({"id": "", "text": "a"}, {"id": None, "text": "b"}, {"id": "\0", "text": "c"}),
    "id-that-is-a-list": _rows({"id": [[1], {"a": 2}], "text": "a"}),
    "paper-that-is-an-object": _rows({"paper_id": {"a": ["../x"]}, "paragraph_index": [9] * 9999, "text": "a"}),
    "title-overridden": _rows({"title": "invoice\u202efdp.exe", "text": "a"}),
    "title-isolated": _rows({"title": "\u2066a\u2069\u2067b", "text": "a"}),
    "title-with-escapes": _rows({"title": "\x1b]0;owned\x07\x9b2J", "text": "a"}),
    "title-without-width": _rows({"title": "pay\u200bpal\ufeff\u2060", "text": "a"}),
    "title-of-many-lines": _rows({"title": "a\nb\u2028c\u2029d\x85e", "text": "a"}),
    "title-of-a-million": _rows({"title": "x" * 1_000_000, "text": "a"}),
    "title-as-markup": _rows({"title": "[/b][red]<script>alert(1)</script>", "text": "a"}),
    "text-with-escapes": _rows({"text": "a\x1b[2J\x07\x08b\x0cc"}),
    "text-of-nul": _rows({"text": "\0\0"}, {"text": "a\0b"}),
    "address-that-is-code": _rows({"url": "javascript:alert(1)", "text": "a"}),
    "address-that-hides-that-it-is-code": _rows({"url": " java\tscript\n:alert(1)", "text": "a"}),
    "address-of-data": _rows({"url": "data:text/html,<script>1</script>", "text": "a"}),
    "address-of-a-file": _rows({"url": "FILE:///etc/passwd", "text": "a"}),
    "address-of-a-million": _rows({"url": "https://" + "x" * 1_000_000, "text": "a"}),
    "utf-16": lambda: _GOOD.encode("utf-16"),
    "utf-8-cut": lambda: b'{"text": "\xf0\x9f\x98"}\n',
    "overlong-utf-8": lambda: b'{"text": "\xc0\xaf\xc0\xae"}\n',
    "line-ends-only": lambda: "\n" * 1_000_000,
    "million-short-lines": lambda: "0\n" * 1_000_000,
    "yaml": lambda: "!!python/object/apply:os.system ['touch MARK']\n",
}

_MEGA = 1_000_000
JSON: dict[str, Callable[[], bytes | str]] = {
    "brackets": lambda: "[" * _MEGA,
    "brackets-in-an-object": lambda: '{"a": ' + "[" * _MEGA,
    "objects-in-objects": lambda: '{"a":' * 300_000,
    "arrays-without-end": lambda: "{" + ",".join(f'"a{n}": [1]' for n in range(200_000)) + "}",
    "item-of-70-megabytes": lambda: '[{"text": "a"}, {"text": "' + "x" * (70 << 20) + '"}]',
    "item-of-two-million-values": lambda: '[{"text": "a"}, {"text": "b", "m": [' + "1," * 2 * _MEGA + "1]}]",
    "item-of-empty-lists": lambda: '[{"text": "a", "m": [' + "[]," * 2 * _MEGA + "[]]}]",
    "top-object-of-70-megabytes": lambda: '{"text": "' + "x" * (70 << 20) + '"}',
    "key-of-70-megabytes": lambda: '{"' + "x" * (70 << 20) + '": [{"text": "a"}]}',
    "number-of-a-million-digits": lambda: '[{"text": "a", "n": ' + "9" * _MEGA + "}]",
    "number-beyond-floats": lambda: '[{"text": "a", "n": 1e999999}]',
    "half-a-surrogate-pair": lambda: r'[{"text": "a\ud800", "m": "\udfff"}]',
    "mark-of-order": lambda: b"\xff\xfe[\0]\0",
    "invalid-utf-8": lambda: b'[{"text": "\xff\xfe\xc0"}]',
    "nested-100-deep": lambda: '[{"text": "a", "m": ' + "[" * 100 + "]" * 100 + "}]",
    "two-documents": lambda: '[{"text": "a"}] [{"text": "b"}]',
    "comments": lambda: '/* x */ [{"text": "a"}] // y',
}

CSV: dict[str, Callable[[], bytes | str]] = {
    "quote-that-never-closes": lambda: 'text\n"' + "x,\n" * 3_000_000,
    "field-of-70-megabytes": lambda: "text\n" + "x" * (70 << 20) + "\nfine\n",
    "columns-without-end": lambda: "text" + "," * 900_000 + "\nfine\n",
    "line-of-delimiters": lambda: "text,b\n" + "," * (20 << 20) + "\nfine,b\n",
    "quotes-only": lambda: "text\n" + '"' * 5_000_001 + "\n",
    "nul-in-names": lambda: b"te\0xt,text\na,b\n",
    "formula": lambda: "title,text\n\"=cmd|' /C calc'!A0\",fine\n",
    "escapes-in-names": lambda: "\x1b[2Ja,\u202eb\n1,2\n",
    "line-ends-of-old-macs": lambda: b"text\rfine\rfine 2\r",
    "names-only": lambda: "text,title\n",
    "same-name-twice": lambda: "text,text\na,b\n",
}

_HEAD = "<mediawiki><siteinfo><sitename>x</sitename><base>https://a.org/w</base></siteinfo>"


def _dump(text: str, title: str = "T") -> str:
    return (
        f"{_HEAD}<page><title>{title}</title><ns>0</ns><id>1</id><revision><id>1</id>"
        f"<text>{text}</text></revision></page></mediawiki>"
    )


def _entities(levels: int, times: int) -> str:
    lines = ['<!ENTITY e0 "lol">'] + [f'<!ENTITY e{n} "{f"&e{n - 1};" * times}">' for n in range(1, levels)]
    return f"<!DOCTYPE mediawiki [{''.join(lines)}]>" + _dump(f"&e{levels - 1};")


XML: dict[str, Callable[[], bytes | str]] = {
    "billion-laughs": lambda: _entities(12, 10),
    "quadratic-laughs": lambda: f'<!DOCTYPE m [<!ENTITY a "{"x" * 100_000}">]>' + _dump("&a;" * 100_000),
    "laughs-after-a-long-comment": lambda: f"<!--{'x' * 200_000}-->" + _entities(12, 10),
    "laughs-in-utf-16": lambda: ('<?xml version="1.0" encoding="utf-16"?>' + _entities(12, 10)).encode("utf-16"),
    "external-entity": lambda: '<!DOCTYPE m [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + _dump("&a;"),
    "external-type": lambda: '<!DOCTYPE m SYSTEM "http://127.0.0.1:9/x.dtd">' + _dump("a"),
    "parameter-entity": lambda: '<!DOCTYPE m [<!ENTITY % a SYSTEM "file:///MARK"> %a;]>' + _dump("a"),
    "undeclared-entity": lambda: _dump("&nothing;"),
    "elements-in-elements": lambda: _HEAD + "<page>" + "<a>" * 3_000_000,
    "elements-without-end": lambda: _HEAD + "<page>" + "<a/>" * 3_000_000,
    "page-of-70-megabytes": lambda: _dump("x" * (70 << 20)),
    "attribute-of-70-megabytes": lambda: f'<mediawiki a="{"x" * (70 << 20)}">',
    "title-with-an-override": lambda: _dump("fine text", "a\u202eb"),
    "no-site": lambda: "<mediawiki><page></page></mediawiki>",
    "no-title": lambda: _HEAD + "<page><ns>0</ns><id>1</id><revision><text>a</text></revision></page></mediawiki>",
    "id-that-is-none": lambda: _dump("a").replace("<id>1</id>", "<id>../x</id>"),
    "markup-tags-that-never-close": lambda: _dump("&lt;b&gt;" * 100_000),
    "markup-links-that-never-close": lambda: _dump("[[" * 200_000),
    "markup-templates-that-never-close": lambda: _dump("{{" * 200_000),
    "markup-comments-that-never-close": lambda: _dump("&lt;!--" * 50_000),
    "markup-headings": lambda: _dump("==a==\n" * 50_000),
    "markup-entities": lambda: _dump("&amp;amp;" * 500_000),
    "other-root": lambda: "<html>" + "<p>x</p>" * 10_000 + "</html>",
    "nothing-closed": lambda: _HEAD + "<page><title>",
}


def _xz_with_a_large_dictionary() -> bytes:
    """Set the byte of the dictionary's size (39: 3 GB) in a small archive, and the checksum of its header anew."""
    small = bytearray(lzma.compress(_GOOD.encode()))
    end = 12 + (small[12] + 1) * 4 - 4
    small[small.index(b"\x21\x01", 12) + 2] = 39
    small[end : end + 4] = zlib.crc32(small[12:end]).to_bytes(4, "little")
    return bytes(small)


PACKED: dict[str, tuple[str, Callable[[], bytes]]] = {
    "bz2-of-line-ends": ("x.jsonl.bz2", lambda: bz2.compress(b"\n" * (80 << 20)) * 5),
    "gz-of-one-line": ("x.jsonl.gz", lambda: gzip.compress(b"x" * (100 << 20), 1) * 5),
    "xz-of-one-line": ("x.jsonl.xz", lambda: lzma.compress(b"x" * (140 << 20), preset=0) * 3),
    "xz-with-a-large-dictionary": ("x.jsonl.xz", _xz_with_a_large_dictionary),
    "gz-cut-off": ("x.jsonl.gz", lambda: gzip.compress(_GOOD.encode() * 1000)[:-9]),
    "gz-with-a-wrong-sum": ("x.jsonl.gz", lambda: gzip.compress(_GOOD.encode() * 9)[:-8] + b"\0" * 8),
    "gz-that-is-none": ("x.jsonl.gz", _GOOD.encode),
    "bz2-that-is-none": ("x.csv.bz2", lambda: b"BZh9" + b"\xff" * 500),
    "xz-that-is-none": ("x.csv.xz", lambda: b"\xfd7zXZ\0" + b"\xff" * 500),
    "gz-in-gz": ("x.jsonl.gz", lambda: gzip.compress(gzip.compress(_GOOD.encode()))),
    "csv-of-one-value": ("x.csv.bz2", lambda: bz2.compress(b"text\n" + b"x" * (80 << 20)) * 5),
    "json-of-one-text": ("x.json.bz2", lambda: bz2.compress(b'[{"text": "' + b"x" * (80 << 20))),
    "dump-of-one-page": (
        "x.xml.bz2",
        lambda: bz2.compress((_HEAD + "<page><title>T</title>").encode() + b"x" * (80 << 20)),
    ),
    "parquet-that-is-gz": ("x.parquet.gz", lambda: gzip.compress(b"PAR1")),
}


def _link_out(folder: Path, mark: str) -> Path:
    (folder / "fine.txt").write_text("fine")
    (folder / "passwd.txt").symlink_to("/etc/passwd")
    (folder / "zero.txt").symlink_to("/dev/zero")
    (folder / "etc").symlink_to("/etc")
    (folder / "up").symlink_to("..")
    (folder / "self.md").symlink_to("self.md")
    (folder / "nowhere.txt").symlink_to(mark)
    return folder


def _pipes(folder: Path, _: str) -> Path:
    (folder / "fine.txt").write_text("fine")
    os.mkfifo(folder / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as made:
        place = Path.cwd()
        os.chdir(folder)
        made.bind("socket.md")
        os.chdir(place)
    return folder


def _sparse(folder: Path, _: str) -> Path:
    with (folder / "huge.txt").open("wb") as file:
        file.truncate(1 << 40)
    (folder / "fine.md").write_text("fine")
    return folder


def _names(folder: Path, _: str) -> Path:
    for name in ("\x1b[2J.txt", "a\nb.txt", "\u202etxt.exe.txt", "-rf.txt", "x" * 200 + ".md", "%00.txt"):
        (folder / name).write_text(f"text of {name!r}")
    (folder / os.fsdecode(b"\xff\xfe.txt")).write_text("fine")
    return folder


def _pipe(folder: Path, _: str) -> Path:
    os.mkfifo(folder / "x.jsonl")
    return folder / "x.jsonl"


def _linked(name: str, target: str) -> Make:
    def make(folder: Path, _: str) -> Path:
        (folder / name).symlink_to(target)
        return folder / name

    return make


def _folder_as_a_file(folder: Path, _: str) -> Path:
    (folder / "x.parquet").mkdir()
    return folder / "x.parquet"


PLACES: dict[str, Make] = {
    "links-out-of-the-folder": _link_out,
    "pipes-and-sockets": _pipes,
    "a-terabyte-of-nothing": _sparse,
    "names-of-files": _names,
    "a-pipe": _pipe,
    "a-device": _linked("x.jsonl", "/dev/zero"),
    "a-pickle-from-a-device": _linked("x.pkl", "/dev/zero"),
    "a-table-from-a-device": _linked("x.parquet", "/dev/urandom"),
    "a-link-to-itself": _linked("x.csv", "x.csv"),
    "a-folder-as-a-file": _folder_as_a_file,
}

_OPTIONS = '"options": ["a", "b"], "correctIndex": 0'
QUESTIONS: dict[str, Callable[[], bytes | str]] = {
    "brackets": lambda: "[" * 100_000,
    "question-that-is-deep": lambda: '[{"question": ' + "[" * 900 + "]" * 900 + f", {_OPTIONS}}}]",
    "option-that-is-deep": lambda: (
        '[{"question": "q", "correctIndex": 0, "options": ["a", ' + "[" * 900 + "]" * 901 + "}]"
    ),
    "answer-that-is-deep": lambda: (
        '[{"question": "q", "options": ["a", "b"], "answer": ' + "[" * 900 + "]" * 900 + "}]"
    ),
    "coordinate-beyond-floats": lambda: f'[{{"question": "q", {_OPTIONS}, "x": 1{"0" * 400}}}]',
    "coordinate-that-is-infinite": lambda: f'[{{"question": "q", {_OPTIONS}, "x": 1e999}}]',
    "index-of-a-thousand-digits": lambda: f'[{{"question": "q", "options": ["a", "b"], "correctIndex": {"9" * 999}}}]',
    "half-a-surrogate-pair": lambda: rf'[{{"question": "q\ud800", "id": "\udfff", {_OPTIONS}}}]',
    "id-that-climbs": lambda: f'[{{"question": "q", "id": "../../x", {_OPTIONS}}}]',
    "words-with-an-override": lambda: f'[{{"question": "q\u202ep", "topic": "\u2066t", {_OPTIONS}}}]',
    "over-64-megabytes": lambda: "[" + " " * (65 << 20) + "]",
    "not-utf-8": lambda: b'[{"question": "\xff"}]',
}


def _pipe_of_questions(folder: Path, _: str) -> Path:
    os.mkfifo(folder / "questions.json")
    return folder / "questions.json"


FILES: dict[str, Make] = (
    {f"parquet-{what}": make for what, make in PARQUET.items()}
    | {f"jsonl-{what}": _write("x.jsonl", data) for what, data in LINES.items()}
    | {f"json-{what}": _write("x.json", data) for what, data in JSON.items()}
    | {f"csv-{what}": _write("x.csv", data) for what, data in CSV.items()}
    | {f"xml-{what}": _write("x.xml", data) for what, data in XML.items()}
    | {f"packed-{what}": _write(file, data) for what, (file, data) in PACKED.items()}
    | {f"place-{what}": make for what, make in PLACES.items()}
    | {f"questions-{what}": _write("questions.json", data) for what, data in QUESTIONS.items()}
    | {"questions-a-pipe": _pipe_of_questions}
)
