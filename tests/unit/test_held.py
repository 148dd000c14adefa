from typing import Any

import pytest

from exporter.web.held import Held
from exporter.web.limits import Limits
from tests.support import FakeClock

LIMITS = Limits(held_size=100, held_least=2)


class Client:
    """Stands for a connection: a real one would do nothing here but be dropped."""

    def __init__(self) -> None:
        self.dropped = False

    def drop(self, reason: str) -> None:
        self.dropped = True


@pytest.fixture
def held(clock: FakeClock) -> Held:
    return Held(LIMITS, clock.now)


def begin(held: Held, clock: FakeClock, body: bytes) -> tuple[Any, Any]:
    clock.advance(1)
    client: Any = Client()
    return client, held.begin(client, body)


def body(size: int) -> bytes:
    return bytes(bytearray(size))


def test_one_body_counts_once_however_many_read_it(held: Held, clock: FakeClock) -> None:
    shared = body(60)
    clients = [begin(held, clock, shared)[0] for _ in range(50)]
    assert not any(client.dropped for client in clients)


def test_too_much_costs_the_slowest_body(held: Held, clock: FakeClock) -> None:
    (a, reading_a), (b, _), (c, _) = [begin(held, clock, body(40)) for _ in range(2)] + [begin(held, clock, body(20))]
    clock.advance(1)
    held.progress(reading_a)
    d, _ = begin(held, clock, body(40))
    assert [client.dropped for client in (a, b, c, d)] == [False, True, False, False]


def test_a_body_lives_by_its_fastest_reader(held: Held, clock: FakeClock) -> None:
    shared = body(60)
    (slow, _), (other, _), (fast, reading) = begin(held, clock, shared), begin(held, clock, body(30)), begin(held, clock, shared)
    held.progress(reading)
    begin(held, clock, body(60))
    assert [client.dropped for client in (slow, fast, other)] == [False, False, True]


def test_some_are_held_whatever_their_size(held: Held, clock: FakeClock) -> None:
    clients = [begin(held, clock, body(1000))[0] for _ in range(3)]
    assert [client.dropped for client in clients] == [True, False, False]


def test_what_was_taken_counts_no_more(held: Held, clock: FakeClock) -> None:
    for _ in range(10):
        client, reading = begin(held, clock, body(60))
        held.end(reading)
        assert not client.dropped
