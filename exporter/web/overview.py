"""What the pages show of the devices, joined with what the catalogue knows of their fields."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from exporter.api.circuit_breaker import CircuitBreaker
from exporter.catalogue.serials import serial_key
from exporter.catalogue.types import SECONDS_SUFFIX, SETTING_PREFIX, STATE_FIELD, DeviceType, FieldInfo
from exporter.clock import Clock
from exporter.config.sharding import WHOLE, Shard
from exporter.polling.readings import Readings
from exporter.polling.status import DeviceStatus, FieldValue
from exporter.polling.zone_watch import ZoneFit


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
        shard: Shard = WHOLE,
    ) -> None:
        self.types = types
        self.shard = shard
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

    @property
    def suspension_remedy(self) -> str | None:
        """Return what to do about that, None if it is closed."""
        return self._readings.suspension_remedy

    @property
    def zone_fit(self) -> ZoneFit:
        """Return how the zone of the config fits the readings' own times."""
        return self._readings.zone_fit()

    def devices(self) -> list[DeviceStatus]:
        """Return the status of all devices."""
        states = {name: known.describe(STATE_FIELD) for name, known in self.types.items()}
        devices = self._readings.statuses()
        for device in devices:
            if device.running_state:
                device.running_state = replace(device.running_state, known=states.get(device.type))
        return devices

    def device(self, device_type: str, device_sn: str) -> DeviceStatus | None:
        """Return one device with its reading, None if unknown. Any spelling of its deviceSn finds it."""
        key = (device_type, serial_key(device_sn))
        device = self._readings.detail(key)
        known = self.types.get(device_type)
        if device is None or known is None:
            return None
        fields = [replace(field, known=known.describe(field.field)) for field in device.fields]
        settings = [_setting(FieldValue(*shown), known.settings) for shown in self._settings(key)]
        device = replace(device, title=known.title, fields=fields, settings=settings, powers=known.powers)
        device.running_state = device.value(STATE_FIELD)
        return device


def _setting(shown: FieldValue, known: Mapping[str, FieldInfo]) -> FieldValue:
    """Return a setting by the name that the API has for it; a time of day with the text that it was."""
    name = shown.field.removeprefix(SETTING_PREFIX)
    text = None
    if name.endswith(SECONDS_SUFFIX):
        name = name.removesuffix(SECONDS_SUFFIX)
        hours, minutes = divmod(int(shown.value) // 60, 60)
        text = f"{hours:02}:{minutes:02}"
    return replace(shown, field=name, known=known.get(name), text=text)
