"""The state of devices, for pages and scripts. Times are Unix times and durations seconds; None is unknown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class DeviceState(StrEnum):
    """The state of a device, in one word; where several would do, the first of these."""

    #: Its last poll failed, as atess_device_up 0 says.
    FAILING = "failing"
    #: Its polls succeed, but its values are stale.
    STALE = "stale"
    #: No poll of it has ended yet.
    WAITING = "waiting"
    UP = "up"


@dataclass(frozen=True, slots=True)
class PollResult:
    """One poll: when its request went out, how long its requests took, and why it failed (None: it gave a reading)."""

    at: float
    duration: float
    reason: str | None


@dataclass(frozen=True, slots=True)
class DeviceStatus:
    """How one device stands.

    `reason` says why it has no usable answer now, `stale_cause` why its values are stale (None: they are fresh).
    `data_time` is the reading's own time as the device wrote it, and `data_time_is_read` whether it says when that was;
    `data_timestamp` is the same in the configured zone; `data_age` goes by that or, where it is unknown, by when the exporter
    first saw this reading. `next_poll` lies in the past while a poll waits for its turn. `lost` is what its data logger says.
    """

    type: str
    sn: str
    info: Mapping[str, str]
    state: DeviceState
    reason: str | None
    stale_cause: str | None
    lost: bool | None
    data_time: str | None
    data_timestamp: float | None
    data_age: float | None
    last_success: float | None
    last_poll: PollResult | None
    interval: float
    next_poll: float | None
    data_time_is_read: bool = True


@dataclass(frozen=True, slots=True)
class TargetDetail:
    """A device as its target knows it. `reading` has each field's API name, its metric (None: dropped) and its value.

    `error` is what was wrong with the last poll that failed, if none succeeded since. `texts` has each field that has text and
    no number. `polls` are the last ones, the latest first.
    """

    status: DeviceStatus
    error: str | None
    reading: tuple[tuple[str, str | None, int | float], ...]
    texts: tuple[tuple[str, str], ...]
    polls: list[PollResult]


@dataclass(frozen=True, slots=True)
class Fleet:
    """All devices at one moment. `suspended` says why the circuit breaker is not closed, None if it is."""

    at: float
    suspended: str | None
    devices: list[DeviceStatus]

    @property
    def counts(self) -> dict[DeviceState, int]:
        """Return how many devices are in each state."""
        counts = dict.fromkeys(DeviceState, 0)
        for device in self.devices:
            counts[device.state] += 1
        return counts


@dataclass(frozen=True, slots=True)
class FieldValue:
    """One field of a reading. `metric` is None for a field that was dropped.

    `meaning` and `evidence` are None for a field that nobody described; `word` is what the value stands for.
    """

    field: str
    metric: str | None
    value: int | float
    word: str | None = None
    unit: str | None = None
    meaning: str | None = None
    evidence: str | None = None


@dataclass(frozen=True, slots=True)
class FieldText:
    """A field of a reading that has text and no number, and so no metric."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class DeviceDetail:
    """A target's detail with what the catalogue knows of its fields, at one moment; see TargetDetail."""

    at: float
    suspended: str | None
    status: DeviceStatus
    title: str
    path: str
    path_evidence: str
    error: str | None
    fields: list[FieldValue] = field(default_factory=list)
    polls: list[PollResult] = field(default_factory=list)
    texts: list[FieldText] = field(default_factory=list)
