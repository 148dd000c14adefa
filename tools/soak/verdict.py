"""Is what a page shows of each device what the cloud sent for it?

The judge knows when the cloud sent a reading, not when the exporter was done with it, so a page is judged by what must be
true whichever of the possible moments it was.
"""

import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tools.soak.history import Device, History, Sent
from tools.soak.page import Page, Shown

#: Seconds from the moment at which the cloud is about to send a reading to when the exporter must show it, and by which it
#: may take a reading for younger than the cloud does. All of it is waiting for the processor: this process writes the answer
#: while it may be comparing pages (0.1 s), and the exporter's worker gets its turn among eight, a gzip of 5 MB and a scan of
#: 1,000 devices (0.1 s) on two processors that other work shares. The exporter judges age at each scrape, so its tick of
#: 0.25 s adds nothing. The report says how much of this was used.
LATENCY: Final = 2.0

_CLOCK_TOLERANCE: Final = 0.1
_EXAMPLES: Final = 40


@dataclass(frozen=True, slots=True)
class Moment:
    """When a page was made: between `began` and `answered`, monotonic.

    `suspended_at` is when last the exporter may have skipped polls, `pause_until` until when it may wait before a second try.
    """

    began: float
    answered: float
    suspended_at: float
    pause_until: float


class Judge:
    """Compares pages with the history. `faults` counts what was wrong, `examples` tells of the first few.

    The exporter began to count some time between `launched` and `started`. Largest figures: `oldest`, the age of a reading on a
    page, counted from when its own time moved, and `latest`, how long a newer one had been sent already.
    """

    def __init__(
        self, history: History, *, launched: float, started: float, interval: float, stale_after: float, timeout: float
    ) -> None:
        self.faults: Counter[str] = Counter()
        self.examples: list[str] = []
        self.samples = 0
        self.stale: Counter[str] = Counter()
        self.judged = 0
        self.not_judged = 0
        self.oldest = 0.0
        self.latest = 0.0
        self.ahead = 0
        self._history = history
        self._launched = launched
        self._started = started
        self._interval = interval
        self._stale_after = stale_after
        self._timeout = timeout
        self._matches: dict[Device, Sent] = {}

    def judge(self, page: Page, moment: Moment) -> None:
        """Check all that the page says of all devices."""
        clock = time.time() - time.monotonic()
        for key, device in self._history.devices.items():
            shown = page.devices[key]
            if device.doubtful_since(moment.began - self._stale_after - LATENCY):
                self.not_judged += 1
                continue
            self.judged += 1
            candidates, due = _candidates(device.sent, moment)
            self.samples += len(shown.samples) + len(shown.about)
            if shown.samples:
                self._values(device, shown, candidates, moment)
            else:
                self._absence(device, shown, candidates, due, moment)
            self._staleness(device, shown, candidates, due, moment)
            self._times(device, shown, candidates, due, clock)
            self._up(device, shown, moment)
            steady = shown.about.get("atess_device_poll_interval_seconds"), shown.about.get("atess_device_info")
            if steady != (self._interval, 1.0):
                self._fault("wrong about a device", 1, device, f"interval and info: {steady}")

    def _values(self, device: Device, shown: Shown, candidates: Sequence[Sent], moment: Moment) -> None:
        """Check that the values are those of one reading: the last one or one just sent, and not too old."""
        last = self._matches.get(device)
        for position, reading in enumerate(candidates):
            if (reading is last and not shown.changed) or reading.samples == shown.samples:
                self._matches[device] = reading
                age = moment.began - reading.moved
                if age > self._stale_after + LATENCY:
                    self._fault("too old", len(shown.samples), device, f"{age:.2f} s since its time moved")
                self.oldest = max(self.oldest, age)
                if position:
                    self.latest = max(self.latest, moment.began - candidates[position - 1].at)
                if shown.about.get("atess_device_data_timestamp_seconds") != reading.data_time:
                    self.ahead += 1
                return
        self._mismatch(device, shown, candidates, moment)

    def _mismatch(self, device: Device, shown: Shown, candidates: Sequence[Sent], moment: Moment) -> None:
        for reading in reversed(device.sent):
            if reading.samples == shown.samples:
                age = moment.began - reading.at
                what = "too old" if age > self._stale_after + LATENCY else "not the latest"
                self._fault(what, len(shown.samples), device, f"a reading sent {age:.2f} s before")
                return
        recent = [reading.samples for reading in device.sent]
        wrong = {name: value for name, value in shown.samples.items() if all(samples.get(name) != value for samples in recent)}
        missing = candidates[-1].samples.keys() - shown.samples.keys() if len(candidates) == 1 else set()
        if wrong or not candidates:
            self._fault("wrong value", len(wrong) or len(shown.samples), device, f"{dict(list(wrong.items())[:3])}")
        elif missing and shown.samples.items() <= candidates[-1].samples.items():
            self._fault("wrongly absent", len(missing), device, f"{sorted(missing)[:3]} of a reading that is shown")
        else:
            self._fault("mixed readings", len(shown.samples), device, f"of {len(recent)} recent ones")

    def _absence(self, device: Device, shown: Shown, candidates: Sequence[Sent], due: bool, moment: Moment) -> None:
        """Check that values are missing only before the first reading, or after readings or their own time stopped."""
        self._matches.pop(device, None)
        if not due:
            return
        for cause in ("failing", "frozen"):
            if shown.about.get(f'atess_device_stale,cause="{cause}"'):
                self.stale[cause] += len(candidates[-1].samples)
        youngest = min(moment.answered - reading.moved for reading in candidates)
        if max(moment.answered - reading.moved for reading in candidates) < self._stale_after:
            self._fault("wrongly absent", len(candidates[-1].samples), device, f"a reading {youngest:.2f} s old is not shown")

    def _staleness(self, device: Device, shown: Shown, candidates: Sequence[Sent], due: bool, moment: Moment) -> None:
        said = tuple(shown.about.get(f'atess_device_stale,cause="{cause}"') for cause in ("failing", "frozen"))
        expected: tuple[float, float] | None = None
        if shown.samples:
            expected = (0.0, 0.0)
        elif not candidates:
            if moment.began - self._started >= self._stale_after + LATENCY:
                expected = (1.0, 0.0)
            elif moment.answered - self._launched < self._stale_after:
                expected = (0.0, 0.0)
        elif due and len(candidates) == 1:
            reading = candidates[0]
            if moment.began - reading.at >= self._stale_after + LATENCY:
                expected = (1.0, 0.0)
            elif moment.began - reading.moved >= self._stale_after + LATENCY and moment.answered - reading.at < self._stale_after:
                expected = (0.0, 1.0)
        if expected is not None and said != expected:
            self._fault("wrong about a device", 1, device, f"stale: failing, frozen are {said}, not {expected}")

    def _times(self, device: Device, shown: Shown, candidates: Sequence[Sent], due: bool, clock: float) -> None:
        success = shown.about.get("atess_device_last_success_timestamp_seconds")
        data = shown.about.get("atess_device_data_timestamp_seconds")
        if success is None and data is None and not due:
            return
        early, late = _CLOCK_TOLERANCE, LATENCY + _CLOCK_TOLERANCE
        if success is None or not any(-early <= success - clock - reading.at <= late for reading in candidates):
            self._fault("wrong about a device", 1, device, f"last success: {success}")
        if not any(data == reading.data_time for reading in candidates):
            self._fault("wrong about a device", 1, device, f"data timestamp: {data}")

    def _up(self, device: Device, shown: Shown, moment: Moment) -> None:
        """Check `up`, where it is certain which poll was completed last, and how it ended."""
        up = shown.about.get("atess_device_up")
        if device.asked is None:
            # a suspended account's devices are down though none was asked for
            wrong = up is not None and not (up == 0.0 and moment.suspended_at > self._launched)
        elif device.sent and device.sent[-1].at >= device.asked:
            settled = moment.began - device.sent[-1].at > LATENCY and device.sent[-1].at > moment.suspended_at + 1.0
            wrong = settled and up != 1.0
        else:
            wrong = moment.began - max(device.asked, moment.pause_until) > self._timeout + LATENCY and up != 0.0
        if wrong:
            self._fault("wrong about a device", 1, device, f"up: {up}")

    def _fault(self, what: str, samples: int, device: Device, details: str) -> None:
        self.faults[what] += samples
        if len(self.examples) < _EXAMPLES:
            self.examples.append(f"{what}: {device.key[0]} {device.key[1]}: {details}")


def _candidates(sent: deque[Sent], moment: Moment) -> tuple[list[Sent], bool]:
    """Return the readings that may be on the page, newest first, and whether one must be, unless it is too old."""
    found = []
    for reading in reversed(sent):
        if reading.at <= moment.answered:
            found.append(reading)
            if reading.at <= moment.began - LATENCY:
                return found, True
    return found, False
