"""Whatever workers do, every slice gets one result that counts, and none is computed more often than it must be."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowscape.embed.schedule import Patience, Schedule
from knowscape.errors import KnowscapeError

PATIENCE = Patience(times=3, least=2, first=10, silent=100)


def slices(count: int) -> list[tuple[int, list[str]]]:
    return [(number, [f"text {number}"]) for number in range(count)]


def given_to(schedule: Schedule, worker: int, now: float = 0) -> list[int]:
    found = []
    while (work := schedule.give(worker, now)) is not None:
        found.append(work[0])
    return found


def test_a_worker_holds_two_slices_and_gets_the_next_when_one_is_done() -> None:
    schedule = Schedule(slices(5), PATIENCE)
    assert given_to(schedule, 1) == [0, 1]
    assert given_to(schedule, 2) == [2, 3]
    assert schedule.finished(1, 0, 1)
    assert given_to(schedule, 1) == [4]
    assert not schedule.complete


def test_the_slices_of_a_dead_worker_are_handed_out_again_and_first() -> None:
    schedule = Schedule(slices(6), PATIENCE)
    assert given_to(schedule, 1) == [0, 1]
    schedule.lost(1, "It is dead.")
    assert given_to(schedule, 2) == [0, 1]


def test_a_late_worker_gets_nothing_more_and_its_slices_come_last() -> None:
    schedule = Schedule(slices(4), PATIENCE)
    assert given_to(schedule, 1) == [0, 1]
    assert schedule.overdue(10) == {}
    assert schedule.overdue(10.1) == {1: [0, 1]}
    assert schedule.overdue(11) == {}, "it is told once"
    assert schedule.is_late(1)
    assert given_to(schedule, 1, 11) == []
    assert given_to(schedule, 2, 11) == [2, 3]
    assert schedule.finished(2, 2, 12)
    assert given_to(schedule, 2, 12) == [0]
    assert schedule.finished(1, 0, 13), "it was slow, and the first"
    assert not schedule.is_late(1)
    assert schedule.finished(2, 3, 14)
    assert given_to(schedule, 2, 14) == [], "slice 1 is with the one that is back"
    assert not schedule.finished(2, 0, 15), "a second result is dropped"
    assert schedule.finished(1, 1, 16)
    assert schedule.complete


def test_a_late_worker_that_answers_in_time_has_nothing_computed_twice() -> None:
    schedule = Schedule(slices(9), PATIENCE)
    assert given_to(schedule, 1) == [0, 1]
    schedule.overdue(10.1)
    assert given_to(schedule, 2, 11) == [2, 3]
    assert schedule.finished(1, 0, 12)
    assert given_to(schedule, 1, 12) == [4]
    done = {2: [2, 3], 1: [1, 4]}
    for now in range(13, 20):
        for worker, held in done.items():
            if held:
                assert schedule.finished(worker, held.pop(0), now)
            held.extend(given_to(schedule, worker, now))
    assert schedule.complete


def test_a_late_slice_that_another_has_can_be_given_back() -> None:
    schedule = Schedule(slices(2), PATIENCE)
    assert given_to(schedule, 1) == [0, 1]
    schedule.overdue(10.1)
    assert given_to(schedule, 2, 11) == [0, 1]
    schedule.declined(1, 1, 12)
    assert schedule.is_late(1), "it may be Ray that gave it back"
    assert not schedule.complete
    assert schedule.finished(2, 0, 13)
    assert schedule.finished(2, 1, 14)
    assert schedule.complete


def test_the_slices_of_a_late_worker_that_dies_come_first() -> None:
    schedule = Schedule(slices(9), PATIENCE)
    assert given_to(schedule, 1) == [0, 1]
    schedule.overdue(10.1)
    schedule.lost(1, "It is dead.")
    assert given_to(schedule, 2) == [0, 1]


def test_a_slow_worker_is_measured_by_its_own_pace() -> None:
    schedule = Schedule(slices(9), PATIENCE)
    given_to(schedule, 1)
    given_to(schedule, 2)
    schedule.finished(1, 0, 1)
    schedule.finished(2, 2, 9)
    assert schedule.overdue(3) == {}
    assert set(schedule.overdue(4.1)) == {1}, "three times a second, since the second"
    assert schedule.overdue(36) == {}
    assert set(schedule.overdue(36.1)) == {2}, "three times nine seconds, since the ninth"


def test_a_new_worker_has_three_times_what_the_slowest_takes() -> None:
    schedule = Schedule(slices(9), PATIENCE)
    given_to(schedule, 1)
    schedule.finished(1, 0, 20)
    given_to(schedule, 2, 20)
    assert 2 not in schedule.overdue(79)
    assert 2 in schedule.overdue(81)


def test_a_slice_that_ends_worker_after_worker_ends_the_run() -> None:
    schedule = Schedule(slices(1), PATIENCE)
    for worker in range(5):
        assert given_to(schedule, worker) == [0]
        schedule.lost(worker, "Worker 0 died.")
    assert given_to(schedule, 5) == [0]
    with pytest.raises(KnowscapeError, match=r"6 workers ended over the same 1 texts.*'text 0'\. Worker 0 died\."):
        schedule.lost(5, "Worker 0 died.")


def test_a_worker_that_is_silent_for_long_is_named() -> None:
    schedule = Schedule(slices(1), PATIENCE)
    given_to(schedule, 1)
    assert schedule.silent(100) == []
    assert schedule.silent(101) == [1]


@given(st.integers(0, 30), st.integers(1, 5), st.integers(0, 10**6))
def test_every_slice_counts_once_whatever_the_workers_do(count: int, workers: int, seed: int) -> None:
    """Workers finish, die, decline, are late and come back in any order; at the end the living do what is left."""
    chance, now, counted = random.Random(seed), 0.0, Counter[int]()
    schedule, held = Schedule(slices(count), PATIENCE), {worker: list[int]() for worker in range(workers)}
    deaths = 0
    while not schedule.complete:
        now += chance.choice([0.1, 1, 15])
        worker = chance.choice(list(held))
        match chance.choice(["work", "work", "work", "die", "decline", "look"]):
            case "die" if deaths < 5:
                deaths += 1
                schedule.lost(worker, "It died.")
                held[max(held) + 1] = []
                del held[worker]
            case "decline" if len(held[worker]) > 1:
                schedule.declined(worker, held[worker].pop(), now)
            case "look":
                schedule.overdue(now)
            case _:
                held[worker] += given_to(schedule, worker, now)
                assert len(held[worker]) <= 2
                if held[worker]:
                    number = held[worker].pop(0)
                    counted[number] += schedule.finished(worker, number, now)
    assert counted == Counter(range(count))
