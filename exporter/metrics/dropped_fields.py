"""Numeric fields that have no series: counted every time, told once."""

from collections.abc import Iterable
from typing import Final

import structlog

from exporter.catalogue.types import Device
from exporter.metrics.self_metrics import SelfMetrics

_log = structlog.get_logger()

#: Fields that are remembered as told; a device that sends new names for ever is told of no more.
_MAX_TOLD: Final = 1000


class DroppedFields:
    """Reports fields left out; safe to use from several threads."""

    def __init__(self, telemetry: SelfMetrics) -> None:
        self._telemetry = telemetry
        self._told: set[tuple[str, str]] = set()

    def report(self, device: Device, fields: Iterable[tuple[str, str]]) -> None:
        """`fields` of an answer of `device` could not be shown, each for its cause."""
        for field, cause in fields:
            self._telemetry.fields_left_out.labels(device.type, cause).inc()
            key = (device.type, field)
            if key not in self._told and len(self._told) < _MAX_TOLD:
                self._told.add(key)
                _log.warning("a field is left out", type=device.type, field=field[:200], cause=cause, device_sn=device.sn)
