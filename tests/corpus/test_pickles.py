"""Pickles are read without running anything that they say."""

import os
import pickle
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowscape.corpus.readers import read_corpus
from knowscape.errors import UsageError


def dump(path: Path, value: Any, protocol: int = pickle.HIGHEST_PROTOCOL) -> Path:
    path.write_bytes(pickle.dumps(value, protocol))
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_list_of_dicts_is_read_in_every_protocol(tmp_path: Path, protocol: int) -> None:
    rows = [{"text": f"text {n} ü", "title": f"T{n}", "url": "u", "id": np.int64(n)} for n in range(3)]
    corpus = read_corpus(dump(tmp_path / "wikipedia.pkl", rows, protocol))
    assert [(d.id, d.title, d.text) for d in corpus] == [(str(n), f"T{n}", f"text {n} ü") for n in range(3)]


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_all_strings_of_nested_arrays_are_read(tmp_path: Path, protocol: int) -> None:
    """An array of one array of 3,136 strings, of which the first level alone would give one."""
    inner = np.array([[f"article {n}"] for n in range(3136)], dtype=object)
    outer = np.empty(1, dtype=object)
    outer[0] = inner
    corpus = read_corpus(dump(tmp_path / "wiki.pkl", outer, protocol))
    assert len(corpus) == 3136
    assert corpus.texts[3135] == "article 3135"


@pytest.mark.parametrize(
    "value", [np.array(["a b", "c d"]), ["a b", ("c d",)], {"text": ["a b", "c d"], "id": [1, 2]}, {"text": "a b"}]
)
def test_arrays_lists_and_columns_of_strings_are_read(tmp_path: Path, value: Any) -> None:
    assert read_corpus(dump(tmp_path / "x.pickle", value)).texts[0] == "a b"


def test_module_names_of_numpy_1_are_understood(tmp_path: Path) -> None:
    data = pickle.dumps(np.array(["a", "b"], dtype=object), 2).replace(b"numpy._core.", b"numpy.core.")
    assert b"numpy.core.multiarray" in data
    (tmp_path / "x.pkl").write_bytes(data)
    assert read_corpus(tmp_path / "x.pkl").texts == ["a", "b"]


class Evil:
    def __init__(self, call: Any, *arguments: Any) -> None:
        self.call = (call, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (os.system, ("touch {mark}",)),
        (eval, ("open({mark!r}, 'w')",)),
        (exec, ("open({mark!r}, 'w')",)),
        (getattr, (os, "system")),
        (__import__, ("os",)),
        (subprocess.check_call, (["touch", "{mark}"],)),
        (open, ("{mark}", "w")),
        (np.load, ("{mark}",)),
        (bytearray.fromhex, ("00",)),
        (Path, ("{mark}",)),
    ],
)
def test_a_pickle_that_calls_something_is_refused_and_the_call_is_not_made(
    tmp_path: Path, call: Any, arguments: tuple[Any, ...]
) -> None:
    mark = tmp_path / "mark"
    filled = [a.format(mark=str(mark)) if isinstance(a, str) else a for a in arguments]
    if filled and isinstance(filled[0], list):
        filled[0] = ["touch", str(mark)]
    if call is getattr:
        filled = [filled[1].__class__, "upper"]
    dump(tmp_path / "x.pkl", [{"text": "harmless"}, {"text": Evil(call, *filled)}])
    with pytest.raises(UsageError, match=r"x\.pkl was not read: .*which is not data.*plain values"):
        read_corpus(tmp_path / "x.pkl")
    assert not mark.exists()


def test_a_stack_of_globals_by_dotted_name_is_refused(tmp_path: Path) -> None:
    """numpy is allowed, what hangs below its names is not."""
    (tmp_path / "x.pkl").write_bytes(b"\x80\x04\x8c\x05numpy\x8c\x0cndarray.dump\x93.")
    with pytest.raises(UsageError, match=r"ndarray\.dump, which is not data"):
        read_corpus(tmp_path / "x.pkl")


def test_a_pickle_that_asks_for_too_much_memory_is_refused(tmp_path: Path) -> None:
    bomb = pickle.dumps(Evil(bytearray, 1 << 40))
    (tmp_path / "x.pkl").write_bytes(bomb)
    with pytest.raises(UsageError, match="more memory than its size allows"):
        read_corpus(tmp_path / "x.pkl")


def test_lists_nested_without_end_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.pkl").write_bytes(b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".")
    with pytest.raises(UsageError, match="nests deeper"):
        read_corpus(tmp_path / "x.pkl")


@pytest.mark.parametrize("data", [b"", b"no pickle", b"\x80\x04N", b"\x80\x04}\x94."])
def test_what_is_no_pickle_or_empty_is_an_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.pkl").write_bytes(data)
    with pytest.raises(UsageError, match=r"x\.pkl"):
        read_corpus(tmp_path / "x.pkl")


def test_a_truncated_pickle_is_an_error(tmp_path: Path) -> None:
    path = dump(tmp_path / "x.pkl", [{"text": "one"}] * 100)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(UsageError, match="not read"):
        read_corpus(path)


def test_neither_the_folder_nor_the_environment_can_put_modules_under_the_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = dump(tmp_path / "x.pkl", [{"text": "one"}])
    for name in ("json", "pickle", "sitecustomize", "numpy"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('run')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    assert read_corpus(path).texts == ["one"]


def test_a_limit_ends_the_child(tmp_path: Path) -> None:
    path = dump(tmp_path / "x.pkl", [{"text": f"text {n}" * 20} for n in range(20_000)])
    assert len(read_corpus(path, limit=5)) == 5
