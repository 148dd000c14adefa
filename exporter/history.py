"""The last polls of a device."""

from array import array
from typing import Final

from exporter.status import Poll

#: Polls that are remembered.
KEPT: Final = 20


class History:
    """The last KEPT polls, as bare numbers: there may be 10,000 devices, and objects would take four times the memory."""

    __slots__ = ("_numbers", "_reasons")

    def __init__(self) -> None:
        self._numbers = array("d")
        self._reasons: list[str | None] = []

    def add(self, poll: Poll) -> None:
        """Remember `poll`, and forget the oldest if there are too many."""
        self._numbers.extend((poll.at, poll.duration))
        self._reasons.append(poll.reason)
        if len(self._reasons) > KEPT:
            del self._numbers[:2]
            del self._reasons[0]

    @property
    def last(self) -> Poll | None:
        """The latest poll; None before the first."""
        return Poll(self._numbers[-2], self._numbers[-1], self._reasons[-1]) if self._reasons else None

    @property
    def polls(self) -> list[Poll]:
        """All that are remembered, the latest first."""
        numbers = iter(self._numbers)
        return [Poll(at, duration, reason) for at, duration, reason in zip(numbers, numbers, self._reasons, strict=True)][::-1]
