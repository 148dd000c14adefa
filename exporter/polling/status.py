"""The state of devices, for pages and scripts. Times are Unix times and durations seconds; None is unknown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from exporter.catalogue.types import Evidence
from exporter.polling.faults import ActiveFault


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


# not frozen: a page makes one for each of 10,000 devices, which would take it twice as long
@dataclass(slots=True)
class DeviceStatus:
    """How one device stands at one moment.

    `reason` says why it has no usable answer now, and `error` what was wrong with the last poll that failed, if none succeeded
    since. `stale_cause` is why its values are stale (None: they are fresh). `data_time` is the reading's own time as the device
    wrote it, and `data_time_is_read` whether it says when that was; `data_timestamp` is the same in the configured zone;
    `data_age` goes by that or, where it is unknown, by when the exporter first saw this reading. `next_poll` lies in the past
    while a poll waits for its turn. `lost` is what its data logger says. `faults` are the active ones, None where nothing is
    said of faults.

    What follows `faults` is there only where one device is asked for: the title of its type, its latest reading, the fields
    of it that have text and no number, its last polls, the latest first, and its settings that have numbers.
    """

    type: str
    sn: str
    info: Mapping[str, str]
    path: str
    path_evidence: Evidence
    state: DeviceState
    reason: str | None
    error: str | None
    stale_cause: str | None
    lost: bool | None
    data_time: str | None
    data_time_is_read: bool
    data_timestamp: float | None
    data_age: float | None
    last_success: float | None
    last_poll: PollResult | None
    interval: float
    next_poll: float | None
    faults: Sequence[ActiveFault] | None
    title: str = ""
    fields: Sequence[FieldValue] = ()
    texts: Sequence[tuple[str, str]] = ()
    polls: Sequence[PollResult] = ()
    settings: Sequence[FieldValue] = ()


def count_states(devices: Iterable[DeviceStatus]) -> dict[DeviceState, int]:
    """Return how many devices are in each state."""
    counts = dict.fromkeys(DeviceState, 0)
    for device in devices:
        counts[device.state] += 1
    return counts
