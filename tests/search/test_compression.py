"""What compressed vectors promise."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowscape.errors import DamageError, UsageError
from knowscape.search import codes
from knowscape.search.compressed import Compressed, compress
from knowscape.search.compression import CODECS, Compression, usual_choices

WORDS = [
    "float32", "float16", "int8", "binary", "binary+rescore8", "pca7", "pca7+int8", "pca7+binary", "pca7+float16",
    "truncate9", "truncate9+int8+rescore2", "truncate9+binary",
]  # fmt: skip
WIDTH = 20  # no multiple of eight, as are 7 and 9


def texts(rows: int, width: int = WIDTH, *, unit: bool = True, seed: int = 0) -> np.ndarray:
    """Vectors with a mean of their own and less and less variance along their axes, which are not the numbers."""
    fixed = np.random.default_rng(99)
    axes, mean = np.linalg.qr(fixed.normal(size=(width, width)))[0], fixed.normal(size=width) / 3
    made = np.random.default_rng(seed).normal(size=(rows, width)) * np.linspace(1.5, 0.2, width) @ axes + mean
    made /= np.linalg.norm(made, axis=1, keepdims=True) if unit else 1
    return made.astype(np.float32)


def exact(vectors: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :k]


def shared(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, wanted, strict=True)]))


compressions = st.builds(
    lambda codec, reduced, rescore: Compression(codec, *reduced, rescore),
    st.sampled_from(CODECS),
    st.tuples(st.just("none"), st.just(0)) | st.tuples(st.sampled_from(["pca", "truncate"]), st.integers(1, 4096)),
    st.integers(0, 1000),
)


@given(compressions)
def test_a_compression_is_what_its_word_says(compression: Compression) -> None:
    assert Compression.parse(str(compression)) == compression
    assert Compression.parse("+".join(reversed(str(compression).upper().split("+")))) == compression


@pytest.mark.parametrize(
    "word",
    [
        "", "+", "int4", "int8+", "int8+binary", "pca", "pca0", "pca-3", "pca128+truncate64", "rescore0", "int8*4",
        "rescore4+rescore4", "binary+rescore", "none", "pca9999999", "int8 binary", "pca12.5", "pca²",
    ],
)  # fmt: skip
def test_a_word_that_is_no_compression_is_named_with_what_is_accepted(word: str) -> None:
    with pytest.raises(UsageError, match=r"Accepted: one of float32, float16, int8, binary.*pca128\+int8"):
        Compression.parse(word)


@pytest.mark.parametrize(
    "fields", [("int4",), ("int8", "svd", 3), ("int8", "pca"), ("int8", "none", 3), ("int8", "none", 0, -1)]
)
def test_fields_that_contradict_each_other_are_refused(fields: tuple[str | int, ...]) -> None:
    with pytest.raises(UsageError, match="Accepted"):
        Compression(*fields)  # type: ignore[arg-type]


def test_more_dimensions_than_there_are_cannot_be_kept() -> None:
    for word in ("pca21", "truncate21+int8"):
        with pytest.raises(UsageError, match="wants 21 dimensions; the vectors have 20"):
            compress(texts(30), Compression.parse(word))


@settings(max_examples=30)
@given(st.sampled_from(WORDS), st.integers(0, 40), st.integers(9, 33))
def test_the_bytes_are_those_that_were_predicted(word: str, rows: int, width: int) -> None:
    made = compress(texts(rows, width), Compression.parse(word))
    assert made.bytes == made.predicted_bytes(rows) == Compression.parse(word).predicted_bytes(rows, width)
    assert made.codes.shape == (rows, made.compression.bytes_per_vector(width))
    assert made.bytes == made.codes.nbytes + sum(values.nbytes for values in made.calibration.values())


def test_predicted_bytes_are_these() -> None:
    sizes = {word: Compression.parse(word).predicted_bytes(1000, 384) for word in ("float32", "float16", "pca64")}
    assert sizes == {"float32": 1_536_000, "float16": 768_000, "pca64": 256_000 + 4 * 65 * 384}
    sizes = {
        word: Compression.parse(word).predicted_bytes(1000, 384) for word in ("int8", "binary", "truncate60+binary")
    }
    assert sizes == {"int8": 384_000 + 3_072, "binary": 48_000 + 4_608, "truncate60+binary": 8_000 + 720}


@pytest.mark.parametrize("unit", [True, False], ids=["cosine", "dot"])
def test_float32_finds_what_the_exact_search_finds(unit: bool) -> None:
    vectors, queries = texts(300, unit=unit), texts(20, unit=unit, seed=1)
    rows, scores = compress(vectors, Compression(), normalised=unit).search(queries, 10)
    np.testing.assert_array_equal(rows, exact(vectors, queries, 10))
    np.testing.assert_allclose(scores, np.take_along_axis(queries @ vectors.T, rows, 1), atol=1e-5)
    assert (rows.dtype, scores.dtype) == (np.int64, np.float32)


@pytest.mark.parametrize("unit", [True, False], ids=["cosine", "dot"])
@pytest.mark.parametrize("word", ["int8", "binary", "pca3+int8", "pca2+binary", "truncate2+binary", "float16"])
def test_rescoring_all_is_the_exact_search(word: str, unit: bool) -> None:
    vectors, queries = texts(300, unit=unit), texts(20, unit=unit, seed=1)
    made = compress(vectors, Compression.parse(f"{word}+rescore30"), normalised=unit)
    rows, scores = made.search(queries, 10, vectors)
    np.testing.assert_array_equal(rows, exact(vectors, queries, 10))
    np.testing.assert_allclose(scores, np.take_along_axis(queries @ vectors.T, rows, 1), atol=1e-5)


@pytest.mark.parametrize("unit", [True, False], ids=["cosine", "dot"])
@pytest.mark.parametrize(
    ("word", "least"),
    [
        ("float16", 0.99),
        ("int8", 0.95),
        ("binary", 0.2),
        ("pca16+int8", 0.85),
        ("pca20", 0.999),
        ("binary+rescore8", 0.65),
    ],
)
def test_what_is_found_is_nearly_what_the_exact_search_finds(word: str, least: float, unit: bool) -> None:
    vectors, queries = texts(2000, unit=unit), texts(50, unit=unit, seed=1)
    made = compress(vectors, Compression.parse(word), normalised=unit)
    rows, scores = made.search(queries, 10, vectors)
    assert shared(rows, exact(vectors, queries, 10)) >= least
    assert (np.diff(scores, axis=1) <= 0).all()


@pytest.mark.parametrize("word", ["int8", "binary", "pca15+int8", "pca15", "float16"])
def test_the_similarities_are_near_the_true_ones_with_no_bias(word: str) -> None:
    vectors, queries = texts(2000, unit=False), texts(50, unit=False, seed=1)
    made = compress(vectors, Compression.parse(word), normalised=False)
    rows, scores = made.search(queries, 2000)
    off = scores - np.take_along_axis(queries @ vectors.T, rows, 1)
    truth = float(np.std(queries @ vectors.T))
    assert abs(float(off.mean())) < 0.02 * truth
    assert float(off.std()) < (0.6 if word == "binary" else 0.25) * truth


def test_a_query_is_not_as_coarse_as_the_binary_codes() -> None:
    vectors, queries = texts(2000, 64), texts(50, 64, seed=1)
    made = compress(vectors, Compression("binary"))
    bits, asked = (np.unpackbits(made.encode(each), axis=1) for each in (vectors, queries))
    distances = (asked[:, None] != bits[None]).sum(axis=2)
    wanted = exact(vectors, queries, 10)
    by_hamming = np.argsort(distances, axis=1, kind="stable")[:, :10]
    assert shared(made.search(queries, 10)[0], wanted) > shared(by_hamming, wanted) + 0.05


@settings(max_examples=20)
@given(st.sampled_from(WORDS), st.integers(0, 1000))
def test_the_order_of_the_vectors_does_not_matter(word: str, seed: int) -> None:
    vectors, queries, compression = texts(150), texts(5, seed=1), Compression.parse(word)
    order = np.random.default_rng(seed).permutation(len(vectors))
    one, other = compress(vectors, compression), compress(vectors[order], compression)
    for name, values in one.calibration.items():
        np.testing.assert_allclose(values, other.calibration[name], atol=1e-5)
    _, scores = one.search(queries, 10, vectors)
    _, again = other.search(queries, 10, vectors[order])
    np.testing.assert_allclose(scores, again, atol=1e-4)


@pytest.mark.parametrize("word", WORDS)
def test_each_query_is_answered_as_if_it_were_alone(word: str) -> None:
    vectors, queries = texts(300), texts(30, seed=1)
    made = compress(vectors, Compression.parse(word))
    rows, scores = made.search(queries, 10, vectors)
    for number in range(len(queries)):
        alone, own = made.search(queries[number : number + 1], 10, vectors)
        np.testing.assert_allclose(own[0], scores[number], atol=1e-5)
        assert shared(alone, rows[number : number + 1]) >= 0.9  # rounding may exchange two that are as good


@pytest.mark.parametrize("word", WORDS)
def test_what_is_saved_comes_back_and_goes_on(word: str, tmp_path: Path) -> None:
    vectors, queries = texts(120), texts(9, seed=1)
    made = compress(vectors[:100], Compression.parse(word), normalised=True)
    made.save(tmp_path / "one")
    back = Compressed.load(tmp_path / "one")
    assert (back.compression, back.dimension, back.normalised, back.calibrated_on) == (
        made.compression,
        WIDTH,
        True,
        100,
    )
    back.save(tmp_path / "other")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    for each in (made, back):
        each.add(vectors[100:])
    for one, other in zip(made.search(queries, 7, vectors), back.search(queries, 7, vectors), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_file_is_hardly_larger_than_predicted(tmp_path: Path) -> None:
    for word in WORDS:
        made = compress(texts(500), Compression.parse(word))
        made.save(tmp_path / "file")
        assert 0 < (tmp_path / "file").stat().st_size - made.predicted_bytes(500) < 800, word


@pytest.mark.parametrize("word", ["int8", "pca7+binary"])
def test_a_file_with_a_flipped_bit_is_damaged(word: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    compress(texts(5), Compression.parse(word)).save(path)
    content = path.read_bytes()
    for place in range(0, len(content), 3):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :])
        with pytest.raises(DamageError, match="file"):
            Compressed.load(path)
    path.write_bytes(content[:-1])
    with pytest.raises(DamageError):
        Compressed.load(path)


def test_arrays_that_are_not_those_of_the_compression_are_not_read(tmp_path: Path) -> None:
    made = compress(texts(5), Compression("int8"))
    made.calibration["int8_low"] = made.calibration["int8_low"][:3]
    made.save(tmp_path / "file")
    with pytest.raises(DamageError, match="does not hold"):
        Compressed.load(tmp_path / "file")


@pytest.mark.parametrize("word", WORDS)
def test_one_that_is_empty_finds_nothing_and_can_be_filled(word: str, tmp_path: Path) -> None:
    vectors = texts(50)
    made = compress(vectors[:0], Compression.parse(word))
    for k in (0, 5):
        assert [values.shape for values in made.search(vectors[:3], k, vectors[:0])] == [(3, 0), (3, 0)]
    made.save(tmp_path / "file")
    back = Compressed.load(tmp_path / "file")
    back.add(vectors)
    assert (len(back), back.calibrated_on) == (50, 0)
    assert back.search(vectors[:3], 5, vectors)[0].shape == (3, 5)


@pytest.mark.parametrize("word", ["float32", "float16", "int8", "binary", "truncate9+int8", "truncate20+binary"])
def test_one_row_calibrates_so_well_that_later_ones_are_told_apart(word: str) -> None:
    vectors = texts(200)
    made = Compressed.fit(Compression.parse(word), vectors[:1])
    assert made.search(vectors[:2], 3)[0].shape == (2, 0)
    made.add(vectors)
    found = made.search(vectors, 10)[0]
    assert np.mean([row in near for row, near in enumerate(found)]) > 0.9


def test_a_number_that_never_varied_is_told_apart_by_its_sign() -> None:
    found = Compressed.fit(Compression("binary"), texts(1)).calibration
    for name, value in {"binary_threshold": 0, "binary_below": -1, "binary_above": 1}.items():
        np.testing.assert_array_equal(found[name], np.full(WIDTH, value, np.float32))


def test_vectors_cut_short_are_compared_by_their_cosine() -> None:
    vectors, queries = texts(300), texts(20, seed=1)
    rows, scores = compress(vectors, Compression.parse("truncate9")).search(queries, 10)
    short, asked = (each[:, :9] / np.linalg.norm(each[:, :9], axis=1, keepdims=True) for each in (vectors, queries))
    np.testing.assert_array_equal(rows, exact(short, asked, 10))
    np.testing.assert_allclose(scores, np.take_along_axis(asked @ short.T, rows, 1), atol=1e-5)
    rows, _ = compress(vectors, Compression.parse("truncate9"), normalised=False).search(queries, 10)
    np.testing.assert_array_equal(rows, exact(vectors[:, :9], queries[:, :9], 10))


@pytest.mark.parametrize("word", ["binary", "pca32+binary"])
def test_the_bits_of_a_vector_as_a_query_are_its_own(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "_BY_HAMMING", 1)
    vectors = texts(2000, 64, unit=False) + 2
    found = compress(vectors, Compression.parse(word), normalised=False).search(vectors[:100], 10)[0]
    assert all(row in near for row, near in enumerate(found))


def test_no_queries_and_more_wanted_than_there_are() -> None:
    made = compress(texts(4), Compression("binary"))
    assert made.search(texts(0), 3)[0].shape == (0, 3)
    rows, _ = made.search(texts(2), 10)
    assert np.sort(rows, axis=1).tolist() == [[0, 1, 2, 3]] * 2


def test_equal_vectors_come_in_the_order_of_their_rows() -> None:
    vectors = np.repeat(texts(1), 12, axis=0)
    for word in WORDS:
        rows, _ = compress(vectors, Compression.parse(word)).search(vectors[:1], 12, vectors)
        assert rows.tolist() == [list(range(12))], word


def test_rescoring_without_the_full_vectors_is_refused() -> None:
    vectors = texts(10)
    made = compress(vectors, Compression.parse("int8+rescore4"))
    with pytest.raises(UsageError, match=r"int8\+rescore4 needs the full vectors of 10 rows and has 0"):
        made.search(vectors, 3)
    with pytest.raises(UsageError, match="has 9"):
        made.search(vectors, 3, vectors[:9])


def test_full_vectors_may_be_a_file_that_is_mapped(tmp_path: Path) -> None:
    vectors = texts(100)
    vectors.tofile(tmp_path / "raw")
    mapped = np.memmap(tmp_path / "raw", np.float32, "r").reshape(vectors.shape)
    made = compress(mapped, Compression.parse("binary+rescore10"))
    np.testing.assert_array_equal(made.search(vectors[:5], 10, mapped)[0], exact(vectors, vectors[:5], 10))


def test_a_large_sample_is_drawn_the_same_way_each_time() -> None:
    vectors = texts(40_000, 9)
    one, other = (Compressed.fit(Compression.parse("pca4+int8"), vectors) for _ in range(2))
    assert one.calibrated_on == 1 << 15
    for name, values in one.calibration.items():
        np.testing.assert_array_equal(values, other.calibration[name])


@pytest.mark.parametrize("dimension", [64, 96, 256, 384, 768, 1024])
def test_the_usual_choices_fit_and_begin_with_float32(dimension: int) -> None:
    choices = usual_choices(dimension)
    assert choices[0] == Compression()
    assert len(set(choices)) == len(choices)
    assert all(choice.width(dimension) <= dimension for choice in choices)
