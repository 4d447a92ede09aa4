"""A job in plain words is understood, and the model that suits it is recommended with its reasons."""

import pytest

from knowscape.encoders.advice import Need, read_need, recommend
from knowscape.encoders.catalogue import Entry
from knowscape.errors import UsageError


def laptop(entry: Entry) -> float:
    """Tokens a second at 200 GFLOP/s."""
    return 2e11 / max(entry.shape.flop_per_token, 1e5)


def cluster(entry: Entry) -> float:
    return 1000 * laptop(entry)


def best(request: str, speed: object = laptop) -> str:
    return recommend(read_need(request), speed)[0].entry.spec.name  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ("250k documents", Need(documents=250_000)),
        ("scientific text, CPU, 250k documents", Need(documents=250_000, subject="scientific")),
        ("1.5 million short paragraphs of 200 words", Need(documents=1_500_000, tokens=270)),
        ("12,000 abstracts on medicine", Need(documents=12_000, subject="medical")),
        ("German articles, commercial search", Need(multilingual=True, search=True, commercial=True)),
        ("articles on a GPU", Need(gpu=True)),
        ("a quick draft", Need(fast=True)),
    ],
)  # fmt: skip
def test_a_request_is_understood(request_: str, expected: Need) -> None:
    found = read_need(request_)
    assert {name: getattr(found, name) for name in Need.__slots__ if name != "said"} == {
        name: getattr(expected, name) for name in Need.__slots__ if name != "said"
    }
    assert found.said


def test_a_request_without_a_known_word_is_refused_with_an_example() -> None:
    with pytest.raises(UsageError, match=r"'zzz' is understood.*250k documents"):
        read_need("zzz")


def test_what_suits_comes_first() -> None:
    assert best("scientific text, 5k documents") == "bge-base-en-v1.5"
    assert best("scientific text, CPU, 250k documents") == "bge-small-en-v1.5"
    assert best("10 million documents, quick") == "wordllama"
    assert best("French and German documents") == "multilingual-e5-small"
    assert best("many languages, 1m documents, GPU", cluster) == "Qwen3-Embedding-0.6B"


def test_a_licence_that_forbids_it_and_code_of_others_are_left_out() -> None:
    names = [advice.entry.spec.name for advice in recommend(read_need("commercial use, medical texts, GPU"), cluster)]
    assert "S-PubMedBert-MS-MARCO" not in names
    assert "llama-embed-nemotron-8b" not in names
    assert "S-PubMedBert-MS-MARCO" in [a.entry.spec.name for a in recommend(read_need("medical texts"), laptop)]


def test_time_and_disk_are_reckoned_from_the_machines_speed() -> None:
    [advice] = [
        advice
        for advice in recommend(Need(documents=1000, tokens=100), lambda entry: 500.0)
        if advice.entry.spec.name == "all-mpnet-base-v2"
    ]
    assert advice.seconds == pytest.approx(1000 * 100 / 500)
    assert advice.bytes == 1000 * 768 * 4 + 438_000_000


def test_a_model_that_cuts_the_texts_says_so() -> None:
    [advice] = [
        advice for advice in recommend(Need(tokens=400), laptop) if advice.entry.spec.name == "paraphrase-MiniLM-L3-v2"
    ]
    assert "it reads 128 of 400 tokens of a text" in advice.reasons
