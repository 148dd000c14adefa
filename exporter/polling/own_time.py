"""The own time of a device's latest reading, and when that was in the zone of the config."""

from datetime import tzinfo

from exporter.api.reading import Reading, timestamp


class OwnTime:
    """What the reading says of when it was taken.

    `text` is as the device wrote it (None: it has no time), `is_read` whether it says when that was, `timestamp` the Unix time
    in seconds, None where that cannot be told.
    """

    # one for each of many targets
    __slots__ = ("_came_at", "_zone", "is_read", "text", "timestamp")

    def __init__(self) -> None:
        self.text: str | None = None
        self.is_read = True
        self.timestamp: float | None = None
        self._came_at = 0.0
        self._zone: tzinfo | None = None

    def take(self, reading: Reading, came_at: float) -> float | None:
        """Take the time of a reading that came at a Unix time. Return its timestamp."""
        self.text, self.is_read, self._came_at = reading.time, reading.unread_time is None, came_at
        return self.read_in(self._zone)

    def read_in(self, zone: tzinfo | None) -> float | None:
        """Take over the zone of the config, None if it has none. Return the timestamp in it."""
        self._zone = zone
        if self.text is None or zone is None:
            self.timestamp = None
        else:
            self.timestamp = timestamp(self.text, zone, self._came_at)
        return self.timestamp
