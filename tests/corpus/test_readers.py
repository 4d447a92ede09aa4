"""Every reader, with good input and with bad: a clear rule for each fault, counted, never a crash half way."""

import bz2
import gzip
import json
import lzma
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from knowscape.corpus.document import Corpus
from knowscape.corpus.readers import Columns, read_corpus
from knowscape.errors import KnowscapeError, UsageError

ROWS = [
    {"id": "a", "title": "Sun", "text": "The sun is a star.", "url": "https://example.org/sun", "year": 1},
    {"id": "b", "title": "Mönd", "text": "Der Mond kreist.", "url": "", "year": 2},
]


def rules(corpus: Corpus) -> dict[str, int]:
    return dict(corpus.report.counts)


def write(path: Path, data: str | bytes) -> Path:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def lines(rows: list[dict[str, object]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def parquet(path: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(ROWS), path)
    return path


def csv_text(delimiter: str) -> str:
    header = delimiter.join(ROWS[0])
    return "\n".join([header, *(delimiter.join(f'"{value}"' for value in row.values()) for row in ROWS)]) + "\n"


GOOD = {
    "parquet": parquet,
    "jsonl": lambda p: write(p, lines(ROWS)),
    "ndjson": lambda p: write(p, lines(ROWS)),
    "jsonl.gz": lambda p: write(p, gzip.compress(lines(ROWS).encode())),
    "jsonl.bz2": lambda p: write(p, bz2.compress(lines(ROWS).encode())),
    "json": lambda p: write(p, json.dumps(ROWS)),
    "array.json": lambda p: write(p, json.dumps({"version": 2, "documents": ROWS})),
    "csv": lambda p: write(p, csv_text(",")),
    "semicolon.csv": lambda p: write(p, csv_text(";")),
    "mark.csv": lambda p: write(p, b"\xef\xbb\xbf" + csv_text(",").encode()),
    "tsv": lambda p: write(p, csv_text("\t")),
    "csv.gz": lambda p: write(p, gzip.compress(csv_text(",").encode())),
}


@pytest.mark.parametrize("kind", GOOD)
def test_each_format_gives_the_same_documents(tmp_path: Path, kind: str) -> None:
    corpus = read_corpus(GOOD[kind](tmp_path / f"rows.{kind}"))
    assert [(d.id, d.title, d.text, d.url) for d in corpus] == [tuple(row.values())[:4] for row in ROWS]
    assert [int(d.metadata["year"]) for d in corpus] == [1, 2]
    assert (corpus.report.read, corpus.report.kept, rules(corpus)) == (2, 2, {})


def test_a_reader_can_be_named_for_a_file_without_extension(tmp_path: Path) -> None:
    path = write(tmp_path / "rows", lines(ROWS))
    assert read_corpus(path, reader="jsonl").ids == ["a", "b"]
    with pytest.raises(UsageError, match="--reader parquet"):
        read_corpus(path)
    with pytest.raises(UsageError, match=r"no reader 'yaml'.*jsonl"):
        read_corpus(path, reader="yaml")
    with pytest.raises(UsageError, match="no folder"):
        read_corpus(path, reader="folder")


def test_a_limit_counts_documents_that_are_kept(tmp_path: Path) -> None:
    rows = [{"text": ""}, *({"text": f"text {n}"} for n in range(9))]
    assert len(read_corpus(write(tmp_path / "rows.jsonl", lines(rows)), limit=4)) == 4


def test_columns_are_found_by_usual_names_and_set_by_hand(tmp_path: Path) -> None:
    path = write(
        tmp_path / "r.jsonl", lines([{"_ID": 7, "Headline": "T", "Abstract": "body", "link": "u", "claim": "c"}])
    )
    document = read_corpus(path)[0]
    assert (document.id, document.title, document.text, document.url) == ("7", "T", "body", "u")
    assert document.metadata == {"claim": "c"}
    document = read_corpus(path, columns=Columns(text="claim", id="Headline"))[0]
    assert (document.id, document.text, document.metadata["Abstract"]) == ("T", "c", "body")


@pytest.mark.parametrize("columns", [Columns(text="essay"), Columns(title="essay"), Columns(id="essay")])
def test_a_column_that_is_missing_is_named_with_those_that_are_there(tmp_path: Path, columns: Columns) -> None:
    with pytest.raises(UsageError, match=r"no column 'essay'.*There are: id, title, text, url, year"):
        read_corpus(write(tmp_path / "r.jsonl", lines(ROWS)), columns=columns)


def test_no_column_like_a_text_is_an_error_that_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--text; there are: a, b"):
        read_corpus(write(tmp_path / "r.csv", "a,b\n1,2\n"))


def test_a_record_without_the_text_is_skipped_half_way(tmp_path: Path) -> None:
    corpus = read_corpus(write(tmp_path / "r.jsonl", lines([ROWS[0], {"id": "x", "other": 1}, ROWS[1]])))
    assert corpus.ids == ["a", "b"]
    assert rules(corpus) == {"empty text skipped": 1}
    assert corpus.report.examples["empty text skipped"] == ["record 2"]


def test_without_ids_the_content_names_the_document_wherever_it_stands(tmp_path: Path) -> None:
    texts = [{"text": "one"}, {"text": "two"}, {"text": "one"}]
    first = read_corpus(write(tmp_path / "1.jsonl", lines(texts)))
    second = read_corpus(write(tmp_path / "2.jsonl", lines(texts[::-1])))
    assert sorted(first.ids) == sorted(second.ids)
    assert rules(first) == {"repeat of an id, dropped": 1}


def test_of_equal_ids_the_first_is_kept_and_other_texts_are_told_apart(tmp_path: Path) -> None:
    rows = [{"id": "a", "text": "one"}, {"id": "a", "text": "one"}, {"id": "a", "text": "two"}]
    corpus = read_corpus(write(tmp_path / "r.jsonl", lines(rows)))
    assert corpus.texts == ["one"]
    assert rules(corpus) == {"repeat of an id, dropped": 1, "other text under a known id, dropped": 1}


def test_labelled_paragraphs_are_named_by_paper_and_paragraph(tmp_path: Path) -> None:
    rows = [{"paper_id": 3, "paragraph_index": n, "paragraph": f"p{n}", "label": "x"} for n in range(2)]
    corpus = read_corpus(write(tmp_path / "labeled_paragraphs.jsonl", lines(rows)))
    assert corpus.ids == ["3:0", "3:1"]
    assert corpus[1].metadata == {"paper_id": 3, "paragraph_index": 1, "label": "x"}


@pytest.mark.parametrize("kind", ["jsonl", "csv", "json", "folder"])
def test_invalid_utf8_is_replaced_and_counted(tmp_path: Path, kind: str) -> None:
    data = {"jsonl": b'{"text": "caf\xe9"}\n', "csv": b"text\ncaf\xe9\n", "json": b'[{"text": "caf\xe9"}]'}.get(kind)
    path = tmp_path if data is None else tmp_path / f"r.{kind}"
    write(path if data else tmp_path / "r.txt", data or b"caf\xe9")
    corpus = read_corpus(path)
    assert corpus.texts[0].rstrip("\n") == "caf\ufffd"
    assert rules(corpus) == {"invalid UTF-8 replaced": 1}


def test_a_replacement_character_that_was_there_is_not_counted(tmp_path: Path) -> None:
    assert rules(read_corpus(write(tmp_path / "r.jsonl", lines([{"text": "caf\ufffd"}])))) == {}


def test_invalid_utf8_in_parquet_costs_one_cell_and_not_the_batch(tmp_path: Path) -> None:
    column = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(b"\0\0\0\0\4\0\0\0\x08\0\0\0"), pa.py_buffer(b"goodcaf\xe9")]
    )
    pq.write_table(pa.table({"text": column, "n": [1, 2]}), tmp_path / "r.parquet")
    corpus = read_corpus(tmp_path / "r.parquet")
    assert corpus.texts == ["good", "caf\ufffd"]
    assert corpus.report.examples == {"invalid UTF-8 replaced": ["record 2"]}


