"""What every server of the benchmark shows: the same devices, the same 76 fields, the same values."""

from collections.abc import Iterator
from typing import Final

from exporter.catalogue.kinds import IDENTITY_FIELDS
from exporter.catalogue.types import load_catalogue
from exporter.metrics.names import metric_name

TYPE: Final = "pbd"

#: One of these parts of the devices has a new reading at every change: a twentieth, 5 %.
PARTS: Final = 20

#: The API's names of the fields of the type, as many as an answer has numbers.
FIELDS: Final = tuple(name for name in load_catalogue()[TYPE].fields if name not in IDENTITY_FIELDS)[:76]

METRICS: Final = tuple(str(metric_name(field)) for field in FIELDS)


def serial(device: int) -> str:
    """Return the serial number of a device."""
    return f"UMD0D{device:05}"


def reading(device: int, step: int) -> dict[str, float]:
    """Return the fields of a device's reading. No two successive readings share a value.

    The program in Go reckons the same.
    """
    return {field: _value(device * 31 + index * 17 + step * 7, index) for index, field in enumerate(FIELDS)}


def changes(devices: int) -> Iterator[list[tuple[int, int]]]:
    """Yield without end which devices have a new reading, each with its step."""
    change = 0
    while True:
        step, part = divmod(change, PARTS)
        yield [(device, step + 1) for device in range(part, devices, PARTS)]
        change += 1


def _value(seed: int, index: int) -> float:
    number = seed % 10007
    return number if index % 4 == 0 else number / 10
