"""Vectors of other atlases: taken where they are the same text and model, and nothing depends on them."""

from pathlib import Path

import numpy as np
from fakes import SPEC, CountingEncoder

from knowscape.embed.executors import Threads
from knowscape.embed.run import Embedded, Texts, embed
from knowscape.files import sha256_text
from knowscape.store.cache import VectorCache
from knowscape.store.vectors import VectorStore

TEXTS = [f"text {n}" for n in range(300)]


def run(texts: list[str], folder: Path, cache: VectorCache) -> Embedded:
    digests = [sha256_text(text) for text in texts]
    store = VectorStore(folder)
    found = embed(Texts(texts, texts, digests), spec=SPEC, executor=Threads(CountingEncoder), store=store, cache=cache)
    np.testing.assert_array_equal(store.read(digests), CountingEncoder().encode_documents(texts))
    return found


def test_a_second_atlas_on_the_same_texts_computes_none(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "cache", 1_000_000)
    assert run(TEXTS, tmp_path / "one", cache) == Embedded(300, 0, {})
    assert run(TEXTS, tmp_path / "two", cache) == Embedded(0, 300, {})
    assert run([*TEXTS[:299], "edited"], tmp_path / "three", cache) == Embedded(1, 299, {})


def test_parts_are_linked_and_not_copied(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "cache", 1_000_000)
    run(TEXTS, tmp_path / "one", cache)
    [kept] = (tmp_path / "cache").glob("*/part-*.parquet")
    assert kept.stat().st_ino == (tmp_path / "one" / kept.name).stat().st_ino


def test_another_model_finds_nothing(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "cache", 1_000_000)
    run(TEXTS, tmp_path / "one", cache)
    assert list(cache.find("another", {sha256_text(text) for text in TEXTS})) == []


def test_a_damaged_file_is_dropped_and_its_texts_are_computed(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "cache", 1_000_000)
    run(TEXTS, tmp_path / "one", cache)
    [kept] = (tmp_path / "cache").glob("*/part-*.parquet")
    content = bytearray(kept.read_bytes())
    kept.unlink()
    content[len(content) // 2] ^= 1
    kept.write_bytes(content)
    assert run(TEXTS, tmp_path / "two", cache) == Embedded(300, 0, {})


def test_the_oldest_go_beyond_the_limit_and_a_limit_of_zero_turns_it_off(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "cache", 40_000)
    for number in range(5):
        run([f"{number} {text}" for text in TEXTS], tmp_path / str(number), cache)
    info = cache.info()
    assert 1 <= info.files < 5
    assert info.bytes <= 40_000
    assert cache.clear() == info
    assert cache.info().files == 0
    off = VectorCache(tmp_path / "off", 0)
    run(TEXTS, tmp_path / "five", off)
    assert run(TEXTS, tmp_path / "six", off) == Embedded(300, 0, {})
