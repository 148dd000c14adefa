"""Pacing: fits the polling intervals into the request budget."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from exporter.catalogue.types import Device
from exporter.config.load import Config

#: The part of the budget that polls may fill; the rest is for retries and probes, and lets a queue drain that once built up.
POLL_SHARE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Pace:
    """`demand`: requests a minute that all configured intervals ask for; `stretch`: what to multiply the polls' intervals by."""

    demand: float
    stretch: float

    @property
    def fits(self) -> bool:
        """Return whether the intervals fit as they are configured."""
        return self.stretch == 1.0


def fit(intervals: Iterable[float], requests_per_minute: float, beside: float = 0.0) -> Pace:
    """Return the pace at which polls every `intervals` seconds fit into `requests_per_minute`.

    `beside` are the requests a minute that are no polls (lists, settings); they leave polls at least half of the share.
    """
    polls = math.fsum(60.0 / interval for interval in intervals)
    share = requests_per_minute * POLL_SHARE
    return Pace(polls + beside, max(1.0, polls / max(share - beside, share / 2)))


def pace(config: Config, devices: Sequence[Device]) -> Pace:
    """Return the pace at which `devices` can be polled within the budget, beside the requests for lists and settings."""
    beside = 0.0
    if config.discovery:
        beside += len(config.discovery.datalog_sns) * len(config.discovered_types) * 60.0 / config.discovery.interval
    if config.settings:
        types = config.settings_types
        beside += sum(device.type in types for device in devices) * 60.0 / config.settings.interval
    return fit((device.interval for device in devices), config.requests_per_minute, beside)
