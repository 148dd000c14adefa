"""Serial numbers, whose spelling varies."""

from collections.abc import Iterable


def serial_key(sn: str) -> str:
    """Return the same key for all spellings of a serial number: letter case and the space around it do not matter."""
    return sn.strip().casefold()


def distinct(serials: Iterable[str]) -> list[str]:
    """Return each serial number once, in its first spelling and in order."""
    found: dict[str, str] = {}
    for sn in serials:
        found.setdefault(serial_key(sn), sn)
    return list(found.values())
