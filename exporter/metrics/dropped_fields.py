"""Numeric fields that cannot become series: counted each time, logged once."""

from collections.abc import Iterable
from typing import Final

import structlog

from exporter.catalogue.types import Device
from exporter.metrics.self_metrics import SelfMetrics

_log = structlog.get_logger()

#: Fields that are remembered as logged. A device that keeps sending new names is logged no more after that.
_MAX_LOGGED: Final = 1000


class DroppedFields:
    """Counts and logs dropped fields. Safe to use from several threads."""

    def __init__(self, metrics: SelfMetrics) -> None:
        self._metrics = metrics
        self._logged: set[tuple[str, str]] = set()

    def report(self, device: Device, fields: Iterable[tuple[str, str]]) -> None:
        """Count the `fields` of one reading of `device`, each with its cause (one of FIELD_CAUSES)."""
        for field, cause in fields:
            self._metrics.fields_dropped.labels(device.type, cause).inc()
            key = (device.type, field)
            if key not in self._logged and len(self._logged) < _MAX_LOGGED:
                self._logged.add(key)
                _log.warning("field dropped", type=device.type, field=field[:200], cause=cause, device_sn=device.sn)
