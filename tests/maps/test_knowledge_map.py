"""What the finished map promises."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from knowscape.errors import DamageError
from knowscape.maps.knowledge_map import KnowledgeMap, make_map, question_region
from knowscape.maps.layout import LayoutOptions
from knowscape.maps.neighbours import nearest, neighbour_graph


def _made(rows: int = 60, asked: int = 5, padding: float = 0.5) -> tuple[KnowledgeMap, np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    vectors = random.normal(size=(rows, 12)).astype(np.float32)
    questions = random.normal(size=(asked, 12)).astype(np.float32)
    made = make_map(
        vectors=vectors,
        graph=neighbour_graph(vectors),
        question_vectors=questions if asked else None,
        document_ids=[f"d{i}" for i in range(rows)],
        question_ids=[f"q{i}" for i in range(asked)],
        titles=[f"Title {i}" for i in range(rows)],
        texts=["lava and crater" if i % 2 else "violin and bow" for i in range(rows)],
        options=LayoutOptions(early_iterations=60, iterations=60),
        padding=padding,
        about={"model": "tiny", "options": {"seed": 0}},
    )
    return made, vectors, questions


def test_rows_are_the_documents_then_the_questions() -> None:
    made, vectors, questions = _made()
    assert (made.document_ids[0], made.question_ids) == ("d0", ["q0", "q1", "q2", "q3", "q4"])
    assert made.coordinates.shape == made.raw.shape == (65, 2)
    assert made.membership.shape == (65, len(made.regions.levels))
    assert made.recall_10.shape == (65,)
    assert all(a.dtype == np.float32 for a in (made.coordinates, made.raw, made.recall_10))
    near = nearest(vectors, questions, 1)[0][:, 0]
    np.testing.assert_array_equal(made.membership[60:], made.membership[near])
    assert made.membership.dtype == np.int32


def test_coordinates_are_the_raw_ones_moved_into_the_unit_square_on_one_scale() -> None:
    made, _, _ = _made()
    assert (made.coordinates.min(), made.coordinates.max()) == (0, 1)
    scale = np.ptp(made.raw, axis=0) / np.ptp(made.coordinates, axis=0)
    assert scale[0] == pytest.approx(scale[1], rel=1e-4)


@pytest.mark.parametrize(("rows", "asked"), [(60, 5), (60, 0), (10, 2), (3, 1), (2, 3), (1, 1), (1, 0)])
def test_a_saved_map_comes_back_whole(rows: int, asked: int, tmp_path: Path) -> None:
    made, _, _ = _made(rows, asked)
    made.save(tmp_path / "maps")
    made.save(tmp_path / "maps")
    head, points = sorted((tmp_path / "maps").iterdir())
    assert (head.name, points.name[:5]) == ("map.json", "part-")
    back = KnowledgeMap.load(tmp_path / "maps")
    for field in dataclasses.fields(KnowledgeMap):
        before, after = getattr(made, field.name), getattr(back, field.name)
        if isinstance(before, np.ndarray):
            np.testing.assert_array_equal(before, after)
            assert before.dtype == after.dtype
        elif field.name == "regions":
            assert before.levels == after.levels
            np.testing.assert_array_equal(before.membership, after.membership)
        else:
            assert before == after
    assert (back.question_region is None) == (asked == 0)


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def _other_format(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("part-*", _flip),
        ("part-*", _shorten),
        ("part-*", Path.unlink),
        ("map.json", _shorten),
        ("map.json", _other_format),
        ("map.json", lambda path: path.write_text("[]")),
    ],
    ids=["flipped bit", "short table", "no table", "short head", "other format", "not an object"],
)
def test_a_damaged_map_is_refused_with_the_command_that_mends_it(name: str, harm, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    _made(10, 1)[0].save(tmp_path)
    harm(next(tmp_path.glob(name)))
    with pytest.raises(DamageError, match="knowscape map"):
        KnowledgeMap.load(tmp_path)


def test_the_question_region_is_the_padded_box_within_the_map() -> None:
    points = np.array([[0.4, 0.5], [0.6, 0.9]], np.float32)
    assert question_region(points) == pytest.approx((0.3, 0.3, 0.7, 1.0))
    assert question_region(points, 0.25) == pytest.approx((0.35, 0.4, 0.65, 1.0))
    x0, y0, x1, y1 = question_region(points[:1])
    assert x0 < 0.4 < x1
    assert y0 < 0.5 < y1


def test_the_question_region_of_a_map_holds_every_question() -> None:
    made, _, _ = _made(padding=0.1)
    assert made.question_region is not None
    x0, y0, x1, y1 = made.question_region
    asked = made.coordinates[60:]
    assert ((asked >= [x0, y0]) & (asked <= [x1, y1])).all()
