"""What a value of the config file must be. Values come as text, see yaml.py."""

import re
from typing import Annotated, Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator

from exporter.catalogue.faults import UNKNOWN
from exporter.config.placeholders import has_placeholder, has_quote
from exporter.config.zones import suggest

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smh]?)", re.ASCII)
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}


def duration(value: Any) -> float:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("expected a duration such as 300, 30s, 5m or 1h")
    return float(match[1]) * _SECONDS[match[2]]


def _at_least_a_second(value: float) -> float:
    if value < 1:
        raise ValueError("expected at least 1s")
    return value


def _at_least_an_hour(value: float) -> float:
    if value < 3600 or value % 1:
        raise ValueError("expected whole seconds, at least 1h")
    return value


def _base_url(value: str) -> str:
    expected = "expected an address such as https://host/api/v1, without user, query or fragment"
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        raise ValueError(expected) from None
    plain = not (parts.query or parts.fragment or "@" in parts.netloc or re.search(r"[\s\x00-\x1f]", value))
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain or has_quote(value):
        raise ValueError(expected)
    if has_placeholder(value):
        raise ValueError(f"{expected}; variables are not expanded here")
    return value.rstrip("/")


def _api_path(value: str) -> str:
    path = value.strip("/")
    if not path or re.search(r"[\s?#\\%:\x00-\x1f]", path) or ".." in path.split("/"):
        raise ValueError("expected a path under api.base_url such as pcs/data-last")
    return path


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        near = suggest(value)
        hint = f" (did you mean {near}?)" if near else ""
        raise ValueError(f"expected a time zone's name such as Asia/Bangkok{hint}") from None
    return value


def _serial(value: str) -> str:
    value = value.strip()
    if not value or len(value) > 128:
        raise ValueError("expected a serial number of 1 to 128 characters")
    return value


def _matching(pattern: str, expected: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError(f"expected {expected}")
        return value

    return AfterValidator(check)


Duration = Annotated[float, BeforeValidator(duration)]
Interval = Annotated[Duration, AfterValidator(_at_least_a_second)]
ApiPathText = Annotated[str, AfterValidator(_api_path)]
TypeName = Annotated[str, _matching(r"[a-z][a-z0-9_]*", "a type's name in lower case letters, digits and _")]
Language = Annotated[str, _matching(r"[A-Za-z0-9,;=.* -]+", "a language such as en")]
InfoLabel = Annotated[
    str,
    _matching(
        r"(?!__|(?:deviceSn|type)\Z)[A-Za-z_][A-Za-z0-9_]*",
        "a label's name (letters, digits and _) other than deviceSn and type",
    ),
]
Serial = Annotated[str, AfterValidator(_serial)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
Zone = Annotated[str, AfterValidator(_zone)]
Window = Annotated[Duration, AfterValidator(_at_least_an_hour)]
FaultName = Annotated[
    str, _matching(rf"(?!{UNKNOWN}\Z)[a-z][a-z0-9_]*", f"a name in lower case letters, digits and _ other than {UNKNOWN}")
]
