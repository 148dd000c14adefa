"""Raw answers -> readings: which fields are numbers, what they are called as metrics, and when they were taken.

Knows nothing of HTTP. Values are passed on exactly as the API gave them, never corrected, converted or filled in.
"""

import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final

#: Numeric fields that one device may have; the richest documented answer has 76, the sibling platform's some 120.
MAX_FIELDS: Final = 512

#: Characters of a field's name that are still taken for a name; the longest documented one has 41.
MAX_NAME: Final = 120

#: Fields that say which device or when, not how much: left out even where they look like numbers.
IDENTITY_FIELDS: Final = frozenset({"deviceSn", "dataLogSn", "datalogSn", "time", "selfTime", "updateTime", "firmwareVersion"})

_DECIMAL: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_DIGIT: Final = re.compile(r"\d", re.ASCII)
_FRACTION: Final = re.compile(r"[.eE]")
_NAME: Final = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
#: Characters of a number given as text; the largest finite double has 309 digits.
_LONGEST_NUMBER: Final = 400

_LARGEST: Final = int(sys.float_info.max)

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)

_WORD_START: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class InvalidReadingError(ValueError):
    """The data are no reading of the device that was asked for."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one device measured at one moment.

    `fields` maps the API's field names to finite numbers; `time` is the device's own wall-clock text, None if it has none.
    """

    fields: Mapping[str, int | float]
    time: str | None


def read(data: object, device_sn: str) -> Reading:
    """The reading in an answer's `data`.

    Raises InvalidReadingError where there is none: not an object, another device's, no number in it, or more than MAX_FIELDS.
    """
    answer = fields_of(data, device_sn)
    fields: dict[str, int | float] = {}
    for name, value in answer.items():
        number = numeric(value)
        if number is not None and name not in IDENTITY_FIELDS:
            fields[name] = number
    if not fields:
        raise InvalidReadingError("no field of the data is a number")
    if len(fields) > MAX_FIELDS:
        raise InvalidReadingError(f"the data have {len(fields)} numeric fields, more than {MAX_FIELDS}")
    time = answer.get("time")
    # a word such as "none" is no time, and that it never changes says nothing
    return Reading(fields, time if isinstance(time, str) and _DIGIT.search(time) else None)


def fields_of(data: object, device_sn: str) -> dict[str, Any]:
    """The raw fields in an answer's `data`. Raises InvalidReadingError where they are no object, or another device's."""
    if not isinstance(data, dict):
        raise InvalidReadingError(f"the data are {_kind(data)}, not an object of fields")
    answered_for = data.get("deviceSn")
    if isinstance(answered_for, str) and answered_for.strip().casefold() != device_sn.strip().casefold():
        raise InvalidReadingError("the data are those of another device")
    return data


def numeric(value: Any) -> int | float | None:
    """`value` as a number: a finite JSON number, a boolean as 0 or 1, or text that is wholly a finite decimal number."""
    kind = type(value)
    if kind is str:
        if len(value) > _LONGEST_NUMBER or not _DECIMAL.fullmatch(value):
            return None
        value = float(value) if _FRACTION.search(value) else int(value)
        kind = type(value)
    if kind is float:
        return value if math.isfinite(value) else None
    if kind is int:
        # beyond a double's range a sample would be infinite
        return value if -_LARGEST <= value <= _LARGEST else None
    return int(value) if kind is bool else None


def metric_name(field: str) -> str | None:
    """The metric that holds `field`: its name in snake_case behind `atess_`; None where that cannot be a metric's name.

    Letters are only lowered and parted, so the API's spelling stays recognisable.
    """
    if len(field) > MAX_NAME or not _NAME.fullmatch(field):
        return None
    return "atess_" + _WORD_START.sub("_", field).lower()


def wall_clock(time: str) -> datetime | None:
    """What a reading's own `YYYY-MM-DD HH:MM:SS` says, without a zone; None if it is not of that form."""
    try:
        # the usual form, read many times faster
        return datetime.fromisoformat(time) if _TIME.fullmatch(time) else datetime.strptime(time, "%Y-%m-%d %H:%M:%S")
    except ValueError:
        return None


def timestamp(time: str, zone: tzinfo) -> float | None:
    """Unix time in seconds of a reading's own `YYYY-MM-DD HH:MM:SS` in `zone`; None if it is not of that form.

    An hour that occurs twice at a clock change is taken for its first occurrence.
    """
    local = wall_clock(time)
    try:
        return local.replace(tzinfo=zone).timestamp() if local else None
    except (ValueError, OverflowError):
        return None


def _kind(data: object) -> str:
    if data is None:
        return "null"
    return "a list" if isinstance(data, list) else "a single value"
