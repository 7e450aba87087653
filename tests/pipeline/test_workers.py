"""Threads between stages: order kept, queues bounded, errors carried, nothing left behind."""

import os
import threading
import time
from collections.abc import Iterator

import cv2
import pytest
import torch

from pipeline.workers import EngineSettings, Workers, cores

THREADED = EngineSettings(threads=3, queue=2)


def counting(made: list[int], count: int = 1000) -> Iterator[int]:
    for number in range(count):
        made.append(number)
        yield number


def settled(made: list[int]) -> int:
    """How many were made once the maker waits."""
    before = -1
    while len(made) != before:
        before = len(made)
        time.sleep(0.05)
    return before


def test_many_threads_do_not_make_a_decoder_hold_many_pictures() -> None:
    assert [EngineSettings(threads).coding_threads for threads in (0, 1, 8, 1024)] == [0, 1, 8, 16]


def test_many_cores_do_not_make_an_encoder_hold_many_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.workers.cores", lambda: 64)
    assert [Workers(EngineSettings(threads)).coding_threads for threads in (0, 1, 8)] == [16, 1, 8]


@pytest.mark.parametrize("threads", [1, 3])
def test_items_keep_their_order_through_several_stages(threads: int) -> None:
    with Workers(EngineSettings(threads, queue=2)) as workers:
        first = workers.ahead("first", range(200))
        second = workers.ahead("second", (2 * number for number in first))
        assert list(second) == list(range(0, 400, 2))


def test_a_stage_runs_ahead_by_no_more_than_its_queue() -> None:
    made: list[int] = []
    with Workers(THREADED) as workers:
        items = workers.ahead("made", counting(made))
        assert next(items) == 0
        assert settled(made) == 4, "one taken, two in the queue, one in the maker's hand"


def test_stages_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=10)

    def together() -> Iterator[int]:
        yield 0
        meeting.wait()
        yield 1

    with Workers(THREADED) as workers:
        for number in workers.ahead("together", together()):
            if number == 0:
                meeting.wait()


def test_an_error_comes_out_behind_the_items_before_it_with_its_traceback() -> None:
    def breaking() -> Iterator[int]:
        yield 1
        raise LookupError("gone")

    found = []
    with Workers(THREADED) as workers, pytest.raises(LookupError, match="gone") as caught:
        for item in workers.ahead("second", (10 * number for number in workers.ahead("first", breaking()))):
            found.append(item)
    assert found == [10]
    assert "breaking" in [entry.name for entry in caught.traceback]


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_leaving_early_closes_the_source_and_joins_every_thread(taken: int) -> None:
    before, closed = threading.active_count(), threading.Event()

    def endless() -> Iterator[int]:
        try:
            yield from iter(int, 1)
        finally:
            closed.set()

    with pytest.raises(KeyboardInterrupt), Workers(THREADED) as workers:
        items = workers.ahead("second", workers.ahead("first", endless()))
        for _ in range(taken):
            next(items)
        raise KeyboardInterrupt
    assert closed.is_set() or not taken
    assert threading.active_count() == before


def test_work_is_spread_over_threads_and_keeps_its_order() -> None:
    meeting = threading.Barrier(3, timeout=10)

    def work(number: int) -> int:
        meeting.wait()
        return number * number

    with Workers(THREADED) as workers:
        found = [(number, result()) for number, result in workers.spread(work, [3, 1, 2], most=3)]
    assert found == [(3, 9), (1, 1), (2, 4)]


@pytest.mark.parametrize(("most", "taken"), [(2, 2), (9, 4)], ids=["as many as are allowed", "a core each, one waits"])
def test_spread_work_takes_no_more_than_there_is_room_for(most: int, taken: int) -> None:
    begun = list[int]()

    def numbers() -> Iterator[int]:
        for number in range(10):
            begun.append(number)
            yield number

    with Workers(THREADED) as workers:
        results = workers.spread(lambda number: -number, numbers(), most)
        assert next(results)[1]() == 0
        assert len(begun) == taken
        assert [result() for _, result in results] == list(range(-1, -10, -1))


@pytest.mark.parametrize("threads", [1, 3])
def test_what_came_before_an_error_of_the_source_comes_first(threads: int) -> None:
    def numbers() -> Iterator[int]:
        yield from range(5)
        raise RuntimeError("the source broke")

    seen = list[int]()
    with Workers(EngineSettings(threads=threads)) as workers, pytest.raises(RuntimeError, match="the source broke"):
        for number, result in workers.spread(lambda number: -number, numbers(), most=4):
            assert result() == -number
            seen.append(number)
    assert seen == list(range(5))


def test_work_that_waits_when_the_run_ends_is_not_done() -> None:
    started, go, meeting = set[int](), threading.Event(), threading.Barrier(3, timeout=10)

    def work(number: int) -> None:
        started.add(number)
        meeting.wait()
        go.wait(timeout=10)

    with pytest.raises(KeyboardInterrupt), Workers(EngineSettings(threads=2)) as workers:
        next(workers.spread(work, range(10), most=9))
        meeting.wait()
        threading.Timer(0.2, go.set).start()
        raise KeyboardInterrupt
    assert started == {0, 1}


@pytest.mark.parametrize("threads", [1, 3])
def test_an_error_in_spread_work_is_raised_for_its_item(threads: int) -> None:
    with Workers(EngineSettings(threads=threads)) as workers:
        (_, fine), (_, wrong) = workers.spread(lambda number: 1 // number, [1, 0], most=2)
        assert fine() == 1
        with pytest.raises(ZeroDivisionError):
            wrong()


def test_one_thread_means_this_one() -> None:
    with Workers(EngineSettings(threads=1)) as workers:
        makers = workers.ahead("made", (threading.current_thread() for _ in range(2)))
        here = threading.current_thread()
        done = [result() for _, result in workers.spread(lambda _: threading.current_thread(), [1, 2], most=2)]
        assert [*makers, *done] == [here] * 4
        assert workers.fill == {}


def test_the_fill_tells_a_slow_maker_from_a_slow_taker() -> None:
    def slowly(count: int) -> Iterator[int]:
        for number in range(count):
            time.sleep(0.01)
            yield number

    with Workers(THREADED) as workers:
        list(workers.ahead("slow", slowly(20)))
        for _ in workers.ahead("quick", range(20)):
            time.sleep(0.01)
        assert workers.fill["slow"] < 0.8 < workers.fill["quick"] <= 1.0


def test_the_libraries_threads_are_set_back() -> None:
    before = torch.get_num_threads(), cv2.getNumThreads()
    with Workers(EngineSettings(threads=8)):
        assert (torch.get_num_threads(), cv2.getNumThreads()) == (1, 2)
    assert (torch.get_num_threads(), cv2.getNumThreads()) == before


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not bind processes to cores")
def test_only_cores_that_may_be_used_count() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert cores() == Workers(EngineSettings()).count == 1
    finally:
        os.sched_setaffinity(0, allowed)


@pytest.mark.parametrize(("values", "named"), [((-1, 4), "threads is -1"), ((0, 0), "queue is 0")])
def test_values_out_of_range_are_named(values: tuple[int, int], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        EngineSettings(*values)