def test_half_a_surrogate_pair_is_replaced(tmp_path: Path) -> None:
    corpus = read_corpus(write(tmp_path / "r.jsonl", b'{"text": "a\\ud800b"}\n'))
    assert (corpus.texts, rules(corpus)) == (["a?b"], {"invalid UTF-8 replaced": 1})


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_nul_bytes_are_removed(tmp_path: Path, kind: str) -> None:
    data = {"jsonl": b'{"text": "a\\u0000b"}\n', "csv": b"text\na\0b\n"}[kind]
    corpus = read_corpus(write(tmp_path / f"r.{kind}", data))
    assert (corpus.texts, rules(corpus)) == (["ab"], {"NUL bytes removed": 1})


def test_a_text_over_ten_million_characters_is_cut(tmp_path: Path) -> None:
    corpus = read_corpus(write(tmp_path / "r.jsonl", lines([{"id": "a", "text": "x" * 10_000_001}])))
    assert (len(corpus.texts[0]), rules(corpus)) == (10_000_000, {"cut at 10 million characters": 1})


def test_a_line_over_64_megabytes_is_skipped_and_the_next_is_read(tmp_path: Path) -> None:
    huge = '{"text": "' + "x" * (65 << 20) + '"}\n'
    corpus = read_corpus(write(tmp_path / "r.jsonl", huge + lines(ROWS)))
    assert (corpus.ids, rules(corpus)) == (["a", "b"], {"line over 64 MB skipped": 1})


