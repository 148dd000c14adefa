"""Fields that devices send and that nobody has described: counted, and each logged once."""

import threading
from collections.abc import Iterable, Mapping
from typing import Final

import structlog

from exporter.catalogue.kinds import IDENTITY_FIELDS
from exporter.catalogue.types import Device, DeviceType
from exporter.metrics.self_metrics import SelfMetrics

_log = structlog.get_logger()

#: Fields of a type that are counted. A device that keeps sending new names is counted no more after that.
_MAX_COUNTED: Final = 200


class UnknownFields:
    """Counts and logs the fields that neither the catalogue nor the config describes. Safe to use from several threads."""

    def __init__(self, metrics: SelfMetrics) -> None:
        self._metrics = metrics
        self._known: Mapping[str, frozenset[str]] = {}
        self._found: dict[str, set[str]] = {}
        self._lock = threading.Lock()

    def configure(self, types: Mapping[str, DeviceType]) -> None:
        """Go by what is known of these types; what is described by now is counted no longer."""
        with self._lock:
            self._known = {name: known.known_fields | IDENTITY_FIELDS for name, known in types.items()}
            for device_type, found in self._found.items():
                found -= self._known.get(device_type, frozenset())
                self._metrics.fields_unknown.labels(device_type).set(len(found))

    def report(self, device: Device, fields: Iterable[str]) -> None:
        """Count and log those of a reading's `fields` that are unknown and were not counted yet."""
        known = self._known.get(device.type, IDENTITY_FIELDS)
        unknown = [field for field in fields if field not in known]
        if not unknown:
            return
        with self._lock:
            found = self._found.setdefault(device.type, set())
            new = [field for field in dict.fromkeys(unknown) if field not in found][: _MAX_COUNTED - len(found)]
            found.update(new)
            self._metrics.fields_unknown.labels(device.type).set(len(found))
        if new:
            names = ", ".join(field[:200] for field in new)
            _log.info("fields that nobody has described", type=device.type, fields=names, device_sn=device.sn)
