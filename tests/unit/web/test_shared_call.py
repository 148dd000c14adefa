import asyncio
import gc
import threading
import weakref

import pytest

from exporter.web.shared_call import SharedCall


class Work:
    """Counts its calls; each is held until the test lets it go on."""

    def __init__(self) -> None:
        self.calls = 0
        self.running = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)

    def __call__(self) -> int:
        self.calls += 1
        number = self.calls
        self.running.release()
        assert self.go_on.acquire(timeout=30)
        return number


async def until(what: threading.Semaphore) -> None:
    while not what.acquire(blocking=False):
        await asyncio.sleep(0)


def test_who_asks_while_it_runs_shares_the_next_call() -> None:
    async def ask() -> list[int]:
        work = Work()
        shared = SharedCall(work)
        first = asyncio.create_task(shared.get())
        await until(work.running)
        others = []
        for _ in range(10):
            others += [asyncio.create_task(shared.get()) for _ in range(10)]
            # each ten come a turn of the loop after the ones before
            await asyncio.sleep(0)
        assert work.calls == 1
        work.go_on.release(100)
        return [await first, *[await other for other in others]]

    assert asyncio.run(ask()) == [1] + [2] * 100


def test_one_after_the_other_is_a_call_each() -> None:
    async def ask() -> list[int]:
        work = Work()
        work.go_on.release(3)
        shared = SharedCall(work)
        return [await shared.get() for _ in range(3)]

    assert asyncio.run(ask()) == [1, 2, 3]


def test_one_who_goes_away_does_not_take_the_result_from_the_others() -> None:
    async def ask() -> int:
        work = Work()
        shared = SharedCall(work)
        goes, stays = asyncio.create_task(shared.get()), asyncio.create_task(shared.get())
        await until(work.running)
        goes.cancel()
        work.go_on.release()
        return await stays

    assert asyncio.run(ask()) == 1


def test_an_error_is_for_those_who_asked_and_not_for_the_next() -> None:
    answers: list[Exception | int] = [ValueError("made up"), 7]

    def work() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def ask() -> int:
        shared = SharedCall(work)
        with pytest.raises(ValueError, match="made up"):
            await shared.get()
        return await shared.get()

    assert asyncio.run(ask()) == 7


def test_a_result_is_kept_for_nobody() -> None:
    class Large:
        pass

    async def ask() -> None:
        shared = SharedCall(Large)
        result = weakref.ref(await shared.get())
        await asyncio.sleep(0)
        gc.collect()
        assert result() is None
        # and is made anew for the next one
        assert isinstance(await shared.get(), Large)

    asyncio.run(ask())
