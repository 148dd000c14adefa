from typing import Any

import pytest

from exporter.metrics.exposition import Snapshot
from exporter.web.connection import evict_readers
from exporter.web.limits import Limits
from tests.helpers.fakes import FakeClock

LIMITS = Limits(pending_size=100, pending_least=2)


class Readers:
    """The clients of a server that are being answered. They stand for connections: real ones would do no more here."""

    def __init__(self, clock: FakeClock) -> None:
        self.now = clock.now
        self.all: list[Any] = []

    def begin(self, body: bytes | Snapshot, own: int = 0) -> "Reader":
        """Another is answered."""
        reader = Reader(self)
        self.all.append(reader)
        reader.hold(body, own)
        return reader


class Reader:
    def __init__(self, readers: Readers) -> None:
        self.body: bytes | Snapshot | None = None
        self.own = 0
        self.since = 0.0
        self.dropped = False
        self._readers = readers

    def hold(self, body: bytes | Snapshot | None, own: int = 0) -> None:
        self.body, self.own, self.since = body, own, self._readers.now()
        newest: Any = self
        evict_readers(newest, self._readers.all, LIMITS)

    def drop(self, reason: str) -> None:
        self.dropped = True
        self._readers.all.remove(self)


@pytest.fixture
def held(clock: FakeClock) -> Readers:
    return Readers(clock)


def begin(held: Readers, clock: FakeClock, body: bytes | Snapshot) -> Reader:
    clock.advance(1)
    return held.begin(body)


def body(size: int) -> bytes:
    return bytes(bytearray(size))


def test_one_body_counts_once_however_many_read_it(held: Readers, clock: FakeClock) -> None:
    shared = body(60)
    clients = [begin(held, clock, shared) for _ in range(50)]
    assert not any(client.dropped for client in clients)


def test_too_much_costs_the_slowest_body(held: Readers, clock: FakeClock) -> None:
    of_a = body(40)
    a, b, c = begin(held, clock, of_a), begin(held, clock, body(40)), begin(held, clock, body(20))
    clock.advance(1)
    a.hold(of_a)
    d = begin(held, clock, body(40))
    assert [client.dropped for client in (a, b, c, d)] == [False, True, False, False]


def test_a_body_lives_by_its_fastest_reader(held: Readers, clock: FakeClock) -> None:
    shared = body(60)
    slow, other, fast = begin(held, clock, shared), begin(held, clock, body(30)), begin(held, clock, shared)
    fast.hold(shared)
    begin(held, clock, body(60))
    assert [client.dropped for client in (slow, fast, other)] == [False, False, True]


def test_some_are_held_whatever_their_size(held: Readers, clock: FakeClock) -> None:
    clients = [begin(held, clock, body(1000)) for _ in range(3)]
    assert [client.dropped for client in clients] == [True, False, False]


def test_what_was_taken_counts_no_more(held: Readers, clock: FakeClock) -> None:
    for _ in range(10):
        client = begin(held, clock, body(60))
        client.hold(None)
        assert not client.dropped


def test_what_each_reader_has_for_itself_counts_for_each(held: Readers, clock: FakeClock) -> None:
    shared = body(60)
    clients = []
    for _ in range(4):
        clock.advance(1)
        clients.append(held.begin(shared, own=30))
    # two bodies or fewer may be of any size; what three readers have beside is 90
    assert [client.dropped for client in clients] == [True, False, False, False]


def test_what_is_on_its_way_counts_and_costs_the_slowest(held: Readers, clock: FakeClock) -> None:
    shared = body(60)
    a, b, c = (begin(held, clock, shared) for _ in range(3))
    b.hold(shared, own=50)
    clock.advance(1)
    c.hold(shared, own=50)
    assert not any(client.dropped for client in (a, b, c))
    clock.advance(1)
    b.hold(shared, own=51)
    assert [client.dropped for client in (a, b, c)] == [True, False, False]


def test_a_page_counts_with_all_its_pieces_and_once_for_all_who_read_it(held: Readers, clock: FakeClock) -> None:
    def page() -> Snapshot:
        return Snapshot([b"x" * 10] * 3)

    assert page().memory > 3 * (10 + 8)
    same = page()
    readers = [begin(held, clock, same) for _ in range(50)]
    assert not any(client.dropped for client in readers)
    other = begin(held, clock, page())
    assert not other.dropped
    newest = begin(held, clock, page())
    assert all(client.dropped for client in readers)
    assert not newest.dropped


def test_a_reader_that_was_dropped_drops_nobody(held: Readers, clock: FakeClock) -> None:
    a, b, c = (begin(held, clock, body(1000)) for _ in range(3))
    assert a.dropped
    a.hold(a.body, own=1000)
    a.hold(None)
    assert [client.dropped for client in (b, c)] == [False, False]
