"""What a plan of compression promises, on vectors and queries that no model made."""

import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from knowscape.search.compression import Compression, usual_choices
from knowscape.search.compression_plan import OVERLAP, Asked, Figure, Measured, Plan, measure
from knowscape.search.compression_plot import drawing

NDCG = "ndcg@10"
SVG = "{http://www.w3.org/2000/svg}"


def vectors(rows: int, width: int = 48, seed: int = 0) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=(rows, width)) * np.linspace(1.5, 0.1, width)
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def questions(documents: np.ndarray, count: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """Queries near documents, and these documents' rows."""
    random = np.random.default_rng(1)
    rows = random.permutation(len(documents))[:count]
    made = documents[rows] + random.normal(scale=0.2, size=(count, documents.shape[1]))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32), rows


def judged(documents: np.ndarray) -> Asked:
    made, rows = questions(documents)
    return Asked(made, "eighty queries", {NDCG: lambda found: (found[:, 0] == rows).astype(np.float64)}, NDCG)


def plan_of(*words: str, tolerance: float | None = None, asked: Asked | None = None) -> Plan:
    documents = vectors(600)
    choices = [Compression.parse(word) for word in words]
    return measure(documents, asked or judged(documents), choices, tolerance=tolerance)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_of("int8", "binary", "binary+rescore20", "pca4+int8", "truncate8+binary", "int8")


def test_float32_comes_first_each_choice_once_and_nothing_is_lost_by_float32(plan: Plan) -> None:
    assert [str(choice.compression) for choice in plan.choices] == [
        "float32", "int8", "binary", "binary+rescore20", "pca4+int8", "truncate8+binary"
    ]  # fmt: skip
    first = plan.choices[0]
    assert {(of.value, of.low, of.high) for of in first.difference.values()} == {(0.0, 0.0, 0.0)}
    assert first.quality[OVERLAP].value == 1


def test_a_difference_is_between_the_same_queries_and_so_has_a_narrower_interval(plan: Plan) -> None:
    base = plan.choices[0].quality[NDCG].value
    for choice in plan.choices:
        for name in (NDCG, OVERLAP):
            quality, difference = choice.quality[name], choice.difference[name]
            assert quality.low <= quality.value <= quality.high
            assert difference.low <= difference.value <= difference.high
        assert choice.difference[NDCG].value == pytest.approx(choice.quality[NDCG].value - base)
    rescored = plan.choices[3]
    whole, paired = rescored.quality[NDCG], rescored.difference[NDCG]
    assert paired.high - paired.low < (whole.high - whole.low) / 2


def test_an_interval_is_that_of_the_mean_of_as_many_queries(plan: Plan) -> None:
    figure = plan.choices[4].quality[NDCG]
    error = np.sqrt(figure.value * (1 - figure.value) / plan.queries)
    assert figure.high - figure.low == pytest.approx(2 * 1.96 * error, rel=0.2)


def test_bytes_are_measured_and_as_predicted(plan: Plan) -> None:
    for choice in plan.choices:
        assert choice.bytes == choice.predicted
    assert [choice.bytes_per_vector for choice in plan.choices] == [192, 48, 6, 6, 4, 1]
    assert [choice.full for choice in plan.choices] == [0, 0, 0, 600 * 192, 0, 0]


def test_every_choice_is_timed(plan: Plan) -> None:
    assert all(0 < choice.median_ms <= choice.p99_ms < 1000 for choice in plan.choices)


def test_the_smallest_that_is_good_enough_is_recommended_with_and_without_full_vectors(plan: Plan) -> None:
    assert str(plan.recommended.compression) == "binary+rescore20"
    assert str(plan.alone.compression) == "int8"
    assert str(plan_of("binary", "truncate8+binary", tolerance=1).recommended.compression) == "truncate8+binary"
    assert str(plan_of("binary", "truncate8+binary", tolerance=0).recommended.compression) == "float32"


def test_a_loss_that_might_be_too_large_is_not_recommended() -> None:
    found = plan_of("binary").choices[1].difference[NDCG]
    assert found.low < found.value < 0
    between = -(found.low + found.value) / 2
    assert str(plan_of("binary", tolerance=between).recommended.compression) == "float32"
    assert str(plan_of("binary", tolerance=-found.low).recommended.compression) == "binary"


