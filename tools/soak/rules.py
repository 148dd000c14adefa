"""What the exporter must make of an answer, written a second time from its documentation, without a look at its code.

Where the two disagree, one of them is wrong: that is what the soak is for, so nothing here may be imported from the exporter.
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

#: The families about a device. A field that would become one of them is dropped.
ABOUT: Final = frozenset(
    {
        "atess_device_up",
        "atess_device_stale",
        "atess_device_last_success_timestamp_seconds",
        "atess_device_data_timestamp_seconds",
        "atess_device_poll_interval_seconds",
        "atess_device_info",
    }
)
#: The families of the faults, which no field may become either.
FAULT: Final = "atess_device_fault_active"
_FAULTS: Final = "atess_device_faults"
#: How many fault words a type has: sysFaultWord1, sysFaultWord2, ...
_FAULT_WORDS: Final = {"hps_central": 9, "hps_string": 9, "pcs": 8, "pbd": 6}
_OWN: Final = "atess_exporter_"
_IDENTITY: Final = frozenset({"deviceSn", "dataLogSn", "datalogSn", "time", "updateTime", "firmwareVersion"})
_MOST_FIELDS: Final = 512
_LONGEST_NAME: Final = 120
_LONGEST_TEXT: Final = 400
_ID: Final = re.compile("[a-z](Sn|SN|Id|ID)")
_CODE: Final = re.compile("(alarmCode|sysFaultWord)[0-9]+|runModel|status|[A-Za-z]+Status")
_WHOLE: Final = re.compile("-?[0-9]+")
_YEARS: Final = range(2001, 2100)
_OF_NUMBERS: Final = frozenset("0123456789+-.eE")
_OF_NAMES: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")


def usable(data: Mapping[str, object], kind: str, sn: str) -> dict[str, float] | None:
    """Return the samples that an answer for the device must become, by metric, or None if it is not a usable reading."""
    said = data.get("deviceSn")
    # letter case and the space around a serial number do not matter
    if isinstance(said, str) and said.strip().casefold() != sn.casefold():
        return None
    numbers = {name: value for name, raw in data.items() if (value := number(raw)) is not None and _is_value(name, raw)}
    if not 1 <= len(numbers) <= _MOST_FIELDS:
        return None
    samples: dict[str, float] = {}
    for name, value in numbers.items():
        metric = snake_case(name)
        if metric is not None and metric not in ABOUT | {FAULT, _FAULTS} and not metric.startswith(_OWN):
            # of two names that become one metric, the first has it
            samples.setdefault(metric, value)
    return samples | _faults(numbers, _FAULT_WORDS.get(kind, 0))


def _faults(numbers: Mapping[str, float], words: int) -> dict[str, float]:
    """Return a sample for each bit that is set in the fault words, by its code, and their number; none where no word speaks."""
    said = False
    faults: dict[str, float] = {}
    for word in range(1, words + 1):
        value = numbers.get(f"sysFaultWord{word}", -1)
        if 0 <= value <= 0xFFFF and value == int(value):
            said = True
            # the bytes come swapped
            low, high = divmod(int(value), 256)
            bits = 256 * high + low
            faults |= {f"{FAULT} {word}.{bit}": 1.0 for bit in range(16) if bits & 1 << bit}
    return faults | {_FAULTS: float(len(faults))} if said else {}


def _is_value(name: str, raw: object) -> bool:
    """Return whether a field's value becomes a sample: not an identity, and not a code in other than plain digits."""
    if name in _IDENTITY or _ID.search(name[-3:]):
        return False
    return not (isinstance(raw, str) and _CODE.fullmatch(name) and not _WHOLE.fullmatch(raw))


def number(raw: object) -> float | None:
    """Return a finite number, a boolean, or text that is wholly a finite decimal number; nothing else."""
    if isinstance(raw, str) and not (raw and len(raw) <= _LONGEST_TEXT and _OF_NUMBERS.issuperset(raw)):
        return None
    if not isinstance(raw, bool | int | float | str):
        return None
    try:
        value = float(raw)
    except (ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


@lru_cache(maxsize=4096)
def snake_case(name: str) -> str | None:
    """Return `atess_level1_charge_temp_high_warning` for `level1ChargeTEMPHighWarning`, None for what cannot be a name."""
    if not name or len(name) > _LONGEST_NAME or not _OF_NAMES.issuperset(name):
        return None
    parts = ["atess_"]
    for position, letter in enumerate(name):
        before, after = name[position - 1 : position], name[position + 1 : position + 2]
        # a capital begins a word after a small letter or a digit, and as the last capital of a row before a small letter
        starts = letter.isupper() and (before.islower() or before.isdigit() or (before.isupper() and after.islower()))
        parts.append(f"_{letter}" if starts else letter)
    return "".join(parts).lower()


def sign_of_life(data: Mapping[str, object]) -> str | None:
    """Return what changes when the device has moved: its time, or all it sent if that cannot be read, or None if it has none."""
    time = data.get("time")
    if time is None or (isinstance(time, str) and not any(letter.isdigit() for letter in time)):
        return None
    return str(time) if _calendar(time) else json.dumps(data, sort_keys=True)


def unix_time(data: Mapping[str, object], zone: ZoneInfo) -> float | None:
    """Return a reading's own time as Unix time, or None if it cannot be read."""
    local = _calendar(data.get("time"))
    return local.replace(tzinfo=zone).timestamp() if local else None


def _calendar(time: object) -> datetime | None:
    try:
        local = datetime.fromisoformat(time) if isinstance(time, str) else None
    except ValueError:
        return None
    return local if local is not None and local.year in _YEARS else None
