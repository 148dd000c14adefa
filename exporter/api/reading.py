"""Raw answers -> readings: which fields are numbers, and when they were taken.

Knows nothing of HTTP. Values are passed on exactly as the API gave them, never corrected, converted or filled in.
"""

import json
import math
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final

from exporter.catalogue.kinds import BY_NAME, Kind, Kinds
from exporter.catalogue.serials import serial_key
from exporter.logs import printable

#: Numeric fields that one device may have; the richest documented answer has 76, the sibling platform's some 120.
MAX_FIELDS: Final = 512

#: Fields whose text is kept to be shown, and the characters of each that are.
MAX_TEXTS: Final = 64
MAX_TEXT: Final = 200

_DECIMAL: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_WHOLE: Final = re.compile(r"-?\d+", re.ASCII)
_DIGIT: Final = re.compile(r"\d")
_FRACTION: Final = re.compile(r"[.eE]")
#: Characters of a number given as text; the largest finite double has 309 digits.
_LONGEST_NUMBER: Final = 400

_LARGEST: Final = int(sys.float_info.max)

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
#: ISO 8601, extended or basic, and the same with a blank instead of the T, with slashes, and without leading zeros.
_MOMENT: Final = re.compile(
    r"(\d{4}(?:([-/])\d\d?\2\d\d?|\d{4}))(?:[Tt]| +)"
    r"(\d\d?:\d\d?(?::\d\d?(?:(?<=\d\d)[.,]\d+)?)?|\d{4}(?:\d\d(?:[.,]\d+)?)?)"
    r"(?: ?([Zz]|[+-]\d\d(?::?[0-5]\d)?))?",
    re.ASCII,
)
_MIDNIGHT: Final = re.compile(r"24:?00?(?::?00?(?:[.,]0*)?)?")
_LONE_DIGIT: Final = re.compile(r"(?<![\d.,])\d(?!\d)")
#: Characters of the longest text that _MOMENT is tried on.
_LONGEST_TIME: Final = 60
#: Clocks that were never set show a year before these, and texts that only look like a time show any.
_PLAUSIBLE_YEARS: Final = range(2001, 2100)

_NUMBER: Final = Kind.NUMBER
_CODE: Final = Kind.CODE

#: These stand above the fields on a device's page.
_SHOWN_ELSEWHERE: Final = frozenset({"deviceSn", "time"})

#: The error for data without any numeric field.
NO_NUMBER: Final = "no field of the data is a number"


class InvalidReadingError(ValueError):
    """The data are no reading of the device."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one device measured at one moment.

    `fields` maps the API's field names to finite numbers. `time` is the device's own time as text to show, None if it has none
    or only a word; `unread_time` is that text where it is there but says nothing about when. `whole` stands for all that was
    answered where `time` is no calendar time. `texts` are fields without a number and the text that they have instead, at most
    MAX_TEXTS, each spelled out in printable characters and no longer than MAX_TEXT.
    """

    fields: Mapping[str, int | float]
    time: str | None
    unread_time: str | None = None
    whole: int | None = None
    texts: tuple[tuple[str, str], ...] = ()

    @property
    def mark(self) -> str | int | None:
        """Return a value that changes when the reading moves; None where nothing can be said of that.

        A device's clock moves even when it measures the same again, so its time decides alone. Where there is none to go by,
        the whole answer must stand still before the device counts as offline.
        """
        return self.time if self.whole is None else self.whole


def read(data: object, device_sn: str, kinds: Kinds = BY_NAME, hide: Callable[[str], str] = str) -> Reading:
    """Return the reading in an answer's `data`; `kinds` are those of the fields of its type, `hide` takes secrets out of a text.

    Raises InvalidReadingError where there is none: not an object, another device's, no number in it, or more than MAX_FIELDS.
    """
    answer = fields_of(data, device_sn)
    fields = numbers(answer, kinds)
    if not fields:
        raise InvalidReadingError(NO_NUMBER)
    if len(fields) > MAX_FIELDS:
        raise InvalidReadingError(f"the data have {len(fields)} numeric fields, more than {MAX_FIELDS}")
    texts = _texts(answer, fields, hide)
    time = answer.get("time")
    if isinstance(time, str) and moment(time):
        return Reading(fields, time, texts=texts)
    if time is None or (isinstance(time, str) and not time.strip()):
        return Reading(fields, None, texts=texts)
    # what is in an object or a list is not shown: quoted again, a secret in it would not be found
    text = _kind(time) if isinstance(time, dict | list) else _shown(time if isinstance(time, str) else json.dumps(time), hide)
    if isinstance(time, str) and not _DIGIT.search(time):
        # a word such as "none" is no time, and that it never changes says nothing
        return Reading(fields, None, text, texts=texts)
    return Reading(fields, text, text, _fingerprint(answer), texts)


