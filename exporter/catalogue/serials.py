"""Serial numbers: when two of them are one."""

from collections.abc import Iterable


def serial_key(sn: str) -> str:
    """Return what all spellings of a serial number have in common.

    Clouds, labels on devices and people differ in letter case and in the space around it.
    """
    return sn.strip().casefold()


def distinct(serials: Iterable[str]) -> list[str]:
    """Return the serial numbers in their order, each once and in its first spelling."""
    found: dict[str, str] = {}
    for sn in serials:
        found.setdefault(serial_key(sn), sn)
    return list(found.values())
