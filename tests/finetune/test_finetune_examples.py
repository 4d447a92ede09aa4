"""Examples: what a file may hold, what hangs together, and that nothing held out is learnt from."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowscape.errors import UsageError
from knowscape.finetune.batches import all_batches
from knowscape.finetune.examples import Example, Examples, groups_of, hold_out, read_examples, without_texts_of
from knowscape.finetune.options import FinetuneOptions

PAIR = {"anchor": "sun", "positive": "a star"}
TRIPLET = {**PAIR, "negative": "a river"}
SCORED = {"sentence1": "sun", "sentence2": "star", "score": 4}

letters = st.sampled_from("abcdefghij")
pairs = st.lists(st.builds(Example, letters, letters.map(str.upper), st.sampled_from(["", "x", "y"])), min_size=2)


def written(folder: Path, *lines: Any) -> Path:
    path = folder / "examples.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("lines", "kind", "first"),
    [
        ([PAIR, "", PAIR], "pairs", Example("sun", "a star")),
        ([TRIPLET], "triplets", Example("sun", "a star", "a river")),
        ([SCORED, {**SCORED, "score": -0.5}], "scored", Example("sun", "star", score=4.0)),
    ],
)
def test_each_of_the_three_forms_is_read(tmp_path: Path, lines: list[Any], kind: str, first: Example) -> None:
    examples = read_examples(written(tmp_path, *lines))
    assert (examples.kind, examples.items[0], len(examples)) == (kind, first, len([line for line in lines if line]))


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([PAIR, "{"], "line 2 is not JSON"),
        ([PAIR, [1]], "line 2 is no object"),
        ([{"anchor": "sun"}], "line 1 has the fields 'anchor'"),
        ([{**TRIPLET, "id": 1}], "line 1 has the fields 'anchor', 'positive', 'negative', 'id'"),
        ([PAIR, {**PAIR, "positive": " "}], "line 2: positive is ' ', not a text"),
        ([PAIR, {**PAIR, "anchor": 7}], "line 2: anchor is 7"),
        ([PAIR, TRIPLET], "line 2 is of the kind triplets, the lines before are pairs"),
        ([{**SCORED, "score": "4"}], "line 1: the score '4' is not a number"),
        ([{**SCORED, "score": True}], "line 1: the score True is not a number"),
        (['{"sentence1": "a", "sentence2": "b", "score": NaN}'], "line 1: the score nan is not a number"),
        ([SCORED, SCORED], "has the score 4 throughout"),
        ([], "is empty"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_refused_with_its_line(
    tmp_path: Path, lines: list[Any], says: str
) -> None:
    with pytest.raises(UsageError) as refused:
        read_examples(written(tmp_path, *lines))
    assert says in str(refused.value)
    assert "examples.jsonl" in str(refused.value)


def test_a_file_that_is_not_there_or_not_in_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no file"):
        read_examples(tmp_path / "no.jsonl")
    (tmp_path / "latin").write_bytes(b'{"anchor": "caf\xe9", "positive": "x"}')
    with pytest.raises(UsageError, match="not in UTF-8"):
        read_examples(tmp_path / "latin")


def test_half_a_surrogate_pair_becomes_a_text_that_tokenizers_take(tmp_path: Path) -> None:
    examples = read_examples(written(tmp_path, '{"anchor": "a \\ud800", "positive": "b"}'))
    assert examples.items[0].anchor == "a ?"


@given(pairs)
def test_examples_are_in_one_group_where_texts_lead_from_one_to_the_other(items: list[Example]) -> None:
    groups = groups_of(items).tolist()
    reached: list[set[str]] = []
    for item in items:
        mine = {item.anchor, item.positive}
        for other in [one for one in reached if one & mine]:
            mine |= other
            reached.remove(other)
        reached.append(mine)
    expected = [next(n for n, texts in enumerate(reached) if item.anchor in texts) for item in items]
    assert all((groups[a] == groups[b]) == (expected[a] == expected[b]) for a in range(len(items)) for b in range(a))
    assert sorted(set(groups)) == list(range(len(reached)))


@given(pairs, st.floats(0.05, 0.9), st.integers(0, 3))
def test_no_anchor_and_no_positive_is_on_both_sides(items: list[Example], share: float, seed: int) -> None:
    whole = Examples("pairs", tuple(items))
    try:
        training, held = hold_out(whole, share, seed)
    except UsageError as error:
        assert "groups that share no text" in str(error)  # noqa: PT017 - some lists cannot be parted
        return
    sides = [{text for item in side.items for text in (item.anchor, item.positive)} for side in (training, held)]
    assert not sides[0] & sides[1]
    assert sorted(map(repr, (*training.items, *held.items))) == sorted(map(repr, items))
    assert 2 <= len(held) <= max(2, round(share * len(items)))
    assert (training, held) == hold_out(whole, share, seed)
    assert without_texts_of(training, held) == training


def test_examples_that_share_a_text_with_a_file_of_held_out_ones_are_not_trained_on() -> None:
    items = tuple(Example(f"q{n}", f"a{n}") for n in range(5))
    held = Examples("pairs", (Example("q1", "new"), Example("new", "a3")))
    kept = without_texts_of(Examples("pairs", items), held)
    assert [item.anchor for item in kept.items] == ["q0", "q2", "q4"]


@given(pairs, st.integers(2, 6))
def test_a_batch_holds_no_text_twice_and_no_second_positive_of_an_anchor(items: list[Example], size: int) -> None:
    options = FinetuneOptions(epochs=2, batch_size=size)
    try:
        batches = all_batches(items, options, "mnr")
    except UsageError as error:
        assert "no batch of two" in str(error)  # noqa: PT017 - all may hang together
        return
    positives = {item.anchor: {other.positive for other in items if other.anchor == item.anchor} for item in items}
    for rows in batches:
        assert 2 <= len(rows) <= size
        texts = [t for row in rows for t in (items[row].anchor, items[row].positive, items[row].negative) if t]
        assert len(texts) == len(set(texts))
        for row in rows:
            others = {items[other].positive for other in rows if other != row}
            assert not others & positives[items[row].anchor]


def test_every_example_is_seen_once_an_epoch_in_an_order_of_its_own() -> None:
    items = [Example(f"q{n}", f"a{n}") for n in range(103)]
    for loss in ("mnr", "cosent"):
        batches = all_batches(items, FinetuneOptions(epochs=3, batch_size=10), loss)
        assert [len(rows) for rows in batches] == [*[10] * 10, 3] * 3
        epochs = [[row for rows in batches[start : start + 11] for row in rows] for start in (0, 11, 22)]
        assert all(sorted(epoch) == list(range(103)) for epoch in epochs)
        assert epochs[0] != epochs[1] != epochs[2]
        assert batches == all_batches(items, FinetuneOptions(epochs=3, batch_size=10), loss)


def test_an_anchor_of_a_thousand_positives_takes_no_longer_than_its_batches() -> None:
    items = [Example("q", f"a{n}") for n in range(1000)] + [Example(f"q{n}", f"b{n}") for n in range(31_000)]
    batches = all_batches(items, FinetuneOptions(batch_size=32), "mnr")
    assert max(sum(items[row].anchor == "q" for row in rows) for rows in batches) == 1
    assert sum(map(len, batches)) >= 31_500


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"epochs": 0}, "epochs is 0. Accepted: 1 to 1000"),
        ({"batch_size": 1}, "batch_size is 1"),
        ({"learning_rate": 0}, "learning_rate is 0"),
        ({"held_out": 1.0}, "held_out is 1.0"),
        ({"loss": "softmax"}, "no loss 'softmax'. Accepted: cosent, mnr, triplet"),
    ],
)
def test_options_that_make_no_sense_are_refused(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        FinetuneOptions(**fields)


def test_a_loss_that_does_not_go_with_the_examples_is_refused() -> None:
    assert [FinetuneOptions().loss_for(kind) for kind in ("pairs", "triplets", "scored")] == ["mnr", "mnr", "cosent"]
    with pytest.raises(UsageError, match=r"triplet does not go with data of the kind pairs. Accepted: mnr"):
        FinetuneOptions(loss="triplet").loss_for("pairs")
    assert FinetuneOptions(matryoshka=(64, 128, 64)).dimensions(384) == (384, 128, 64)
    with pytest.raises(UsageError, match=r"no 512 dimensions. Accepted by --matryoshka: 1 to 384"):
        FinetuneOptions(matryoshka=(512,)).dimensions(384)
