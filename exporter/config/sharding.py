"""Which of several exporters polls a device."""

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from exporter.catalogue.serials import serial_key

#: Part of every weight. Changing it would move devices between the shards of every fleet.
_PERSON: Final = b"atess-exporter"

_ORDINAL: Final = re.compile(r"-(\d{1,9})\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `total` exporters that share a fleet and its request budget, numbered from 0."""

    index: int = 0
    total: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.total:
            raise ValueError(f"expected a shard from 0 to {self.total - 1}, got {self.index}")

    def owns(self, device_type: str, device_sn: str) -> bool:
        """Return whether this shard polls the device."""
        return owner(device_type, device_sn, self.total) == self.index


#: The only one.
WHOLE: Final = Shard()


def owner(device_type: str, device_sn: str, total: int) -> int:
    """Return the one of `total` shards that polls the device, whatever the spelling of its serial number.

    Rendezvous hashing: the owner is the shard with the highest weight for the device. When a shard is added, only the devices
    that it takes move.
    """
    if total == 1:
        return 0
    # in capitals, as most serial numbers are written: 0.1.0 hashed them as written, and devices should stay on their shards
    sn = serial_key(device_sn).encode("utf-8", "surrogatepass").upper()
    device = device_type.encode("utf-8", "surrogatepass") + b"\0" + sn
    return max(range(total), key=lambda index: _weight(device, index))


def _weight(device: bytes, index: int) -> bytes:
    return blake2b(device, digest_size=8, salt=index.to_bytes(8, "big"), person=_PERSON).digest()


def ordinal(host_name: str) -> int | None:
    """Return the number at the end of a StatefulSet's host name, such as 2 of `atess-exporter-2`, or None."""
    match = _ORDINAL.search(host_name)
    return int(match[1]) if match else None
