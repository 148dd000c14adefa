"""The slots that a device skips after failures."""

import random
from typing import Final

#: The longest time from a failed poll to the next one, in intervals.
MAX_BACKOFF: Final = 8


class Backoff:
    """Counts failures in a row and the slots still to skip: whole slots, so that a fleet that backs off stays spread."""

    __slots__ = ("_failures", "_jitter", "slots")

    def __init__(self, jitter: random.Random) -> None:
        self._jitter = jitter
        self._failures = 0
        #: Slots to skip before the next poll.
        self.slots = 0

    def record_failure(self) -> None:
        """Skip no slot after one failure, then a growing random number: the next poll is 1, 2, 3-4, then 5-8 intervals away."""
        self._failures += 1
        longest = min(2 ** min(self._failures - 1, 16), MAX_BACKOFF)
        self.slots = self._jitter.randint(longest // 2, longest - 1)

    def reset(self) -> None:
        """Forget the failures."""
        self._failures = self.slots = 0

    def end(self) -> None:
        """Skip no more slots; the next failure still counts as one more."""
        self.slots = 0

    def skip_slot(self) -> bool:
        """Return whether this slot is to be skipped, and count it."""
        if not self.slots:
            return False
        self.slots -= 1
        return True
