from typing import Any

import pytest

from exporter.metrics.exposition import Snapshot
from exporter.web.limits import Limits
from exporter.web.pending import PendingAnswers
from tests.helpers.fakes import FakeClock

LIMITS = Limits(pending_size=100, pending_least=2)


class Client:
    """Stands for a connection: a real one would do nothing here but be dropped."""

    def __init__(self) -> None:
        self.dropped = False

    def drop(self, reason: str) -> None:
        self.dropped = True


@pytest.fixture
def held(clock: FakeClock) -> PendingAnswers:
    return PendingAnswers(LIMITS, clock.now)


def begin(held: PendingAnswers, clock: FakeClock, body: bytes) -> tuple[Any, Any]:
    clock.advance(1)
    client: Any = Client()
    return client, held.begin(client, body)


def body(size: int) -> bytes:
    return bytes(bytearray(size))


def test_one_body_counts_once_however_many_read_it(held: PendingAnswers, clock: FakeClock) -> None:
    shared = body(60)
    clients = [begin(held, clock, shared)[0] for _ in range(50)]
    assert not any(client.dropped for client in clients)


def test_too_much_costs_the_slowest_body(held: PendingAnswers, clock: FakeClock) -> None:
    (a, reading_a), (b, _), (c, _) = [begin(held, clock, body(40)) for _ in range(2)] + [begin(held, clock, body(20))]
    clock.advance(1)
    held.progress(reading_a)
    d, _ = begin(held, clock, body(40))
    assert [client.dropped for client in (a, b, c, d)] == [False, True, False, False]


def test_a_body_lives_by_its_fastest_reader(held: PendingAnswers, clock: FakeClock) -> None:
    shared = body(60)
    (slow, _), (other, _), (fast, reading) = begin(held, clock, shared), begin(held, clock, body(30)), begin(held, clock, shared)
    held.progress(reading)
    begin(held, clock, body(60))
    assert [client.dropped for client in (slow, fast, other)] == [False, False, True]


def test_some_are_held_whatever_their_size(held: PendingAnswers, clock: FakeClock) -> None:
    clients = [begin(held, clock, body(1000))[0] for _ in range(3)]
    assert [client.dropped for client in clients] == [True, False, False]


def test_what_was_taken_counts_no_more(held: PendingAnswers, clock: FakeClock) -> None:
    for _ in range(10):
        client, reading = begin(held, clock, body(60))
        held.end(reading)
        assert not client.dropped


def test_what_each_reader_has_for_itself_counts_for_each(held: PendingAnswers, clock: FakeClock) -> None:
    shared = body(60)
    clients: list[Any] = [Client() for _ in range(4)]
    for client in clients:
        clock.advance(1)
        held.begin(client, shared, own=30)
    # two bodies or fewer may be of any size; what three readers have beside is 90
    assert [client.dropped for client in clients] == [True, False, False, False]


def test_what_is_on_its_way_counts_and_costs_the_slowest(held: PendingAnswers, clock: FakeClock) -> None:
    shared = body(60)
    (a, _), (b, reading_b), (c, reading_c) = (begin(held, clock, shared) for _ in range(3))
    held.progress(reading_b, on_the_way=50)
    clock.advance(1)
    held.progress(reading_c, on_the_way=50)
    assert not any(client.dropped for client in (a, b, c))
    clock.advance(1)
    held.progress(reading_b, on_the_way=51)
    assert [client.dropped for client in (a, b, c)] == [True, False, False]


def test_a_page_counts_with_all_its_pieces_and_once_for_all_who_read_it(held: PendingAnswers, clock: FakeClock) -> None:
    def page() -> Any:
        return Snapshot([b"x" * 10] * 3)

    assert page().memory > 3 * (10 + 8)
    same = page()
    readers = [begin(held, clock, same)[0] for _ in range(50)]
    assert not any(client.dropped for client in readers)
    other, _ = begin(held, clock, page())
    assert not other.dropped
    newest, _ = begin(held, clock, page())
    assert all(client.dropped for client in readers)
    assert not newest.dropped


def test_a_reader_that_was_dropped_drops_nobody(held: PendingAnswers, clock: FakeClock) -> None:
    (a, reading_a), (b, _), (c, _) = (begin(held, clock, body(1000)) for _ in range(3))
    assert a.dropped
    held.progress(reading_a, on_the_way=1000)
    held.end(reading_a)
    assert [client.dropped for client in (b, c)] == [False, False]
