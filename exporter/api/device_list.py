"""The list of a data logger's devices."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from exporter.api.reading import InvalidReadingError
from exporter.catalogue.serials import serial_key

#: Characters that a serial number may have, and that of a version are kept.
_LONGEST: Final = 128

_WORDS: Final = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True, slots=True)
class ListedDevice:
    """A device as the list of its data logger has it. `lost` means offline; None where the list does not say.

    `gone_since` is the Unix time since which no list has it any more; None while one has it.
    """

    type: str
    sn: str
    datalog_sn: str
    firmware: str | None
    lost: bool | None
    gone_since: float | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Return what identifies the device, in whichever spelling."""
        return (self.type, serial_key(self.sn))

    @property
    def info(self) -> Mapping[str, str]:
        """Return what the list adds to the labels of atess_device_info."""
        return {"datalogSn": self.datalog_sn} | ({"firmwareVersion": self.firmware} if self.firmware else {})


def read_listing(data: Any, device_type: str, datalog_sn: str) -> list[ListedDevice]:
    """Return the devices of type `device_type` in a list's `data`, which is an array of objects (vendor's BCU list) or null.

    Raises InvalidReadingError unless every entry can be read: half a list would look as if the other devices were gone.
    """
    if data is None:
        return []
    if not isinstance(data, list):
        raise InvalidReadingError("the list of a data logger's devices is not a list")
    return [_listing(entry, device_type, datalog_sn) for entry in data]


def _listing(entry: Any, device_type: str, datalog_sn: str) -> ListedDevice:
    sn = entry.get("deviceSn") if isinstance(entry, dict) else None
    sn = sn.strip() if isinstance(sn, str) else ""
    if not sn or len(sn) > _LONGEST:
        raise InvalidReadingError("the list of a data logger's devices has an entry without a serial number")
    firmware = entry.get("firmwareVersion")
    return ListedDevice(
        device_type,
        sn,
        datalog_sn,
        firmware[:_LONGEST] if isinstance(firmware, str) and firmware else None,
        _lost(entry.get("lost")),
    )


def _lost(value: Any) -> bool | None:
    """Read what a list says of being offline: a boolean (documented), or one written as a number or as text."""
    if isinstance(value, str):
        return _WORDS.get(value.strip().casefold())
    return bool(value) if isinstance(value, bool | int | float) and value in (0, 1) else None
