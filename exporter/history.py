"""The last polls of a device."""

from array import array
from typing import Final

from exporter.status import Poll

#: Polls that are remembered.
KEPT: Final = 20


class History:
    """The last KEPT polls, as bare numbers: there may be 10,000 devices, and objects would take four times the memory.

    All of it is taken at once, so that how much an exporter needs is seen in its first minute and not after KEPT intervals.
    """

    __slots__ = ("_count", "_numbers", "_reasons")

    def __init__(self) -> None:
        self._numbers = array("d", (0.0,) * (2 * KEPT))
        self._reasons: list[str | None] = [None] * KEPT
        self._count = 0

    def add(self, poll: Poll) -> None:
        """Remember `poll`, and forget the oldest if there are too many."""
        place = self._count % KEPT
        self._numbers[2 * place] = poll.at
        self._numbers[2 * place + 1] = poll.duration
        self._reasons[place] = poll.reason
        self._count += 1

    @property
    def last(self) -> Poll | None:
        """The latest poll; None before the first."""
        return self._poll(self._count - 1) if self._count else None

    @property
    def polls(self) -> list[Poll]:
        """All that are remembered, the latest first."""
        return [self._poll(number) for number in reversed(range(max(0, self._count - KEPT), self._count))]

    def _poll(self, number: int) -> Poll:
        place = number % KEPT
        return Poll(self._numbers[2 * place], self._numbers[2 * place + 1], self._reasons[place])
