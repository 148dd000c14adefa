import os
import threading

import pytest

from exporter.polling.workers import Workers


def test_every_item_is_worked_on_even_if_some_raise() -> None:
    done: list[int] = []
    finished = threading.Event()

    def work(item: int) -> None:
        if item % 2:
            raise RuntimeError("broken")
        done.append(item)
        if item == 8:
            finished.set()

    workers: Workers[int] = Workers(work, 1)
    workers.maintain()
    for item in range(9):
        workers.submit(item, 0.0)
    assert finished.wait(10)
    assert done == [0, 2, 4, 6, 8]
    assert workers.alive == 1
    workers.resize(0)


def test_no_more_than_size_at_once() -> None:
    barrier = threading.Barrier(3, timeout=10)

    def meet(item: int) -> None:
        barrier.wait()

    workers: Workers[int] = Workers(meet, 2)
    workers.maintain()
    workers.maintain()
    assert workers.alive == 2
    for item in range(4):
        workers.submit(item, 0.0)
    # two workers and this thread make the barrier's three, twice
    barrier.wait()
    barrier.wait()
    workers.resize(0)


def threads_of_workers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "worker"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_worker_is_replaced_and_surplus_ones_end() -> None:
    ended = threading.Semaphore(0)

    def work(item: str) -> None:
        if item == "die":
            ended.release()
            raise SystemExit

    others = set(threads_of_workers())
    workers: Workers[str] = Workers(work, 3)
    workers.maintain()
    threads = [thread for thread in threads_of_workers() if thread not in others]
    workers.submit("die", 0.0)
    assert ended.acquire(timeout=10)
    while workers.alive == 3:
        os.sched_yield()
    workers.maintain()
    assert workers.alive == 3
    threads = [thread for thread in {*threads, *threads_of_workers()} - others if thread.is_alive()]
    workers.resize(1)
    while workers.alive > 1:
        os.sched_yield()
    workers.maintain()
    assert workers.alive == 1
    assert sum(thread.is_alive() for thread in threads) == 1
    workers.resize(0)


def test_a_thread_that_cannot_start_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    workers: Workers[int] = Workers(lambda item: None, 2)
    real = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    workers.maintain()
    workers.maintain()
    assert workers.alive == 0
    monkeypatch.setattr(threading.Thread, "start", real)
    workers.maintain()
    assert workers.alive == 2
    workers.resize(0)


def test_the_earliest_deadline_goes_first_and_then_what_came_first() -> None:
    done: list[str] = []
    finished = threading.Event()

    def work(item: str) -> None:
        done.append(item)
        if len(done) == 5:
            finished.set()

    workers: Workers[str] = Workers(work, 1)
    for item, deadline in (("settings", 21600.0), ("slow", 600.0), ("b", 300.0), ("a", 300.0), ("probe", float("-inf"))):
        workers.submit(item, deadline)
    workers.maintain()
    assert finished.wait(10)
    assert done == ["probe", "b", "a", "slow", "settings"]
    workers.resize(0)


def test_a_surplus_worker_ends_though_much_is_queued() -> None:
    begun, go_on = threading.Semaphore(0), threading.Semaphore(0)

    def work(item: int) -> None:
        begun.release()
        go_on.acquire()

    workers: Workers[int] = Workers(work, 2)
    for item in range(100):
        workers.submit(item, float(item))
    workers.maintain()
    assert begun.acquire(timeout=10)
    assert begun.acquire(timeout=10)
    workers.resize(1)
    go_on.release(2)
    while workers.alive > 1:
        os.sched_yield()
    workers.resize(0)
    go_on.release(2)
