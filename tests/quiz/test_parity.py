"""The cases to which the page's estimate is held: what this one says of them, in a file that both read.

After a change of the model write it anew with: python tests/quiz/test_parity.py
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowscape.quiz.estimate import Item, Knowledge, Prior, Response
from knowscape.quiz.select import MODES, expected_gains, known_share, learning_gains, next_question
from knowscape.quiz.topics import HEIGHTS, Topics

CASES = Path(__file__).parents[2] / "web" / "test" / "knowledge.cases.json"
# Questions, their dimensions, answers, and the prior.
KINDS = [
    (1, 4, 0, Prior()),
    (1, 4, 3, Prior()),
    (6, 4, 0, Prior()),
    (12, 6, 5, Prior()),
    (12, 6, 12, Prior()),
    (12, 3, 200, Prior()),
    (20, 12, 8, Prior(mean=-0.7, level=0.4, local=7.5, length=0.35)),
    (20, 12, 40, Prior(mean=1.3, level=6.0, local=0.2, length=1.9)),
    (30, 24, 10, Prior()),
]


def made(number: int) -> tuple[Topics, list[Response], list[Item], Prior, np.ndarray]:
    count, width, answers, prior = KINDS[number]
    random = np.random.default_rng(number)
    vectors = random.normal(size=(count, width)) + 0.6
    topics = Topics.of((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32))
    items = [
        Item(round(float(random.normal(0, 1.2)), 3), round(float(random.uniform(0.4, 2)), 3), guess)
        for guess in random.choice([0.0, 0.2, 0.25, 0.5], count).tolist()
    ]
    told = [Response(int(random.integers(count)), [True, False, None][int(random.integers(3))]) for _ in range(answers)]
    # Some nodes do not count at all.
    weights = random.dirichlet(np.ones(sum(topics.sizes))) * (random.random(sum(topics.sizes)) < 0.8)
    return topics, told, items, prior, np.round(weights, 6)


def case(number: int) -> dict[str, Any]:
    topics, told, items, prior, weights = made(number)
    known = Knowledge(topics, told, items, prior)
    mean, sd = known.average(weights)
    return {
        "tree": {"parents": [parent.tolist() for parent in topics.parents], "heights": list(HEIGHTS)},
        "prior": asdict(prior),
        "items": [asdict(item) for item in items],
        "responses": [asdict(response) for response in told],
        "weights": weights.tolist(),
        "expected": {
            "mean": known.mean.tolist(),
            "sd": known.sd.tolist(),
            "predictions": [known.predict(question) for question in range(topics.questions)],
            "average": {"mean": mean, "sd": sd},
            "gains": expected_gains(known, weights).tolist(),
            "learning": learning_gains(known, weights).tolist(),
            "share": known_share(known, weights),
            "next": {mode: next_question(known, weights, mode=mode) for mode in MODES},
        },
    }


@pytest.mark.parametrize("number", range(len(KINDS)))
def test_the_page_is_held_to_what_this_estimate_says(number: int) -> None:
    written, found = json.loads(CASES.read_text(encoding="utf-8"))[number], case(number)
    assert written.keys() == found.keys()
    for name in ("tree", "prior", "items", "responses", "weights"):
        assert written[name] == found[name]
    for name, value in found["expected"].items():
        # The clustering and the sums may differ in the last digits from one processor to another.
        if name == "next":
            assert written["expected"][name] == value
        elif name == "average":
            assert written["expected"][name] == pytest.approx(value, rel=1e-8)
        else:
            np.testing.assert_allclose(written["expected"][name], value, rtol=1e-8, atol=1e-11)


if __name__ == "__main__":
    CASES.write_text(json.dumps([case(number) for number in range(len(KINDS))], indent=1) + "\n", encoding="utf-8")
