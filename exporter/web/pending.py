"""Large answers that clients have not taken yet: how many bytes they hold, and who must go when it is too much."""

from collections.abc import Callable
from dataclasses import dataclass

from exporter.metrics.exposition import Snapshot
from exporter.web.connection import Connection
from exporter.web.limits import Limits


@dataclass(eq=False, slots=True)
class Reader:
    """A client that is being sent an answer made of `body`, which it may have in common with others, and of `own` bytes more.

    `on_the_way` bytes are on their way to it; `since` is when it last took some, by the loop's clock.
    """

    connection: Connection
    body: Snapshot | bytes
    own: int
    on_the_way: int
    since: float

    @property
    def size(self) -> int:
        """Bytes of the body, which counts once however many read it."""
        return self.body.memory if isinstance(self.body, Snapshot) else len(self.body)


class PendingAnswers:
    """The answers under way. A body that several clients are sent counts once."""

    def __init__(self, limits: Limits, now: Callable[[], float]) -> None:
        self._limits = limits
        self._now = now
        self._readers: set[Reader] = set()

    def begin(self, connection: Connection, body: Snapshot | bytes, own: int = 0) -> Reader:
        """A client is to be sent `body`, and `own` bytes more. Where that is too much, those go that are the slowest."""
        reader = Reader(connection, body, own, 0, self._now())
        self._readers.add(reader)
        self._make_room(reader)
        return reader

    def progress(self, reader: Reader, on_the_way: int = 0) -> None:
        """The client has taken some of it, and so many bytes are on their way to it now."""
        reader.since = self._now()
        before, reader.on_the_way = reader.on_the_way, on_the_way
        if on_the_way > before and reader in self._readers:
            self._make_room(reader)

    def end(self, reader: Reader) -> None:
        """The client has it all, or is gone."""
        self._readers.discard(reader)

    def _make_room(self, newest: Reader) -> None:
        least = self._limits.held_least
        while len(self._readers) > least:
            bodies = {id(reader.body): reader.size for reader in self._readers}
            crowded = len(bodies) > least
            # that few bodies may have any size, but not what their readers hold beside
            size = sum(reader.own + reader.on_the_way for reader in self._readers) + (sum(bodies.values()) if crowded else 0)
            if size <= self._limits.held_size:
                return
            for reader in self._slowest_body(newest) if crowded else self._slowest(newest):
                self._readers.discard(reader)
                reader.connection.drop("too many answers are waiting to be taken")

    def _slowest(self, newest: Reader) -> list[Reader]:
        return [min(self._readers - {newest}, key=lambda it: it.since)]

    def _slowest_body(self, newest: Reader) -> list[Reader]:
        """Return the readers of the body of which nobody took anything for longest; not that of the newest."""
        last: dict[int, float] = {}
        for reader in self._readers:
            key = id(reader.body)
            last[key] = max(reader.since, last.get(key, 0.0))
        del last[id(newest.body)]
        slowest = min(last, key=last.__getitem__)
        return [it for it in self._readers if id(it.body) == slowest]
