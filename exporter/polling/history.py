"""The last polls of a device."""

from array import array
from typing import Final

from exporter.polling.status import PollResult

#: Polls that are remembered.
KEPT: Final = 20


class PollHistory:
    """The last KEPT polls, as bare numbers: there may be 10,000 devices, and objects would take four times the memory.

    All of it is taken at once, so that how much an exporter needs is seen in its first minute and not after KEPT intervals.
    """

    __slots__ = ("_count", "_numbers", "_reasons")

    def __init__(self) -> None:
        self._numbers = array("d", (0.0,) * (2 * KEPT))
        self._reasons: list[str | None] = [None] * KEPT
        self._count = 0

    def add(self, poll: PollResult) -> None:
        """Add `poll` in place of the oldest if there are KEPT."""
        place = self._count % KEPT
        self._numbers[2 * place] = poll.at
        self._numbers[2 * place + 1] = poll.duration
        self._reasons[place] = poll.reason
        self._count += 1

    @property
    def last(self) -> PollResult | None:
        """Return the latest poll; None before the first."""
        return self._poll(self._count - 1) if self._count else None

    @property
    def polls(self) -> list[PollResult]:
        """Return the polls, the latest first."""
        return [self._poll(number) for number in reversed(range(max(0, self._count - KEPT), self._count))]

    def _poll(self, number: int) -> PollResult:
        place = number % KEPT
        return PollResult(self._numbers[2 * place], self._numbers[2 * place + 1], self._reasons[place])
