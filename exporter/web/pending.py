"""Large answers that slow readers have not taken yet: their bytes are counted, and the slowest are evicted over the limit."""

from collections.abc import Callable
from dataclasses import dataclass

from exporter.metrics.exposition import Snapshot
from exporter.web.connection import Connection
from exporter.web.limits import Limits


@dataclass(eq=False, slots=True)
class Reader:
    """A client that is being sent an answer made of `body`, which other readers may share, and of `own` bytes more.

    `on_the_way` is how many further bytes are being sent; `since` is when it last took some, by the loop's clock.
    """

    connection: Connection
    body: Snapshot | bytes
    own: int
    on_the_way: int
    since: float

    @property
    def size(self) -> int:
        """Return the bytes of the body."""
        return self.body.memory if isinstance(self.body, Snapshot) else len(self.body)


class PendingAnswers:
    """The answers under way. A body counts once, however many clients read it."""

    def __init__(self, limits: Limits, now: Callable[[], float]) -> None:
        self._limits = limits
        self._now = now
        self._readers: set[Reader] = set()

    def begin(self, connection: Connection, body: Snapshot | bytes, own: int = 0) -> Reader:
        """Count an answer made of `body` and `own` bytes more. Evict the slowest readers if that exceeds the limit."""
        reader = Reader(connection, body, own, 0, self._now())
        self._readers.add(reader)
        self._make_room(reader)
        return reader

    def progress(self, reader: Reader, on_the_way: int = 0) -> None:
        """Note that the reader has taken some of its answer, and that `on_the_way` bytes are being sent now."""
        reader.since = self._now()
        before, reader.on_the_way = reader.on_the_way, on_the_way
        if on_the_way > before and reader in self._readers:
            self._make_room(reader)

    def end(self, reader: Reader) -> None:
        """Stop counting the reader: it has the whole answer, or is gone."""
        self._readers.discard(reader)

    def _make_room(self, newest: Reader) -> None:
        least = self._limits.pending_least
        while len(self._readers) > least:
            bodies = {id(reader.body): reader.size for reader in self._readers}
            crowded = len(bodies) > least
            # so few bodies may be of any size; what their readers have beside them is limited all the same
            size = sum(reader.own + reader.on_the_way for reader in self._readers) + (sum(bodies.values()) if crowded else 0)
            if size <= self._limits.pending_size:
                return
            for reader in self._slowest_body(newest) if crowded else self._slowest(newest):
                self._readers.discard(reader)
                reader.connection.drop("evicted: too much memory held by slow readers")

    def _slowest(self, newest: Reader) -> list[Reader]:
        return [min(self._readers - {newest}, key=lambda reader: reader.since)]

    def _slowest_body(self, newest: Reader) -> list[Reader]:
        """Return all readers of the body that nobody has taken any of for longest; never the newest reader's body."""
        last: dict[int, float] = {}
        for reader in self._readers:
            key = id(reader.body)
            last[key] = max(reader.since, last.get(key, 0.0))
        del last[id(newest.body)]
        slowest = min(last, key=last.__getitem__)
        return [reader for reader in self._readers if id(reader.body) == slowest]
