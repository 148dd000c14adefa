"""What an answer ought to give and how a page ought to look, worked out apart from the exporter's own reading of both.

Numbers are judged by how they are spelled in the answer, so a value that changes on its way to the page is seen.
"""

import json
import math
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.api.client import MAX_ANSWER, TOO_FREQUENT
from exporter.api.errors import ApiError, InvalidPayload, NotFound, RateLimited, Unauthorized
from exporter.api.reading import MAX_FIELDS, InvalidReadingError
from exporter.catalogue.kinds import IDENTITY_FIELDS

Fields = dict[str, int | float]
#: A sample's metric and the text of its labels.
Key = tuple[str, str]

_LARGEST: Final = int(sys.float_info.max)
_MOST_DIGITS: Final = sys.get_int_max_str_digits()
_NUMBER_TEXT: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_LONGEST_TEXT: Final = 400
_TIME_OF_DAY: Final = re.compile(r"((?:0|1)?[0-9]|2[0-4]):([0-5][0-9])(?::([0-5][0-9]))?")
_DAY: Final = 86400
_CODE_TEXT: Final = re.compile(r"-?[0-9]+")
_CODE_WORDS: Final = ("status", "state", "code", "word", "flag", "mode", "model")
_IDENTITY_WORDS: Final = ("uuid", "guid", "imei", "imsi", "iccid", "barcode", "serial")
_SERIAL_NUMBERS: Final = tuple(f"serial{between}{end}" for between in ("", "_") for end in ("no", "nr", "num", "number"))
_LONGEST_NAME: Final = 200

_ERRORS: Final[Mapping[int, type[Exception]]] = {
    401: Unauthorized,
    403: Unauthorized,
    400: NotFound,
    429: RateLimited,
    TOO_FREQUENT: RateLimited,
}
_ENVELOPE_CODE_TEXT: Final = re.compile(r"[+-]?[0-9]+")

_HELP: Final = re.compile(r'# HELP (atess_[a-zA-Z0-9_]+) (?:[^"\\]|\\[\\n])+')
_SAMPLE: Final = re.compile(
    r'(atess_[a-zA-Z0-9_]+)\{(deviceSn="(?:[^"\\]|\\[\\n"])*",type="[a-z_]+"(?:,[a-z]+="(?:[^"\\]|\\[\\n"])*")*)\} '
    r"(-?[0-9]+(?:\.[0-9]+)?(?:e[+-][0-9]+)?)"
)


class _Whole(str):
    """A JSON integer as it is spelled."""

    __slots__ = ()


class _Fraction(str):
    """A JSON number with a fraction or an exponent as it is spelled."""

    __slots__ = ()


def _whole(text: str) -> _Whole:
    if len(text) - text.startswith("-") > _MOST_DIGITS:
        raise ValueError
    return _Whole(text)


_DECODER: Final = json.JSONDecoder(parse_int=_whole, parse_float=_Fraction, parse_constant=lambda text: None)


def expected(body: bytes, device_sn: str) -> Fields | type[Exception]:
    """The numbers that `body` has for the device, or the error that must come instead."""
    data = _data(body, device_sn)
    if isinstance(data, type):
        return data
    fields = _numbers(data)
    return fields if 0 < len(fields) <= MAX_FIELDS else InvalidReadingError


def expected_settings(body: bytes, device_sn: str) -> Fields | type[Exception]:
    """The same for the settings in `body`: numbers and times of day, in any order."""
    data = _data(body, device_sn)
    if isinstance(data, type):
        return data
    times = {
        f"setting_{name}_seconds": seconds
        for name, value in data.items()
        if not _is_identity(name)
        and type(value) is str
        and (match := _TIME_OF_DAY.fullmatch(value))
        and (seconds := int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3] or 0)) <= _DAY
    }
    gauges = times | {f"setting_{name}": number for name, number in _numbers(data).items()}
    return gauges if len(gauges) <= MAX_FIELDS else InvalidReadingError


def _data(body: bytes, device_sn: str) -> dict[str, Any] | type[Exception]:
    """The device's data in an answer, or the error that must come instead."""
    if len(body) > MAX_ANSWER:
        return InvalidPayload
    try:
        envelope = _DECODER.decode(body.decode(json.detect_encoding(body), "surrogatepass"))
    except (ValueError, RecursionError):
        return InvalidPayload
    code = _code(envelope.get("code")) if type(envelope) is dict else None
    if code is None:
        return InvalidPayload
    if code not in (0, 200):
        return _ERRORS.get(code, ApiError)
    data = envelope.get("data")
    if type(data) is not dict:
        return InvalidReadingError
    answered_for = data.get("deviceSn")
    another = type(answered_for) is str and answered_for.strip().casefold() != device_sn.strip().casefold()
    return InvalidReadingError if another else data


