"""Whatever workers do, every slice gets one result that counts, and none is computed more often than it must be."""

import importlib.util
import random
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from knowscape.embed.schedule import Patience, Schedule
from knowscape.errors import KnowscapeError

PATIENCE = Patience(times=3, least=2, first=10, silent=100)
SIMULATION = Path(__file__).parents[2] / "benchmarks" / "cluster_scale.py"


def simulation() -> ModuleType:
    """Return the script that simulates a cluster around the schedule."""
    found = importlib.util.spec_from_file_location("cluster_scale", SIMULATION)
    assert found is not None
    assert found.loader is not None
    sys.modules["cluster_scale"] = module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


SCALE = simulation()
SMALL = SCALE.Setting(workers=50, slices=2000, rate=700)
MANY_FAULTS = SCALE.Faults(die=0.2, freeze=0.04, pause=0.1, cut=0.1, slow=0.04)
NONE = SCALE.Faults(die=0, freeze=0, pause=0, cut=0, slow=0)


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


def test_a_slice_whose_result_is_there_already_is_not_needed_from_the_worker_that_got_it() -> None:
    schedule = Schedule(slices(3), PATIENCE)
    assert given_to(schedule, 1) == [0, 1]
    schedule.needless(1, 0, 5)
    assert given_to(schedule, 1, 5) == [2]
    assert schedule.overdue(14) == {}, "it began the next one at 5"
    assert schedule.finished(1, 1, 14)
    schedule.needless(1, 2, 14)
    assert given_to(schedule, 1, 14) == []
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


def test_a_slice_that_is_given_back_does_not_shorten_what_the_other_takes() -> None:
    schedule = Schedule(slices(9), PATIENCE)
    given_to(schedule, 1)
    schedule.finished(1, 0, 1)
    given_to(schedule, 1, 1)
    assert schedule.overdue(5) == {1: [1, 2]}
    schedule.declined(1, 2, 5)
    schedule.finished(1, 1, 9)
    given_to(schedule, 1, 9)
    assert schedule.overdue(22.4) == {}, "three times 4.5 seconds, the mean of one and eight"
    assert set(schedule.overdue(22.6)) == {1}


def test_a_driver_that_takes_two_results_at_once_calls_nobody_late() -> None:
    schedule = Schedule(slices(40), PATIENCE)
    given_to(schedule, 1)
    for turn in range(6):
        now = 10.0 * turn + 10
        schedule.finished(1, 2 * turn, now)
        schedule.finished(1, 2 * turn + 1, now)
        given_to(schedule, 1, now)
    assert schedule.overdue(70) == {}


def test_those_who_have_no_slice_come_before_those_who_have_one() -> None:
    schedule = Schedule(slices(9), PATIENCE)
    for worker in (1, 2):
        schedule.join(worker)
    assert schedule.unfilled() == [1, 2]
    schedule.give(1, 0)
    schedule.join(3)
    assert schedule.unfilled() == [2, 1, 3]
    given_to(schedule, 1)
    schedule.lost(2, "It died.")
    assert schedule.unfilled() == [3]


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


@given(st.integers(1, 20), st.integers(0, 10**6))
def test_a_look_finds_whom_a_look_at_every_worker_would_find(workers: int, seed: int) -> None:
    chance, now = random.Random(seed), 0.0
    schedule, held = Schedule(slices(500), PATIENCE), {worker: list[int]() for worker in range(workers)}
    for _ in range(60):
        now += chance.choice([0.1, 1, 8])
        worker = chance.choice(list(held))
        held[worker] += given_to(schedule, worker, now)
        if held[worker] and chance.random() < 0.7:
            schedule.finished(worker, held[worker].pop(0), now)
        elif held[worker] and chance.random() < 0.2:
            schedule.lost(worker, "It died.")
            held[max(held) + 1] = []
            del held[worker]
        elif len(held[worker]) > 1:
            schedule.declined(worker, held[worker].pop(), now)
        paces = {worker: pace for worker, pace in schedule._paces.items() if pace.took and pace.held and not pace.late}
        late = {w for w, pace in paces.items() if pace.since + schedule._limit(pace) < now}
        assert set(schedule.overdue(now)) & set(paces) == late
        assert set(schedule.silent(now)) == {
            w for w, pace in schedule._paces.items() if pace.held and pace.since + 100 < now
        }
        assert set(schedule.unfilled()) == {w for w, p in schedule._paces.items() if not p.late and len(p.held) < 2}


@settings(max_examples=20, deadline=None, phases=[Phase.generate])
@given(st.integers(0, 10**6), st.booleans())
def test_fifty_workers_with_faults_have_work_and_count_every_slice_once(seed: int, parts_by_workers: bool) -> None:
    run = SCALE.Simulation(replace(SMALL, parts_by_workers=parts_by_workers), MANY_FAULTS, seed=seed)
    found = run.run()
    assert run.counts == bytes([1]) * SMALL.slices
    assert found.faults >= 15
    assert found.dropped <= found.faults
    assert found.starved < 0.06 * found.there
    assert found.seconds < found.ideal + 250, "at the end one waits for what is late, twice if need be"


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1, 10, 30]))
def test_no_slice_is_computed_twice_where_only_the_driver_is_slow(seed: int, slower: int) -> None:
    costs = SCALE.Costs(take=slower * 2e-3, hand_out=slower * 2e-3)
    run = SCALE.Simulation(SMALL, NONE, costs, seed=seed)
    found = run.run()
    assert (found.dropped, found.counted) == (0, SMALL.slices)
    assert slower < 30 or found.thread > 0.9 * found.seconds


def test_a_result_costs_the_driver_of_a_thousand_workers_no_more_than_that_of_ten() -> None:
    """Counted in steps of the interpreter, not in time."""

    def steps(workers: int) -> float:
        schedule, count = Schedule(slices(6 * workers), PATIENCE), 0

        def step(*_: object) -> None:
            nonlocal count
            count += 1

        held = {worker: given_to(schedule, worker) for worker in range(workers)}
        for turn in range(2 * workers):
            sys.setprofile(step if turn >= workers else None)
            worker, now = turn % workers, turn * 3 / workers
            schedule.finished(worker, held[worker].pop(0), now)
            held[worker] += [work[0] for number in schedule.unfilled() if (work := schedule.give(number, now))]
            schedule.overdue(now)
            schedule.silent(now)
            sys.setprofile(None)
        return count / workers

    assert steps(1000) < 1.5 * steps(10)


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
