"""Fits the schedule into the request budget."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

#: The part of the budget that scheduled polls may fill; the rest is for retries and probes, and lets a queue that once
#: built up drain again.
POLL_SHARE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Pace:
    """`demand`: requests a minute that the configured intervals ask for; `stretch`: what to multiply the intervals by."""

    demand: float
    stretch: float

    @property
    def fits(self) -> bool:
        return self.stretch == 1.0


def fit(intervals: Iterable[float], requests_per_minute: float) -> Pace:
    """The pace at which polls every `intervals` seconds fit into `requests_per_minute`."""
    demand = math.fsum(60.0 / interval for interval in intervals)
    return Pace(demand, max(1.0, demand / (requests_per_minute * POLL_SHARE)))
