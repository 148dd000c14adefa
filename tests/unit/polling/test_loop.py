import threading
from collections.abc import Iterator

import pytest
import structlog

from exporter.api.rate_limiter import Closed
from exporter.polling.loop import Loop


class Steps(Loop):
    """Does one after the other what it is given: waits as long as that says, or raises it."""

    retry_after = 7.0

    def __init__(self, *outcomes: float | Exception | None) -> None:
        super().__init__("test loop")
        self.outcomes: Iterator[float | Exception | None] = iter(outcomes)
        self.stepped = threading.Semaphore(0)

    def step(self) -> float | None:
        outcome = next(self.outcomes)
        self.stepped.release()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def test_an_error_is_logged_once_until_a_step_succeeds() -> None:
    one = RuntimeError("one")
    loop = Steps(one, one, 3.0, one, ValueError("two"))
    with structlog.testing.capture_logs() as lines:
        assert [loop.run_step() for _ in range(5)] == [7.0, 7.0, 3.0, 7.0, 7.0]
    assert [line["log_level"] for line in lines] == ["error", "debug", "error", "error"]
    assert {line["event"] for line in lines} == {"internal error in the test loop"}


@pytest.mark.parametrize("wait", [None, 3600.0])
def test_it_waits_until_it_is_woken_and_ends_when_it_is_stopped(wait: float | None) -> None:
    loop = Steps(wait, wait)
    thread = threading.Thread(target=loop.run)
    thread.start()
    assert loop.stepped.acquire(timeout=30)
    loop.wake()
    assert loop.stepped.acquire(timeout=30)
    loop.stop()
    thread.join(30)
    assert not thread.is_alive()


def test_it_ends_when_the_rate_limiter_is_closed() -> None:
    loop = Steps(Closed())
    loop.run()
    assert loop.stepped.acquire(blocking=False)
