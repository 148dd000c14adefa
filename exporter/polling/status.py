"""The state of devices, for pages and scripts. Times are Unix times and durations seconds; None is unknown."""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from exporter.catalogue.types import Evidence, FieldInfo
from exporter.polling.faults import ActiveFault
from exporter.polling.zone_watch import FittingZone

#: Polls that are remembered.
KEPT_POLLS: Final = 20

#: Why a device is down that is not asked, because the circuit breaker is not closed.
SUSPENDED: Final = "suspended"


class DeviceState(StrEnum):
    """The state of a device, in one word; where several would do, it is gone, or else the first of these."""

    #: Its last poll failed, as atess_device_up 0 says.
    FAILING = "failing"
    #: It is in no data logger's list any more, as atess_device_gone 1 says, whether or not its polls succeed.
    GONE = "gone"
    #: Its polls succeed, but its values are stale.
    STALE = "stale"
    #: No poll of it has ended yet.
    WAITING = "waiting"
    UP = "up"

    @classmethod
    def of(cls, up: bool | None, stale_cause: "StaleCause | None", *, gone: bool = False) -> "DeviceState":
        """Return the state of a device whose last poll succeeded or not (None: there was none)."""
        if gone:
            return cls.GONE
        if not up:
            return cls.WAITING if up is None else cls.FAILING
        return cls.UP if stale_cause is None else cls.STALE


class StaleCause(StrEnum):
    """Why values are stale; label values of atess_device_stale."""

    #: No usable reading came for too long.
    FAILING = "failing"
    #: Readings came, but did not move for too long (see Reading.mark).
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class PollResult:
    """One poll: when its request went out, how long its requests took, and why it failed (None: it gave a reading)."""

    at: float
    duration: float
    reason: str | None


class PollHistory:
    """The last KEPT_POLLS polls of a device: why each failed, and beside it when it began and how long it took.

    All of its memory is taken at once, and written in place. PollResults would be 2 MB more for 1,000 devices, and a deque takes
    as much for 20 as for 64. What is made anew at every poll lies among what polls leave behind, and a soak sees memory grow.
    """

    __slots__ = ("_kept", "_reasons", "_times")

    def __init__(self) -> None:
        self._kept = 0
        self._reasons: list[str | None] = [None] * KEPT_POLLS
        self._times = array("d", bytes(16 * KEPT_POLLS))

    def add(self, poll: PollResult) -> None:
        """Add the latest poll."""
        self._reasons.pop()
        self._reasons.insert(0, poll.reason)
        self._times[2:] = self._times[:-2]
        self._times[0], self._times[1] = poll.at, poll.duration
        self._kept = min(self._kept + 1, KEPT_POLLS)

    @property
    def last(self) -> PollResult | None:
        """Return the latest poll; None before the first."""
        return PollResult(self._times[0], self._times[1], self._reasons[0]) if self._kept else None

    @property
    def all(self) -> list[PollResult]:
        """Return them, the latest first."""
        return list(map(PollResult, self._times[::2], self._times[1::2], self._reasons))[: self._kept]


@dataclass(frozen=True, slots=True)
class FieldValue:
    """One field of a reading. `metric` is None for a field that was dropped, `known` for one that nobody described.

    `text` is what the API sent where the value was made of it: a time of day, of which `value` has the seconds.
    """

    field: str
    metric: str | None
    value: int | float
    known: FieldInfo | None = None
    text: str | None = None

    @property
    def word(self) -> str | None:
        """Return what the value stands for, None if it has no word."""
        return self.text or (self._word[0] if self._word else None)

    @property
    def word_evidence(self) -> Evidence | None:
        """Return how the word is known, None if it is what the API sent or there is none."""
        return self._word[1] if self._word else None

    @property
    def unit(self) -> str | None:
        """Return the value's unit where it is settled."""
        return "s" if self.text else self.known.unit if self.known else None

    @property
    def _word(self) -> tuple[str, Evidence] | None:
        return self.known.word(self.value) if self.known else None


# not frozen: a page makes one for each of 10,000 devices, which would take it twice as long
@dataclass(slots=True)
class DeviceStatus:
    """How one device stands at one moment.

    `reason` says why it has no usable answer now, and `error` what was wrong with the last poll that failed, if none succeeded
    since; `remedy` is what to do about `reason`. `stale_cause` is why its values are stale (None: they are fresh). `data_time`
    is the reading's own time as the device wrote it, and `data_time_is_read` whether it says when that was; `data_timestamp` is
    the same in the configured zone; `data_age` goes by that or, where it is unknown, by when the exporter first saw this
    reading. `next_poll` lies in the past while a poll waits for its turn; `failures` are those in a row for which polls are
    skipped until then. `lost` is what its data logger says, and `gone_since` since when no list has it any more. `faults` are
    the active ones, None where nothing is said of faults. `running_state` is the field of the reading that says what the device
    is doing, if it has it. `zone` is the one that fits its own times, None as long as that is not known.

    What follows `running_state` is there only where one device is asked for: the title of its type, its latest reading, the
    fields of it that have text and no number, its last polls, the latest first, its settings that have numbers, and
    which fields are the powers that matter.
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
    gone_since: float | None
    data_time: str | None
    data_time_is_read: bool
    data_timestamp: float | None
    data_age: float | None
    last_success: float | None
    last_poll: PollResult | None
    interval: float
    next_poll: float | None
    failures: int
    faults: Sequence[ActiveFault] | None
    running_state: FieldValue | None
    remedy: str | None = None
    zone: FittingZone | None = None
    title: str = ""
    fields: Sequence[FieldValue] = ()
    texts: Sequence[tuple[str, str]] = ()
    polls: Sequence[PollResult] = ()
    settings: Sequence[FieldValue] = ()
    powers: Sequence[str] = ()

    def value(self, field: str) -> FieldValue | None:
        """Return a field of the latest reading, None if it has no such number."""
        return next((value for value in self.fields if value.field == field), None)


def count_states(devices: Iterable[DeviceStatus]) -> dict[DeviceState, int]:
    """Return how many devices are in each state."""
    counts = Counter(device.state for device in devices)
    return {state: counts[state] for state in DeviceState}
