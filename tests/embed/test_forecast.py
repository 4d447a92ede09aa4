"""What `knowscape bench` forecasts for many texts and machines follows from what it measured."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowscape.embed.bench import Measured
from knowscape.embed.forecast import MACHINES, TEXTS, most_machines, outlook

SECONDS = st.floats(1e-4, 1e4)


def measured(computed: float, committed: float) -> Measured:
    """Return what it would measure where a thousand texts take so many seconds."""
    return Measured({512: 1.0}, 512, computed / 10, computed * 0.9, committed, 40.0, 384, 1600.0)


def test_a_thousand_texts_in_two_seconds_are_a_billion_in_two_million() -> None:
    (each,) = outlook(measured(2, 0.01), texts=[10**9], machines=[1], price=3)
    assert each.seconds == pytest.approx(2e6)
    assert each.cost == pytest.approx(3 * 2e6 / 3600)
    assert each.stored == 1_600_000_000_000
    assert each.received == pytest.approx(500 * 4 * 384)
    assert not each.driver_is_limit


def test_beyond_what_the_driver_commits_more_machines_cost_more_and_are_no_faster() -> None:
    assert most_machines(measured(2, 0.01)) == pytest.approx(200)
    some, more = outlook(measured(2, 0.01), texts=[10**9], machines=[200, 400], price=1)
    assert not some.driver_is_limit
    assert more.driver_is_limit
    assert more.seconds == pytest.approx(some.seconds)
    assert more.cost == pytest.approx(2 * (some.cost or 0))


@given(SECONDS, SECONDS)
def test_more_machines_never_take_longer_and_more_texts_never_less(computed: float, committed: float) -> None:
    found = {(each.texts, each.machines): each for each in outlook(measured(computed, committed))}
    assert set(found) == {(texts, machines) for texts in TEXTS for machines in MACHINES}
    for (texts, machines), each in found.items():
        assert each.cost is None
        assert each.seconds >= texts * computed / 1000 / machines * (1 - 1e-9)
        assert each.seconds >= texts * committed / 1000 * (1 - 1e-9)
        assert all(
            each.seconds >= other.seconds * (1 - 1e-9)
            for (t, m), other in found.items()
            if t <= texts and m >= machines
        )