def numbers(answer: Mapping[str, Any], kinds: Kinds) -> dict[str, int | float]:
    """Return the fields of `answer` that are numbers, but for identities."""
    found: dict[str, int | float] = {}
    for name, value in answer.items():
        number = numeric(value)
        if number is None:
            continue
        kind = kinds[name]
        if kind is _NUMBER or (kind is _CODE and (type(value) is not str or _WHOLE.fullmatch(value))):
            found[name] = number
    return found


def fields_of(data: object, device_sn: str) -> dict[str, Any]:
    """Return the raw fields in an answer's `data`. Raises InvalidReadingError where they are no object, or another device's."""
    if not isinstance(data, dict):
        raise InvalidReadingError(f"the data are {_kind(data)}, not an object of fields")
    answered_for = data.get("deviceSn")
    if isinstance(answered_for, str) and serial_key(answered_for) != serial_key(device_sn):
        raise InvalidReadingError("the data are those of another device")
    return data


def numeric(value: Any) -> int | float | None:
    """Return the finite number that `value` is, None if it is none; a boolean is 0 or 1, and text may be a decimal number."""
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


def moment(time: str) -> datetime | None:
    """Return what a reading's own time says, with a zone only if it names one; None if it is no calendar time of our day.

    Read are `YYYY-MM-DD HH:MM:SS` and the other forms that ISO 8601 has for a date with a time of day, the vendor's
    documented form among them; 24:00 is the next midnight. Not read is what could mean two days, such as 11/12/2026.
    """
    try:
        # the usual form, read many times faster
        found = datetime.fromisoformat(time) if _TIME.fullmatch(time) else None
    except ValueError:
        found = None
    if found is None and len(time) <= _LONGEST_TIME and (match := _MOMENT.fullmatch(time)):
        try:
            found = _built(match)
        except (ValueError, OverflowError):
            return None
    return found if found is not None and found.year in _PLAUSIBLE_YEARS else None


def _built(match: re.Match[str]) -> datetime:
    """Build the time that _MOMENT found. Raises ValueError or OverflowError where the numbers make none."""
    date, _, time, zone = match.groups("")
    midnight = _MIDNIGHT.fullmatch(time) is not None
    if midnight:
        time = time.replace("24", "00", 1)
    text = _LONE_DIGIT.sub(r"0\g<0>", f"{date.replace('/', '-')}T{time}")
    return datetime.fromisoformat(text + zone.upper()) + timedelta(days=midnight)


def timestamp(time: str, zone: tzinfo, now: float) -> float | None:
    """Return the Unix time in seconds of a reading's own time, in `zone` unless it names another; None if it cannot be read.

    In an hour that occurs twice at a clock change it is the occurrence that lies nearest to `now` (Unix time in seconds).
    """
    found = moment(time)
    return instant(found, zone, now) if found is not None else None


def instant(found: datetime, zone: tzinfo, now: float) -> float | None:
    """Return the Unix time of a moment, as `timestamp` does; None if it is out of datetime's range."""
    try:
        if found.tzinfo is not None:
            return found.timestamp()
        first, second = (found.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1))
    except (ValueError, OverflowError):
        return None
    # where the clock was put forward the second is the earlier one: an hour that does not exist, and is no other's
    return second if second > first and abs(now - second) < abs(now - first) else first


def _texts(answer: Mapping[str, Any], fields: Mapping[str, Any], hide: Callable[[str], str]) -> tuple[tuple[str, str], ...]:
    """Return the fields that have text and no number, each with its text, as they may be shown."""
    found: list[tuple[str, str]] = []
    for name, value in answer.items():
        if type(value) is str and name not in fields and name not in _SHOWN_ELSEWHERE:
            found.append((_shown(name, hide), _shown(value, hide)))
            if len(found) == MAX_TEXTS:
                break
    return tuple(found)


def _shown(text: str, hide: Callable[[str], str]) -> str:
    """Return `text` as it may be shown: without secrets, in printable characters, and cut where it is too long."""
    text = hide(text)
    if len(text) <= MAX_TEXT and text.isprintable():
        return text
    plain = printable(text[: MAX_TEXT + 1])
    return plain if len(plain) <= MAX_TEXT else plain[: MAX_TEXT - 1] + "…"


def _fingerprint(answer: Mapping[str, Any]) -> int:
    """Return a number that changes when anything in the answer does but the order of its fields."""
    return hash(json.dumps(answer, sort_keys=True))


def _kind(data: object) -> str:
    if data is None:
        return "null"
    if isinstance(data, dict):
        return "an object"
    return "a list" if isinstance(data, list) else "a single value"