def test_without_judgements_the_exact_search_judges() -> None:
    documents = vectors(600)
    plan = plan_of("int8", "pca4+int8", asked=Asked(questions(documents)[0], "queries"))
    assert (plan.decides, plan.tolerance) == (OVERLAP, 0.05)
    assert list(plan.choices[0].quality) == [OVERLAP]
    assert plan.choices[1].quality[OVERLAP].value > 0.9 > plan.choices[2].quality[OVERLAP].value


def test_a_corpus_smaller_than_ten_is_measured() -> None:
    documents = vectors(3)
    plan = measure(documents, Asked(documents[:2], "two"), [Compression("int8")])
    assert plan.choices[1].quality[OVERLAP].value == 1


def test_the_plan_as_json_is_plain_and_names_what_is_recommended(plan: Plan) -> None:
    found = json.loads(json.dumps(plan.to_json()))
    assert (found["recommended"], found["recommended_alone"]) == ("binary+rescore20", "int8")
    assert (found["vectors"], found["dimension"], found["queries"]) == (600, 48, 80)
    assert found["choices"][1]["compression"] == "int8"
    assert set(found["choices"][1]["quality"]) == {NDCG, OVERLAP}


def test_the_plan_in_words_says_what_must_be_kept_beside(plan: Plan) -> None:
    asked, smallest, alone = plan.lines()
    assert asked == "Measured on eighty queries."
    assert "binary+rescore20, 4.2 kB in memory" in smallest
    assert "115.2 kB of full vectors on a disk" in smallest
    assert "int8, 29.2 kB in memory, 1/3.9 of float32" in alone


def test_the_picture_has_each_choice_twice_with_its_interval_inside_the_frame(plan: Plan) -> None:
    picture = ET.fromstring(drawing(plan))
    _, _, width, height = map(float, picture.attrib["viewBox"].split())
    texts = [text.text for text in picture.iter(f"{SVG}text")]
    assert all(texts.count(str(choice.compression)) == 2 for choice in plan.choices)
    circles = list(picture.iter(f"{SVG}circle"))
    assert len(circles) == 2 * len(plan.choices)
    assert all(0 < float(each.attrib["cx"]) < width and 0 < float(each.attrib["cy"]) < height for each in circles)
    assert drawing(plan) == drawing(plan)


def labels(plan: Plan) -> list[tuple[float, float, float, float]]:
    """The boxes that the choices' labels take in the picture."""
    words, boxes = {str(choice.compression) for choice in plan.choices}, []
    for text in ET.fromstring(drawing(plan)).iter(f"{SVG}text"):
        if text.text in words:
            x, y, wide = float(text.attrib["x"]), float(text.attrib["y"]), 6.4 * len(text.text)
            left = x - wide * {"start": 0.0, "middle": 0.5, "end": 1.0}[text.attrib["text-anchor"]]
            boxes.append((left, y - 10, left + wide, y + 3))
    return boxes


def plan_by_hand(words: list[str], seed: int) -> Plan:
    """A plan with made-up figures, most of them nearly as good as float32."""
    random, choices = np.random.default_rng(seed), []
    for compression in map(Compression.parse, words):
        loss, half = random.exponential(0.02) * random.integers(0, 2), random.uniform(0.001, 0.04)
        figures = {NDCG: Figure(0.65 - loss, 0.65 - loss - half, 0.65 - loss + half)}
        choices.append(
            Measured(
                compression, figures, {NDCG: Figure(-loss, -loss - half / 3, -loss + half / 3)},
                bytes_per_vector=compression.bytes_per_vector(384), predicted=1, bytes=1, full=0, median_ms=1, p99_ms=1,
            )
        )  # fmt: skip
    return Plan(tuple(choices), 10, 384, 10, "queries", NDCG, 1.0)


@pytest.mark.parametrize("seed", range(5))
def test_no_label_covers_another_even_where_many_choices_are_as_good(seed: int) -> None:
    words = [str(choice) for choice in usual_choices(384)]
    boxes = labels(plan_by_hand(words, seed))
    assert len(boxes) == 2 * len(words)
    for number, (left, top, right, bottom) in enumerate(boxes):
        assert left >= 0
        assert right <= 760
        for other in boxes[:number]:
            assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top


def test_a_single_choice_is_drawn() -> None:
    assert len(labels(plan_by_hand(["float32"], 0))) == 2
