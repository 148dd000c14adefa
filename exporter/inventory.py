"""The cloud's list of the devices of a data logger."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from exporter.reading import InvalidReadingError

#: Characters of a serial number or version that are believed.
_LONGEST: Final = 128


@dataclass(frozen=True, slots=True)
class Listing:
    """A device as the list of its data logger has it. `lost` means offline; None where the list does not say."""

    type: str
    sn: str
    datalog_sn: str
    firmware: str | None
    lost: bool | None

    @property
    def key(self) -> tuple[str, str]:
        return (self.type, self.sn)

    @property
    def info(self) -> Mapping[str, str]:
        """What the list adds to the labels of atess_device_info."""
        return {"datalogSn": self.datalog_sn} | ({"firmwareVersion": self.firmware} if self.firmware else {})


def read_listing(data: Any, device_type: str, datalog_sn: str) -> list[Listing]:
    """The devices of type `device_type` in a list's `data`, an array of objects (documented on the vendor's BCU list).

    Raises InvalidReadingError unless all of it can be understood: half a list would look as if the other devices were gone.
    """
    if not isinstance(data, list):
        raise InvalidReadingError("the list of a data logger's devices is not a list")
    return [_listing(entry, device_type, datalog_sn) for entry in data]


def _listing(entry: Any, device_type: str, datalog_sn: str) -> Listing:
    sn = entry.get("deviceSn") if isinstance(entry, dict) else None
    if not isinstance(sn, str) or not sn.strip() or len(sn) > _LONGEST:
        raise InvalidReadingError("the list of a data logger's devices has an entry without a serial number")
    firmware = entry.get("firmwareVersion")
    lost = entry.get("lost")
    return Listing(
        device_type,
        sn,
        datalog_sn,
        firmware[:_LONGEST] if isinstance(firmware, str) and firmware else None,
        lost if isinstance(lost, bool) else None,
    )
