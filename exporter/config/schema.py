"""The config file's schema: its sections and keys. The text under a key is what the documentation says about it."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from exporter.catalogue.faults import Severity
from exporter.catalogue.serials import distinct
from exporter.config.values import (
    ApiPathText,
    BaseUrl,
    FaultName,
    InfoLabel,
    Interval,
    Language,
    Serial,
    TypeName,
    Window,
    Zone,
)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ApiSection(_Section):
    """How to reach the API, and how many requests the account allows. Durations in seconds."""

    base_url: BaseUrl = "https://www.enerclo-atesspower.com/api/v1"
    """The cloud that is asked."""
    token: SecretStr | None = None
    """The token itself. `token_file` is safer."""
    token_file: Path | None = None
    """The file that holds the token, exactly as the vendor gave it, with a first word such as `Basic`. The environment variable
    `ATESS_API_TOKEN` overrides both keys. A relative path is relative to the config file."""
    language: Language = "en"
    """The language of the cloud's messages, sent as `Accept-Language`."""
    timeout: Interval = 15.0
    """How long a whole request may take, from connecting to the last byte."""
    concurrency: Annotated[int, Field(ge=1, le=64)] = 4
    """How many requests may be under way at once, 1 to 64."""
    requests_per_minute: Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)] = 60.0
    """How many requests a minute the exporter may send for this account: polls, retries and probes together."""
    timezone: Zone | None = None
    """The time zone of the devices' clocks, such as `Asia/Bangkok`. Without it there is no
    `atess_device_data_timestamp_seconds`."""

    @property
    def zone(self) -> ZoneInfo | None:
        """Return the devices' time zone, or None if it is not known."""
        return ZoneInfo(self.timezone) if self.timezone else None


class PollSection(_Section):
    """How often to poll, and when values are stale, in seconds. Without `stale_after` that depends on the device's interval."""

    interval: Interval = 300.0
    """How often each device is asked."""
    stale_after: Interval | None = None
    """Values older than this are no longer shown. Default: three intervals of the device, at least `15m`."""


class DeviceEntry(_Section):
    """A device. In the file, its serial number alone will do. `interval` in seconds."""

    deviceSn: Serial
    """The serial number. An entry that is only a serial number needs no key."""
    interval: Interval | None = None
    """An interval for this device. Default: `poll.interval`."""
    info: Mapping[InfoLabel, str] = {}
    """Labels of `atess_device_info`, such as `site`."""


class FieldEntry(_Section):
    """What a user knows about a field. It becomes the HELP of its metric."""

    meaning: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    """What the field means. It becomes the HELP of the metric."""
    unit: Annotated[str, Field(min_length=1, max_length=20)] | None = None
    """The unit, such as `kWh`."""
    kind: Literal["instant", "daily_total", "lifetime_total", "status", "identifier", "limit", "timestamp"] = "instant"
    """`instant`, `daily_total`, `lifetime_total`, `limit`, `timestamp`, `status` or `identifier`. Text counts as a number of the
    last two only if it is plain digits."""
    values: Mapping[int, str] | None = None
    """Words for the numbers of a status."""


class NamedBitEntry(_Section):
    """What a user knows about a bit of a fault word."""

    name: FaultName
    """The label `fault`, in lower case letters, digits and _."""
    severity: Severity
    """`failure`, `fault`, `stop` or `warning`."""
    text: Annotated[str, Field(min_length=1, max_length=500)]
    """What the fault means for the owner."""


class FaultWordEntry(_Section):
    """How a field holds a fault word; what is not given is as the catalogue has it. `names` are by the bits' numbers."""

    word: Annotated[int, Field(ge=0, le=999)] | None = None
    """The number of the word, for the label `code`."""
    bits: Annotated[int, Field(ge=1, le=64)] | None = None
    """How many bits the word has. Default for a new word: `16`."""
    bytes: Literal["in_order", "swapped"] | None = None
    """`in_order` or `swapped`. Default for a new word: `in_order`."""
    no_data: list[int] | None = None
    """Values that say nothing about faults. Default for a new word: `[-1]`."""
    group: str | None = None
    """The group of the catalogue that names the bits: `hps_pcs` or `pbd`."""
    names: Mapping[int, NamedBitEntry] = {}
    """Names of your own, by the number of the bit. 0 is the lowest bit, after the bytes are
    in order."""


class TypeEntry(_Section):
    """A type's paths under the base URL (`path` is that of the latest reading), its fields, and its fault words by their fields.

    A field whose entry is None holds no fault word.
    """

    path: ApiPathText | None = None
    """The path of the latest reading, under `api.base_url`."""
    history_path: ApiPathText | None = None
    """The path of the history, for `backfill`."""
    list_path: ApiPathText | None = None
    """The path of a data logger's devices, for `discovery`."""
    settings_path: ApiPathText | None = None
    """The path of the settings, for `settings`."""
    fields: Mapping[str, FieldEntry] = {}
    """What you know about fields of the type."""
    faults: Mapping[str, FaultWordEntry | None] = {}
    """Which fields hold fault words. A field without an entry behind it holds none."""


class FieldFilter(_Section):
    """Which fields of a type become series: those whose API name matches a glob of `include` and none of `exclude`.

    For users who pay by the series. Case matters.
    """

    include: list[str] = ["*"]
    """Patterns on the API's field names, with `*`, `?` and `[]`. Only fields that match one become series. Case matters."""
    exclude: list[str] = []
    """Patterns of fields that become no series."""

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
    """The serial numbers of the data loggers whose lists are read."""
    interval: Interval = 3600.0
    """How often the lists are read."""
    types: Annotated[list[TypeName], Field(min_length=1)] | None = None
    """The types to look for. Default: all that have a list."""


class SettingsSection(_Section):
    """Settings: how often to read them (seconds), and of which types (None: all that have settings)."""

    interval: Interval = 21600.0
    """How often settings are read."""
    types: Annotated[list[TypeName], Field(min_length=1)] | None = None
    """The types whose settings are read. Default: all that have settings."""


class HistorySection(_Section):
    """The size of a request for history: the time that it spans (seconds), and the rows of a page."""

    window: Window = 604800.0
    """The time that one request of `backfill` spans, at least `1h`."""
    page_size: Annotated[int, Field(ge=1, le=1000)] = 100
    """The rows that one request of `backfill` asks for, 1 to 1000."""


def _as_entry(value: Any) -> Any:
    return {"deviceSn": value} if isinstance(value, str) else value


DeviceLists = Mapping[str, list[Annotated[DeviceEntry, BeforeValidator(_as_entry)]]]


class ConfigFile(_Section):
    """The whole config file."""

    api: ApiSection = ApiSection()
    """How to reach the cloud, and how often."""
    poll: PollSection = PollSection()
    """How often to poll, and when values are stale."""
    devices: DeviceLists = {}
    """The devices, by type."""
    device_files: list[str] = []
    """Files with more devices, as under `devices:`. Paths are relative to the config file; `*`, `?` and `[]` are
    wildcards."""
    discovery: DiscoverySection | None = None
    """Find devices in the lists of data loggers. Default: off."""
    settings: SettingsSection | None = None
    """Read the settings of devices too. Default: off."""
    history: HistorySection = HistorySection()
    """How much one request of `backfill` asks for."""
    fields: Mapping[TypeName, FieldFilter] = {}
    """Which fields become series, by type. Default: all."""
    types: Mapping[TypeName, TypeEntry] = {}
    """Change what is known of a type, or add a type of your own."""


class DeviceFile(_Section):
    """A file of device lists."""

    devices: DeviceLists
