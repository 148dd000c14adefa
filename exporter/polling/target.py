"""A device while it is being polled: how its polls went, and whether what is shown of it is still true."""

import marshal
import math
import random
import threading
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from exporter.api.errors import EnercloError
from exporter.api.reading import Reading, timestamp
from exporter.catalogue.kinds import BY_NAME, Kinds
from exporter.catalogue.types import Device
from exporter.clock import Clock
from exporter.config.field_filter import EVERYTHING, FieldFilter
from exporter.metrics.series import Series
from exporter.polling.history import PollHistory
from exporter.polling.status import DeviceState, DeviceStatus, PollResult

#: The longest a failing device is left alone, in intervals.
MAX_BACKOFF: Final = 8

#: Why values are withheld; label values of atess_device_stale.
FAILING: Final = "failing"
FROZEN: Final = "frozen"

#: Why a device is not up that is not asked because the whole account is suspended.
SUSPENDED: Final = "suspended"

_DEFAULT_STALE_INTERVALS: Final = 3
_DEFAULT_STALE_SECONDS: Final = 900.0

_NO_TEXTS: Final = marshal.dumps(())


@dataclass(frozen=True, slots=True)
class TargetDetail:
    """A device as its target knows it. `reading` has each field's API name, its metric (None: left out) and its value.

    `texts` has each field that has text and no number.
    """

    status: DeviceStatus
    error: str | None
    reading: tuple[tuple[str, str | None, int | float], ...]
    texts: tuple[tuple[str, str], ...]
    polls: list[PollResult]


