"""What the pages show of the devices, joined with what the catalogue knows of their fields."""

from collections.abc import Mapping
from dataclasses import replace

from exporter.api.circuit_breaker import CircuitBreaker
from exporter.catalogue.serials import serial_key
from exporter.catalogue.types import DeviceType, FieldInfo
from exporter.clock import Clock
from exporter.polling.readings import Readings
from exporter.polling.status import DeviceStatus, FieldValue


class Overview:
    """The devices' current status; safe to use from any thread. `types` may be replaced at any time."""

    def __init__(
        self, readings: Readings, circuit_breaker: CircuitBreaker, clock: Clock, types: Mapping[str, DeviceType]
    ) -> None:
        self.types = types
        self._readings = readings
        self._circuit_breaker = circuit_breaker
        self._clock = clock

    @property
    def now(self) -> float:
        """Return the Unix time."""
        return self._clock.wall()

    @property
    def suspended(self) -> str | None:
        """Return why the circuit breaker is not closed, None if it is."""
        return self._circuit_breaker.cause

    def devices(self) -> list[DeviceStatus]:
        """Return the status of all devices."""
        return self._readings.statuses()

    def device(self, device_type: str, device_sn: str) -> DeviceStatus | None:
        """Return one device with its reading, None if unknown. Any spelling of its deviceSn finds it."""
        device = self._readings.detail((device_type, serial_key(device_sn)))
        known = self.types.get(device_type)
        if device is None or known is None:
            return None
        fields = [_describe(field, known.fields.get(field.field)) for field in device.fields]
        return replace(device, title=known.title, fields=fields)


def _describe(field: FieldValue, known: FieldInfo | None) -> FieldValue:
    if known is None:
        return field
    word = known.word(field.value)
    return replace(field, word=word[0] if word else None, unit=known.unit, meaning=known.words, evidence=known.evidence.words)
