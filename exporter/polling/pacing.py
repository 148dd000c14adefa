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
    """`demand`: requests a minute that all configured intervals ask for; `stretch`: what to multiply the polls' intervals by."""

    demand: float
    stretch: float

    @property
    def fits(self) -> bool:
        return self.stretch == 1.0


def fit(intervals: Iterable[float], requests_per_minute: float, beside: float = 0.0) -> Pace:
    """The pace at which polls every `intervals` seconds fit into `requests_per_minute`.

    `beside` are the requests a minute that are no polls (lists, settings); they leave polls at least half of the share.
    """
    polls = math.fsum(60.0 / interval for interval in intervals)
    share = requests_per_minute * POLL_SHARE
    return Pace(polls + beside, max(1.0, polls / max(share - beside, share / 2)))
