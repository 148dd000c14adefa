"""The config file's schema: its sections, and what each value must be. Values come as text, see yaml.py."""

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from exporter.catalogue.faults import UNKNOWN, Severity
from exporter.catalogue.serials import distinct
from exporter.config.placeholders import has_placeholder, has_quote
from exporter.config.zones import suggest

_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([smh]?)", re.ASCII)
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3600}


def _duration(value: Any) -> float:
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


Duration = Annotated[float, BeforeValidator(_duration)]
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


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ApiSection(_Section):
    """How to reach the API, and how many requests the account allows. Durations in seconds."""

    base_url: Annotated[str, AfterValidator(_base_url)] = "https://www.enerclo-atesspower.com/api/v1"
    token: SecretStr | None = None
    token_file: Path | None = None
    language: Language = "en"
    timeout: Interval = 15.0
    concurrency: Annotated[int, Field(ge=1, le=64)] = 4
    requests_per_minute: Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)] = 60.0
    timezone: Annotated[str, AfterValidator(_zone)] | None = None

    @property
    def zone(self) -> ZoneInfo | None:
        """Return the devices' time zone, or None if it is not known."""
        return ZoneInfo(self.timezone) if self.timezone else None


class PollSection(_Section):
    """How often to poll, and when values are stale, in seconds. Without `stale_after` that depends on the device's interval."""

    interval: Interval = 300.0
    stale_after: Interval | None = None


class DeviceEntry(_Section):
    """A device. In the file, its serial number alone will do. `interval` in seconds."""

    deviceSn: Serial
    interval: Interval | None = None
    info: Mapping[InfoLabel, str] = {}


class FieldEntry(_Section):
    """What a user knows about a field. It becomes the HELP of its metric."""

    meaning: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    unit: Annotated[str, Field(min_length=1, max_length=20)] | None = None
    kind: Literal["instant", "daily_total", "lifetime_total", "status", "identifier", "limit", "timestamp"] = "instant"
    values: Mapping[int, str] | None = None


class NamedBitEntry(_Section):
    """What a user knows about a bit of a fault word."""

    name: Annotated[
        str, _matching(rf"(?!{UNKNOWN}\Z)[a-z][a-z0-9_]*", f"a name in lower case letters, digits and _ other than {UNKNOWN}")
    ]
    severity: Severity
    text: Annotated[str, Field(min_length=1, max_length=500)]


class FaultWordEntry(_Section):
    """How a field holds a fault word; what is not given is as the catalogue has it. `names` are by the bits' numbers."""

    word: Annotated[int, Field(ge=0, le=999)] | None = None
    bits: Annotated[int, Field(ge=1, le=64)] | None = None
    bytes: Literal["in_order", "swapped"] | None = None
    no_data: list[int] | None = None
    group: str | None = None
    names: Mapping[int, NamedBitEntry] = {}


class TypeEntry(_Section):
    """A type's paths under the base URL (`path` is that of the latest reading), its fields, and its fault words by their fields.

    A field whose entry is None holds no fault word.
    """

    path: ApiPathText | None = None
    history_path: ApiPathText | None = None
    list_path: ApiPathText | None = None
    settings_path: ApiPathText | None = None
    fields: Mapping[str, FieldEntry] = {}
    faults: Mapping[str, FaultWordEntry | None] = {}


class FieldFilter(_Section):
    """Which fields of a type become series: those whose API name matches a glob of `include` and none of `exclude`.

    For users who pay by the series. Case matters.
    """

    include: list[str] = ["*"]
    exclude: list[str] = []

    def of(self, fields: Mapping[str, int | float]) -> Mapping[str, int | float]:
        """Return those of `fields` that the filter keeps."""
        if "*" in self.include and not self.exclude:
            return fields
        return {name: value for name, value in fields.items() if self._matches(name)}

    def _matches(self, name: str) -> bool:
        included = any(fnmatchcase(name, pattern) for pattern in self.include)
        return included and not any(fnmatchcase(name, pattern) for pattern in self.exclude)


EVERYTHING: Final = FieldFilter()


class DiscoverySection(_Section):
    """Discovery: the data loggers, how often to read their lists (seconds), and for which types (None: all that have a list)."""

    datalog_sns: Annotated[list[Serial], Field(min_length=1), AfterValidator(distinct)]
    interval: Interval = 3600.0
    types: Annotated[list[TypeName], Field(min_length=1)] | None = None


class SettingsSection(_Section):
    """Settings: how often to read them (seconds), and of which types (None: all that have settings)."""

    interval: Interval = 21600.0
    types: Annotated[list[TypeName], Field(min_length=1)] | None = None


class HistorySection(_Section):
    """The size of a request for history: the time that it spans (seconds), and the rows of a page."""

    window: Annotated[Duration, AfterValidator(_at_least_an_hour)] = 604800.0
    page_size: Annotated[int, Field(ge=1, le=1000)] = 100


def _as_entry(value: Any) -> Any:
    return {"deviceSn": value} if isinstance(value, str) else value


DeviceLists = Mapping[str, list[Annotated[DeviceEntry, BeforeValidator(_as_entry)]]]


class ConfigFile(_Section):
    """The whole config file."""

    api: ApiSection = ApiSection()
    poll: PollSection = PollSection()
    devices: DeviceLists = {}
    device_files: list[str] = []
    discovery: DiscoverySection | None = None
    settings: SettingsSection | None = None
    history: HistorySection = HistorySection()
    fields: Mapping[TypeName, FieldFilter] = {}
    types: Mapping[TypeName, TypeEntry] = {}


class DeviceFile(_Section):
    """A file of device lists."""

    devices: DeviceLists