def _code(value: Any) -> int | None:
    """The whole number that an envelope's code is, as a number or as text."""
    if type(value) is _Fraction:
        return int(float(value)) if float(value).is_integer() else None
    if type(value) is str and (
        not _ENVELOPE_CODE_TEXT.fullmatch(value.strip()) or len(value.strip().lstrip("+-")) > _MOST_DIGITS
    ):
        return None
    return int(value) if type(value) in (_Whole, str) else None


def _numbers(data: Mapping[str, Any]) -> Fields:
    return {
        name: number
        for name, value in data.items()
        if not _is_identity(name)
        and not (_is_code(name) and type(value) is str and not _CODE_TEXT.fullmatch(value))
        and (number := _number(value)) is not None
    }


def _is_identity(name: str) -> bool:
    """Whether a field says which device or when: an id, a serial number, or one of the few others."""
    if name in IDENTITY_FIELDS:
        return True
    if len(name) > _LONGEST_NAME:
        return False
    low, head, tail = name.lower(), name[:-2], name[-2:]
    if tail.lower() in ("sn", "id") and (not head or head[-1] == "_"):
        return True
    if tail.lower() in ("sn", "id") and tail[0].isupper() and head[-1].isascii() and (head[-1].islower() or head[-1].isdigit()):
        return True
    return low.endswith((*_IDENTITY_WORDS, *_SERIAL_NUMBERS))


def _is_code(name: str) -> bool:
    """Whether a field's name ends in the word for a code, or is that for an alarm or a fault, with a number or without."""
    stem = name.lower().rstrip("0123456789").removesuffix("_")
    stems = (stem, stem.removesuffix("s"))
    return len(name) <= _LONGEST_NAME and any(
        one.endswith(_CODE_WORDS) or one in ("alarm", "fault", "error", "warning") for one in stems
    )


def _number(value: Any) -> int | float | None:
    kind = type(value)
    if kind is bool:
        return int(value)
    if kind is str:
        if len(value) > _LONGEST_TEXT or not _NUMBER_TEXT.fullmatch(value):
            return None
    elif kind is not _Whole and kind is not _Fraction:
        return None
    return spelled(value)


def spelled(text: str) -> int | float | None:
    """The number that `text` spells, whole numbers exactly; None beyond the range of a double."""
    if "." in text or "e" in text or "E" in text:
        number = float(text)
        return number if math.isfinite(number) else None
    whole = int(text)
    return whole if -_LARGEST <= whole <= _LARGEST else None


@lru_cache(maxsize=256)
def read_page(page: bytes) -> Mapping[Key, str]:
    """The samples of a page with their values' text, in the page's order.

    Stricter than the parsers: names in order, each family once, headed by HELP and TYPE and never empty, no sample twice.
    Cached, because every world begins with the same page.
    """
    lines = page.decode().split("\n")
    assert lines.pop() == "", "the last line is not ended"
    found: dict[Key, str] = {}
    family = ""
    samples = 1
    awaiting_type = False
    for line in lines:
        if awaiting_type:
            assert line == f"# TYPE {family} gauge", line
            awaiting_type = False
        elif line.startswith("#"):
            header = _HELP.fullmatch(line)
            assert header, line
            assert samples, f"{family} has no sample"
            assert header[1] > family, f"{header[1]} after {family}"
            family = header[1]
            samples = 0
            awaiting_type = True
        else:
            sample = _SAMPLE.fullmatch(line)
            assert sample, line
            metric, labels, value = sample.groups()
            assert metric == family, f"{metric} among {family}"
            assert (metric, labels) not in found, f"twice on the page: {line}"
            assert math.isfinite(float(value)), line
            found[metric, labels] = value
            samples += 1
    assert samples, f"{family} has no sample"
    return found


def check_with_parsers(page: bytes, found: Mapping[Key, str], labels: Mapping[str, Mapping[str, str]]) -> None:
    """Prometheus' own parsers read the page as read_page did; `labels` has what each text of labels means."""
    text = page.decode()
    openmetrics = _plain(parse_openmetrics(text + "# EOF\n"))  # type: ignore[no-untyped-call, unused-ignore]
    assert openmetrics == _plain(parse_text(text))
    samples = [sample for _, kind, _, samples in openmetrics for sample in samples if kind == "gauge"]
    assert samples == [(metric, labels[key], spelled(value)) for (metric, key), value in found.items()]


def _plain(families: Any) -> list[tuple[str, str, str, list[tuple[str, Mapping[str, str], float]]]]:
    def samples(family: Metric) -> list[tuple[str, Mapping[str, str], float]]:
        return [(sample.name, sample.labels, sample.value) for sample in family.samples]

    return [(family.name, family.type, family.documentation, samples(family)) for family in families]
