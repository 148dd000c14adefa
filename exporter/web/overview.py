"""What the pages show of the devices, joined with what the catalogue knows of their fields."""

from collections.abc import Mapping

from exporter.api.circuit_breaker import CircuitBreaker
from exporter.catalogue.serials import serial_key
from exporter.catalogue.types import DeviceType, FieldInfo
from exporter.clock import Clock
from exporter.polling.scheduler import Scheduler
from exporter.polling.status import DeviceDetail, FieldText, FieldValue, Fleet


class Overview:
    """The devices' current status; safe to use from any thread. `types` may be replaced at any time."""

    def __init__(
        self, scheduler: Scheduler, circuit_breaker: CircuitBreaker, clock: Clock, types: Mapping[str, DeviceType]
    ) -> None:
        self.types = types
        self._scheduler = scheduler
        self._circuit_breaker = circuit_breaker
        self._clock = clock

    def fleet(self) -> Fleet:
        """Return the status of all devices."""
        return Fleet(self._clock.wall(), self._suspended, self._scheduler.statuses())

    def device(self, device_type: str, device_sn: str) -> DeviceDetail | None:
        """Return one device with its reading, None if unknown. Any spelling of its deviceSn finds it."""
        found = self._scheduler.detail((device_type, serial_key(device_sn)))
        known = self.types.get(device_type)
        if found is None or known is None:
            return None
        device, detail = found
        return DeviceDetail(
            at=self._clock.wall(),
            suspended=self._suspended,
            status=detail.status,
            title=known.title,
            path=device.path,
            path_evidence=device.evidence.words,
            error=detail.error,
            fields=[_field_value(known.fields.get(name), name, metric, value) for name, metric, value in detail.reading],
            texts=[FieldText(name, text) for name, text in detail.texts],
            polls=detail.polls,
        )

    @property
    def _suspended(self) -> str | None:
        return self._circuit_breaker.cause


def _field_value(known: FieldInfo | None, name: str, metric: str | None, value: int | float) -> FieldValue:
    if known is None:
        return FieldValue(name, metric, value)
    word = known.values.get(int(value)) if known.values and value == int(value) else None
    return FieldValue(name, metric, value, word, known.unit, known.words, known.evidence.words)