@pytest.mark.parametrize("bad", ["{", "nonsense", '{"text": ', "[" * 100_000, "17"])
def test_a_malformed_line_is_skipped_by_number(tmp_path: Path, bad: str) -> None:
    corpus = read_corpus(write(tmp_path / "r.jsonl", lines(ROWS[:1]) + bad + "\n" + lines(ROWS[1:])))
    assert corpus.ids == ["a", "b"]
    assert sum(rules(corpus).values()) == 1
    assert "line 2" in next(iter(corpus.report.examples.values()))[0]


def test_a_truncated_archive_gives_what_came_before_and_says_so(tmp_path: Path) -> None:
    rows = [{"id": str(n), "text": f"text {n} " + str(hash(str(n)))} for n in range(5000)]
    whole = gzip.compress(lines(rows).encode())
    corpus = read_corpus(write(tmp_path / "r.jsonl.gz", whole[: len(whole) // 2]))
    assert 1000 < len(corpus) < 5000
    assert any("TRUNCATED" in line for line in corpus.report.lines())


def test_truncated_json_gives_what_came_before_and_says_so(tmp_path: Path) -> None:
    corpus = read_corpus(write(tmp_path / "r.json", json.dumps(ROWS)[:-20]))
    assert corpus.ids == ["a"]
    assert any("TRUNCATED" in line for line in corpus.report.lines())


@pytest.mark.parametrize("data", ["", "not json", "{", "\0"])
def test_what_is_no_json_is_an_error(tmp_path: Path, data: str) -> None:
    with pytest.raises(UsageError, match=r"r\.json"):
        read_corpus(write(tmp_path / "r.json", data))


def test_a_single_object_is_one_document_and_strings_are_texts(tmp_path: Path) -> None:
    assert read_corpus(write(tmp_path / "1.json", json.dumps(ROWS[0]))).ids == ["a"]
    assert read_corpus(write(tmp_path / "2.json", '["one", "two", 3]')).texts == ["one", "two"]


def test_a_truncated_parquet_is_an_error_since_its_index_is_gone(tmp_path: Path) -> None:
    whole = parquet(tmp_path / "whole.parquet").read_bytes()
    with pytest.raises(UsageError, match="cut off"):
        read_corpus(write(tmp_path / "r.parquet", whole[:-50]))


def test_rows_of_another_length_and_bad_quotes_are_skipped(tmp_path: Path) -> None:
    corpus = read_corpus(write(tmp_path / "r.csv", 'id,text\n1,one\n2\n3,three,3\n"4"x,four\n5,five\n\n6,"cut off'))
    assert corpus.ids == ["1", "5"]
    assert rules(corpus) == {"row of another length skipped": 2, "malformed row skipped": 2}


def test_utf16_is_refused_with_the_command_that_converts_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="iconv -f UTF-16"):
        read_corpus(write(tmp_path / "r.csv", "text\nä\n".encode("utf-16")))


def test_cells_that_are_no_strings_become_text(tmp_path: Path) -> None:
    rows = [{"id": 1, "text": ["one", "two"]}, {"id": 2.5, "text": 3}, {"id": None, "text": None}]
    assert read_corpus(write(tmp_path / "r.jsonl", lines(rows))).texts == ["one\n\ntwo", "3"]


@pytest.mark.parametrize("data", ["", "\n\n", '{"text": ""}\n', "nonsense\n"])
def test_nothing_that_can_be_used_is_an_error_with_the_reasons(tmp_path: Path, data: str) -> None:
    with pytest.raises(UsageError, match="no document that can be used"):
        read_corpus(write(tmp_path / "r.jsonl", data))


def test_a_path_that_is_not_there_is_an_error_with_what_is_accepted(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere\.csv.*\.parquet.*hf:OWNER/NAME"):
        read_corpus(tmp_path / "nowhere.csv")


def test_a_folder_gives_its_texts_by_path_with_headings_as_titles(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    write(tmp_path / "deep" / "b.md", "intro\n# The Sun #\nIt shines.")
    write(tmp_path / "a.txt", "No heading.")
    write(tmp_path / "empty.txt", "")
    write(tmp_path / "picture.png", b"\x89PNG")
    outside = tmp_path.parent / f"{tmp_path.name}-outside.txt"
    write(outside, "secret")
    (tmp_path / "link.txt").symlink_to(outside)
    corpus = read_corpus(tmp_path)
    assert [(d.id, d.title) for d in corpus] == [("a.txt", "a"), ("deep/b.md", "The Sun")]
    assert rules(corpus) == {"empty text skipped": 1, "link out of the folder skipped": 1}


def test_a_folder_without_texts_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no document"):
        read_corpus(tmp_path)


def test_a_dataset_is_streamed_through_the_datasets_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library reads a folder OWNER/NAME as it reads the hub, which tests cannot reach."""
    pytest.importorskip("datasets")
    (tmp_path / "owner" / "name").mkdir(parents=True)
    write(tmp_path / "owner" / "name" / "train.jsonl", lines(ROWS))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    corpus = read_corpus("hf:owner/name")
    assert [(d.id, d.title) for d in corpus] == [("a", "Sun"), ("b", "Mönd")]


@pytest.mark.parametrize("address", ["hf:", "hf:name", "hf:a/b/c", "hf:/b"])
def test_an_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="OWNER/NAME"):
        read_corpus(address)


def test_a_dataset_that_is_not_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("datasets")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(KnowscapeError, match="hf:nobody/nothing could not be read"):
        read_corpus("hf:nobody/nothing")


@pytest.mark.parametrize("name", ["wikipedia-excerpts.parquet", "mixed-250k.parquet", "retrieval/scifact/corpus.jsonl"])
def test_real_corpora_are_read_whole(name: str) -> None:
    path = Path(__file__).parents[3] / "shared" / "data" / name
    if not path.exists():
        pytest.skip(f"{name} is not beside this checkout")
    expected = {"wikipedia-excerpts": 24_403, "mixed-250k": 250_000, "corpus": 5_183}[path.stem]
    corpus = read_corpus(path)
    assert (len(corpus), rules(corpus)) == (expected, {})


@pytest.mark.parametrize(
    ("title", "kept"),
    [
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("\u2066a\u2069\u2067b", "ab"),
        ("\x1b]0;owned\x07 \x9b2J", "]0;owned 2J"),
        ("pay\u200bpal\ufeff", "paypal"),
        ("two\r\nlines\u2028more", "two lines more"),
        ("\u0646\u0631\u0645\u200c\u0627\u0641", "\u0646\u0631\u0645\u200c\u0627\u0641"),
        ("\u05e9\u05dc\u05d5\u05dd\u200f!", "\u05e9\u05dc\u05d5\u05dd\u200f!"),
        ("👩\u200d🚀 [/b]", "👩\u200d🚀 [/b]"),
    ],
)
def test_titles_lose_what_changes_how_they_look_and_keep_what_spelling_needs(
    tmp_path: Path, title: str, kept: str
) -> None:
    corpus = read_corpus(write(tmp_path / "r.jsonl", lines([{"title": title, "text": "a"}])))
    assert corpus.titles == [kept]
    counted = {} if kept == title else {"control or direction characters removed from a title": 1}
    assert rules(corpus) == counted


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://example.org/a?b=c:d", "https://example.org/a?b=c:d"),
        ("HTTP://example.org", "HTTP://example.org"),
        ("/wiki/Sun", "/wiki/Sun"),
        ("javascript:alert(1)", ""),
        ("java\u200bscript:alert(1)", ""),
        (" DATA:text/html,x", ""),
        ("file:///etc/passwd", ""),
    ],
)
def test_addresses_lead_to_the_web_or_are_removed(tmp_path: Path, url: str, kept: str) -> None:
    corpus = read_corpus(write(tmp_path / "r.jsonl", lines([{"url": url, "text": "a"}])))
    assert corpus.urls == [kept]
    assert ("address that does not lead to the web removed" in rules(corpus)) == (not kept)


def test_texts_lose_control_characters_and_keep_their_lines(tmp_path: Path) -> None:
    corpus = read_corpus(write(tmp_path / "r.jsonl", lines([{"text": "a\x1b[2J\tb\r\nc\x0cd\u202ee"}])))
    assert corpus.texts == ["a[2J\tb\r\nc\nd\u202ee"]
    assert rules(corpus) == {"control characters removed from a text": 1}


def test_ids_are_data_and_stay_as_they_are_but_for_their_length(tmp_path: Path) -> None:
    rows = [{"id": name, "text": name} for name in ("../../x", "/etc/passwd", "a\nb", "x" * 1001)]
    corpus = read_corpus(write(tmp_path / "r.jsonl", lines(rows)))
    assert corpus.ids[:3] == ["../../x", "/etc/passwd", "a\nb"]
    assert len(corpus.ids[3]) == 64
    assert rules(corpus) == {"id over 1,000 characters replaced by its digest": 1}


def test_metadata_nested_too_deep_is_left_out_and_the_rest_is_kept(tmp_path: Path) -> None:
    row = '{"text": "a", "year": 1, "deep": ' + "[" * 200 + "]" * 200 + "}\n"
    corpus = read_corpus(write(tmp_path / "r.jsonl", row))
    assert corpus[0].metadata == {"year": 1}
    assert rules(corpus) == {"metadata nested deeper than 64 left out": 1}


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "r.jsonl")
    with pytest.raises(UsageError, match="neither a file nor a folder"):
        read_corpus(tmp_path / "r.jsonl")


@pytest.mark.parametrize("preset", [0, 9])
def test_xz_archives_are_read_also_one_behind_the_other(tmp_path: Path, preset: int) -> None:
    halves = [lzma.compress(lines([row]).encode(), preset=preset) for row in ROWS]
    assert read_corpus(write(tmp_path / "r.jsonl.xz", b"".join(halves) + b"\0" * 8)).ids == ["a", "b"]
    assert rules(read_corpus(write(tmp_path / "r.jsonl.xz", halves[0] + halves[1][:-20]))).keys() == {
        "TRUNCATED: the rest could not be read"
    }


def test_an_object_with_one_array_gives_its_items_whatever_else_it_holds(tmp_path: Path) -> None:
    value = {
        "about": {"text": "no", "list": [1, {"text": "no"}]},
        "rows": [{**ROWS[0], "tags": [["x"], {}]}],
        "n": None,
    }
    corpus = read_corpus(write(tmp_path / "r.json", json.dumps(value)))
    assert corpus.ids == ["a"]
    assert corpus[0].metadata == {"year": 1, "tags": [["x"], {}]}
