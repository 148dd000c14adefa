"""What the pages show of the devices, joined with what the catalogue knows of their fields."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from exporter.api.circuit_breaker import CircuitBreaker
from exporter.catalogue.serials import serial_key
from exporter.catalogue.types import SECONDS_SUFFIX, SETTING_PREFIX, DeviceType, FieldInfo
from exporter.clock import Clock
from exporter.polling.readings import Readings
from exporter.polling.status import DeviceStatus, FieldValue


class Overview:
    """The devices' current status; safe to use from any thread. `types` may be replaced at any time.

    `settings` returns those of a device that are shown: each with its name among fields, its metric and its value.
    """

    def __init__(
        self,
        readings: Readings,
        settings: Callable[[tuple[str, str]], Iterable[tuple[str, str | None, int | float]]],
        circuit_breaker: CircuitBreaker,
        clock: Clock,
        types: Mapping[str, DeviceType],
    ) -> None:
        self.types = types
        self._readings = readings
        self._settings = settings
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
        key = (device_type, serial_key(device_sn))
        device = self._readings.detail(key)
        known = self.types.get(device_type)
        if device is None or known is None:
            return None
        fields = [_describe(field, known.fields.get(field.field)) for field in device.fields]
        settings = [_setting(FieldValue(*shown), known.settings) for shown in self._settings(key)]
        return replace(device, title=known.title, fields=fields, settings=settings)


def _describe(field: FieldValue, known: FieldInfo | None) -> FieldValue:
    if known is None:
        return field
    word = known.word(field.value)
    return replace(field, word=word[0] if word else None, unit=known.unit, meaning=known.words, evidence=known.evidence.words)


def _setting(shown: FieldValue, known: Mapping[str, FieldInfo]) -> FieldValue:
    """Return a setting by the name that the API has for it; a time of day with the word that it was."""
    name = shown.field.removeprefix(SETTING_PREFIX)
    if not name.endswith(SECONDS_SUFFIX):
        return _describe(replace(shown, field=name), known.get(name))
    name = name.removesuffix(SECONDS_SUFFIX)
    hours, minutes = divmod(int(shown.value) // 60, 60)
    return replace(_describe(replace(shown, field=name), known.get(name)), word=f"{hours:02}:{minutes:02}", unit="s")
