"""Format times, durations, numbers and the URLs of devices for the templates."""

from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

#: Doubles represent every whole number below this.
_EXACT: Final = 2**53

_STEPS: Final = ((86400.0, "d", 3600.0, "h"), (3600.0, "h", 60.0, "min"), (60.0, "min", 1.0, "s"))


def span(seconds: float) -> str:
    """Return a duration (in seconds) in at most two units: `21 ms`, `4.5 s`, `3 min 20 s`, `2 h`."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{round(seconds, 2):g} s"
    rounded = round(seconds)
    for size, unit, next_size, next_unit in _STEPS:
        if rounded >= size:
            whole, rest = divmod(rounded, size)
            part = int(rest // next_size)
            return f"{whole:.0f} {unit}" + (f" {part} {next_unit}" if part else "")
    return f"{rounded} s"


def number(value: int | float) -> str:
    """Return a value as people write it: a whole number without a fraction."""
    return str(int(value)) if abs(value) < _EXACT and value == int(value) else repr(value)


def short(value: int | float) -> str:
    """Return a value with at most four digits behind the point, or four digits in all below 1: for people to read."""
    if isinstance(value, int) or abs(value) >= _EXACT:
        return number(value)
    return number(round(value, 4) if abs(value) >= 1 else float(f"{value:.4g}"))


def ago(seconds: float) -> str:
    """Return how many seconds ago something was, or will be if negative, in one unit: `3 min ago`, `in 2 h`."""
    distance = abs(seconds)
    if distance < 0.5:
        return "now"
    for size, unit, _, _ in _STEPS:
        if distance >= size * 1.5:
            text = f"{distance / size:.0f} {unit}"
            break
    else:
        text = f"{distance:.0f} s"
    return f"{text} ago" if seconds >= 0 else f"in {text}"


def utc(at: float) -> str:
    """Return a Unix time as date and time of day; empty if it is out of datetime's range."""
    return _format(at, "%Y-%m-%d %H:%M:%S UTC")


def iso(at: float) -> str:
    """Return a Unix time for HTML's time element; empty if it is out of datetime's range."""
    return _format(at, "%Y-%m-%dT%H:%M:%SZ")


def device_url(device_type: str, device_sn: str) -> str | None:
    """Return the URL of a device's page; None for `.` and `..`, which browsers resolve as folders even if escaped."""
    if device_sn in (".", ".."):
        return None
    return f"/devices/{device_type}/{quote(device_sn, safe='', errors='surrogatepass')}"


def _format(at: float, form: str) -> str:
    try:
        return format(datetime.fromtimestamp(at, UTC), form)
    except (ValueError, OverflowError, OSError):
        return ""
