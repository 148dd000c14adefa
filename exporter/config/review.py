"""What is valid in a config, but hardly meant: warnings, each as one line with its place."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from exporter.catalogue.serials import serial_key
from exporter.catalogue.types import Device

_KEY: Final = re.compile(r"(?:deviceSn|dataLogSn|sn|serial)\s*[:=]", re.IGNORECASE)
_DASH: Final = re.compile(r"\s-")
_ODD: Final = {":": "a colon", "'": "a quote", '"': "a quote", "=": "an equals sign"}


def review_serial(sn: str) -> str | None:
    """Return what is odd about a serial number, None if nothing is."""
    if _KEY.match(sn):
        return "begins with a key; put a space after the colon, or give the serial number alone"
    if "," in sn or ";" in sn:
        return "looks like several serial numbers; give each a line of its own"
    if _DASH.search(sn):
        return "looks like several lines that became one; indent their dashes alike, with a space after each"
    if re.search(r"\s", sn):
        return "has a space in it; give each serial number a line of its own"
    found = next((words for character, words in _ODD.items() if character in sn), None)
    return f"has {found} in it, which is hardly part of it" if found else None


def review_devices(devices: Iterable[Device], places: Mapping[tuple[str, str], str]) -> list[str]:
    """Return warnings about serial numbers; `places` says where each device is listed first, by its key."""
    found = []
    types: dict[str, Device] = {}
    for device in devices:
        if odd := review_serial(device.sn):
            found.append(f"{places[device.key]}: deviceSn {device.sn!r} {odd}")
        first = types.setdefault(serial_key(device.sn), device)
        if first is not device:
            other = f"{first.type} too (at {places[first.key]})"
            found.append(f"{places[device.key]}: deviceSn {device.sn!r} is listed under {device.type}, and under {other}")
    return found


def review_token(token: str) -> str | None:
    """Return what is odd about a token, without any part of it; None if nothing is."""
    if token.casefold() in ("basic", "bearer"):
        return "is the word before a token alone; give both, with a space between"
    if token.casefold().startswith("authorization:"):
        return "begins with the name of the header; give only what comes after it"
    return None