class Target:
    """One device, its series and its history. Outcomes may be reported from any thread.

    Its values are shown until they are `stale_after` seconds old, by our own clock, in either of two ways: no usable reading
    came for that long, or readings came but did not move (see Reading.mark). Then they vanish; what is said about the device
    itself stays.
    """

    # there are many targets, and with more than 30 attributes each would have a dictionary of its own: 1.3 KB
    __slots__ = (
        *("_began", "_choice", "_clock", "_data_time", "_data_timestamp", "_error", "_failures", "_history", "_jitter", "_lock"),
        *(
            "_mark",
            "_moved_at",
            "_reason",
            "_row",
            "_sent",
            "_series",
            "_stale",
            "_stale_after",
            "_success_at",
            "_success_wall",
            "_texts",
        ),
        *("_time_is_read", "_took", "_up", "_zone", "device", "in_flight", "interval", "judge_at", "kinds", "last_attempt"),
        *("overdue_since", "skip"),
    )

    def __init__(self, device: Device, series: Series, clock: Clock, jitter: random.Random) -> None:
        self.device = device
        self.interval = device.interval
        #: What its fields are.
        self.kinds = BY_NAME
        #: A poll is queued or under way.
        self.in_flight = False
        #: Since when a poll is due that has not begun; None if none is.
        self.overdue_since: float | None = None
        #: When a poll last began.
        self.last_attempt = float("-inf")
        #: Slots of the schedule to leave out, after failures.
        self.skip = 0
        self._series = series
        self._clock = clock
        self._jitter = jitter
        self._lock = threading.Lock()
        self._failures = 0
        self._up: bool | None = None
        self._stale: str | None = None
        self._stale_after = _DEFAULT_STALE_SECONDS
        self._zone: tzinfo | None = None
        self._choice = EVERYTHING
        self._data_time: str | None = None
        self._mark: str | int | None = None
        self._time_is_read = True
        #: Packed, because most devices have few and all of them together would be felt.
        self._texts = _NO_TEXTS
        self._data_timestamp: float | None = None
        self._success_wall: float | None = None
        self._reason: str | None = None
        self._error: str | None = None
        self._history = PollHistory()
        #: When the first request of the poll under way went out, and the latest one if it has not ended; by the exporter's clock.
        self._began: float | None = None
        self._sent: float | None = None
        self._took = 0.0
        self._success_at = self._moved_at = clock.now()
        #: When its values may next have become stale.
        self.judge_at = math.inf
        self._row = series.add(device.type, device.sn)
        with series.together():
            series.set(self._row, "atess_device_info", 1, device.info)
            self._show_stale()

    def configure(
        self,
        device: Device,
        stretch: float,
        stale_after: float | None,
        zone: tzinfo | None,
        choice: FieldFilter = EVERYTHING,
        kinds: Kinds = BY_NAME,
    ) -> None:
        """Take over what the config says of the device; `stretch` is what pacing multiplies its interval by."""
        with self._lock, self._series.together():
            if device.sn != self.device.sn:
                self._series.rename(self._row, device.sn)
            if device.info != self.device.info:
                # in place of the line with the labels before: no scrape is without one
                self._series.set(self._row, "atess_device_info", 1, device.info)
            self.device = device
            self.interval = device.interval * stretch
            self._stale_after = stale_after or max(_DEFAULT_STALE_INTERVALS * self.interval, _DEFAULT_STALE_SECONDS)
            self._zone = zone
            self._choice = choice
            self.kinds = kinds
            self._series.set(self._row, "atess_device_lost", None if device.lost is None else int(device.lost))
            self._judge(self._clock.now())
            self._series.set(self._row, "atess_device_poll_interval_seconds", self.interval)

    def began(self) -> None:
        """A request went out; a poll may need two."""
        self.overdue_since = None
        self.last_attempt = self._sent = self._clock.now()
        if self._began is None:
            self._began = self.last_attempt

    def paused(self) -> None:
        """The request failed and another one is to follow: its wait for the rate limiter is no part of the poll's duration."""
        self._took = self._time_taken(self._clock.now())
        self._sent = None

    def ended(self) -> None:
        """The poll is over, whatever came of it."""
        self.overdue_since = None
        self._began = self._sent = None
        self._took = 0.0

    @property
    def duration(self) -> float:
        """Seconds that the requests of the last poll took."""
        last = self._history.last
        return last.duration if last else 0.0

    def succeeded(self, reading: Reading) -> tuple[bool, tuple[tuple[str, str], ...]]:
        """A poll gave `reading`. Returns whether the device had not been up, and the fields that could not be shown.

        Whatever it raises, the device then stands as if no reading had come, and the poll is yet to be reported as failed.
        """
        failures, success_at, up = self._failures, self._success_at, self._up
        try:
            return self._succeeded(reading)
        except Exception:
            with self._lock:
                self._failures, self._success_at = failures, success_at
                if up is not None:
                    self._set_up(up)
                self._judge(self._clock.now())
            raise

    def _succeeded(self, reading: Reading) -> tuple[bool, tuple[tuple[str, str], ...]]:
        with self._lock, self._series.together():
            now = self._clock.now()
            self._failures = 0
            self.skip = 0
            self._success_at = now
            if reading.mark is None or reading.mark != self._mark:
                self._mark = reading.mark
                self._moved_at = now
            self._data_time = reading.time
            self._time_is_read = reading.unread_time is None
            self._remember(now, None)
            self._error = None
            came_up = self._set_up(True)
            self._success_wall = self._clock.wall()
            self._series.set(self._row, "atess_device_last_success_timestamp_seconds", self._success_wall)
            time, zone = reading.time, self._zone
            self._data_timestamp = timestamp(time, zone, self._success_wall) if time is not None and zone is not None else None
            self._series.set(self._row, "atess_device_data_timestamp_seconds", self._data_timestamp)
            self._judge(now)
            if self._stale is not None:
                return came_up, ()
            self._texts = marshal.dumps(reading.texts) if reading.texts else _NO_TEXTS
            return came_up, self._series.update(self._row, self._choice.of(reading.fields))

    def failed(self, error: EnercloError, *, back_off: bool) -> bool:
        """A poll gave no usable reading. Returns whether that is news. With `back_off` it is the device's own failure."""
        with self._lock:
            self._remember(self._clock.now(), error.reason)
            self._error = str(error)
            if back_off:
                self._failures += 1
                self.skip = _slots_to_skip(self._failures, self._jitter)
            return self._set_up(False)

    def left_out(self) -> None:
        """A due poll was not made, because the account is suspended."""
        with self._lock:
            self.overdue_since = None
            self._reason = SUSPENDED
            self._set_up(False)

    def resume(self) -> bool:
        """The account is open again. True if the device should be polled soon, because it is down."""
        with self._lock:
            self.skip = 0
            return self._up is False

    def expire(self) -> str | None:
        """Withhold values that have become too old. Returns the cause if they have just become so."""
        now = self._clock.now()
        if now < self.judge_at:
            return None
        with self._lock:
            return self._judge(now)

    def remove(self) -> None:
        """The device is no longer polled: its series vanish."""
        self._series.remove(self._row)

    def status(self, next_poll: float | None) -> DeviceStatus:
        """How the device stands; `next_poll` (by the exporter's clock) is when it is to be polled next."""
        with self._lock:
            return self._status(next_poll)

    def detail(self, next_poll: float | None) -> TargetDetail:
        """The same with its latest reading and its last polls, all of one moment."""
        with self._lock:
            reading, texts = self._series.reading(self._row), marshal.loads(self._texts)  # noqa: S302 - our own
            return TargetDetail(self._status(next_poll), self._error, reading, texts, self._history.polls)

    def _status(self, next_poll: float | None) -> DeviceStatus:
        now, wall = self._clock.now(), self._clock.wall()
        if self._up is None:
            state = DeviceState.WAITING
        elif not self._up:
            state = DeviceState.FAILING
        else:
            state = DeviceState.UP if self._stale is None else DeviceState.STALE
        if self._success_wall is None:
            age = None
        else:
            age = now - self._moved_at if self._data_timestamp is None else wall - self._data_timestamp
        return DeviceStatus(
            type=self.device.type,
            sn=self.device.sn,
            info=self.device.info,
            state=state,
            reason=self._reason,
            withheld=self._stale,
            lost=self.device.lost,
            data_time=self._data_time,
            data_time_is_read=self._time_is_read,
            data_timestamp=self._data_timestamp,
            data_age=age,
            last_success=self._success_wall,
            last_poll=self._history.last,
            interval=self.interval,
            next_poll=None if next_poll is None else wall + next_poll - now,
        )

    def _remember(self, now: float, reason: str | None) -> None:
        began = self._clock.wall() - (0.0 if self._began is None else now - self._began)
        self._history.add(PollResult(began, self._time_taken(now), reason))
        self._reason = reason
        self.ended()

    def _time_taken(self, now: float) -> float:
        return self._took + (0.0 if self._sent is None else now - self._sent)

    def _judge(self, now: float) -> str | None:
        """Decide whether the values are stale, and when that must next be asked. Returns the cause if it is a new one."""
        cause = None
        self.judge_at = min(self._success_at, self._moved_at) + self._stale_after
        if now - self._success_at >= self._stale_after:
            cause = FAILING
            self.judge_at = math.inf
        elif now - self._moved_at >= self._stale_after:
            cause = FROZEN
            self.judge_at = self._success_at + self._stale_after
        if cause == self._stale:
            return None
        self._stale = cause
        with self._series.together():
            if cause is not None:
                self._series.clear(self._row)
                self._texts = _NO_TEXTS
            self._show_stale()
        return cause

    def _show_stale(self) -> None:
        for cause in (FAILING, FROZEN):
            self._series.set(self._row, "atess_device_stale", int(self._stale == cause), {"cause": cause})

    def _set_up(self, up: bool) -> bool:
        changed = self._up is not up
        if changed:
            self._up = up
            self._series.set(self._row, "atess_device_up", int(up))
        return changed


def _slots_to_skip(failures: int, jitter: random.Random) -> int:
    """How many of its slots a device leaves out after `failures` in a row: none after one, then a growing random number.

    The time to the next poll is 1, 2, 3-4 and then 5-8 intervals. Whole slots, so that a fleet that backs off stays spread.
    """
    longest = min(2 ** min(failures - 1, 16), MAX_BACKOFF)
    return jitter.randint(longest // 2, longest - 1)
