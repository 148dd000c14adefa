"""Which uploads lie in a span of time, and which of them make up a page."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Uploads:
    """The instants (seconds since 1970) at which one device uploads: every `interval` seconds, beginning at `offset`."""

    interval: float
    offset: float

    def number(self, timestamp: float) -> int:
        """The number of the last upload at or before `timestamp`."""
        return math.floor((timestamp - self.offset) / self.interval)

    def timestamp(self, number: int) -> float:
        """When that upload was."""
        return self.offset + number * self.interval

    def between(self, start: float, end: float) -> range:
        """The numbers of the uploads from `start` to `end`, both included."""
        first = math.ceil((start - self.offset) / self.interval)
        return range(first, max(self.number(end) + 1, first))
