"""A client gets what it is allowed, no more, and what it is told to wait for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowscape.page.limits import Allowance, client_of

RATE, BURST = 4.0, 10
GAPS = st.lists(st.floats(0, 5), max_size=60)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@given(gaps=GAPS, costs=st.lists(st.integers(1, BURST), min_size=60, max_size=60))
def test_in_no_span_of_time_does_a_client_get_more_than_its_burst_and_its_rate(
    gaps: list[float], costs: list[int]
) -> None:
    clock = Clock()
    allowance, taken = Allowance(RATE, BURST, clock=clock), list[tuple[float, int]]()
    for gap, cost in zip(gaps, costs, strict=False):
        clock.now += gap
        if allowance.take("a", cost) == 0:
            taken.append((clock.now, cost))
        for first, (since, _) in enumerate(taken):
            assert sum(cost for _, cost in taken[first:]) <= BURST + RATE * (clock.now - since) + 1e-6


@given(gaps=GAPS)
def test_who_waits_as_long_as_told_is_let_in(gaps: list[float]) -> None:
    clock = Clock()
    allowance = Allowance(RATE, BURST, clock=clock)
    for gap in gaps:
        clock.now += gap
        wait = allowance.take("a", 3)
        if wait:
            clock.now += wait + 1e-9
            assert allowance.take("a", 3) == 0


def test_one_client_takes_nothing_from_another() -> None:
    allowance = Allowance(RATE, BURST, clock=Clock())
    assert [allowance.take("a") == 0 for _ in range(BURST + 1)] == [True] * BURST + [False]
    assert allowance.take("b") == 0


def test_so_many_clients_that_memory_would_suffer_are_forgotten_the_oldest_first() -> None:
    allowance = Allowance(RATE, BURST, clock=Clock())
    allowance.take("first", BURST)
    for number in range(20_000):
        allowance.take(str(number), BURST)
    assert len(allowance._buckets) <= 10_000
    assert allowance.take("first") == 0
    assert allowance.take("19999") > 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.168.1.5", "192.168.1.6", False),
        ("192.168.1.5", "::ffff:192.168.1.5", True),
        ("2001:db8:1:2::3", "2001:db8:1:2:ffff::1", True),
        ("2001:db8:1:2::3", "2001:db8:1:3::3", False),
        ("::1", "127.0.0.1", False),
        ("", "testclient", False),
    ],
)
def test_a_network_of_one_client_counts_once(one: str, other: str, same: bool) -> None:
    assert (client_of(one) == client_of(other)) == same
