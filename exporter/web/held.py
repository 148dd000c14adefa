"""Large answers that clients have not taken yet: how many bytes they hold, and who must go when it is too much."""

from collections.abc import Callable
from dataclasses import dataclass

from exporter.web.connection import Connection
from exporter.web.limits import Limits


@dataclass(eq=False, slots=True)
class Reader:
    """A client that is being sent `body`. `since` is when it last took some, by the loop's clock."""

    connection: Connection
    body: bytes
    since: float


class Held:
    """The answers under way. A body that several clients are sent counts once."""

    def __init__(self, limits: Limits, now: Callable[[], float]) -> None:
        self._limits = limits
        self._now = now
        self._readers: set[Reader] = set()

    def begin(self, connection: Connection, body: bytes) -> Reader:
        """A client is to be sent `body`. Where that is too much, the bodies go whose readers are the slowest."""
        reader = Reader(connection, body, self._now())
        self._readers.add(reader)
        self._make_room(body)
        return reader

    def progress(self, reader: Reader) -> None:
        """The client has taken some of it."""
        reader.since = self._now()

    def end(self, reader: Reader) -> None:
        """The client has it all, or is gone."""
        self._readers.discard(reader)

    def _make_room(self, newest: bytes) -> None:
        while True:
            bodies = {id(reader.body): reader.body for reader in self._readers}
            if len(bodies) <= self._limits.held_least or sum(map(len, bodies.values())) <= self._limits.held_size:
                return
            last: dict[int, float] = {}
            for reader in self._readers:
                key = id(reader.body)
                last[key] = max(reader.since, last.get(key, 0.0))
            del last[id(newest)]
            slowest = min(last, key=last.__getitem__)
            for reader in [it for it in self._readers if id(it.body) == slowest]:
                self._readers.discard(reader)
                reader.connection.drop("too many answers are waiting to be taken")
