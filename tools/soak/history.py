"""What the simulated cloud was asked for and what it really sent, device by device, and the account's request budget."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from tests.helpers.faulty_cloud import FaultyCloud, RequestRecord
from tools.soak.rules import sign_of_life, unix_time, usable

Key = tuple[str, str]

#: Usable readings that are remembered for each device; at one in 30 s, more than any that may still be shown.
_KEPT: Final = 12

#: A reading that was sent so shortly before the exporter's timeout (seconds) may have come too late for it.
_CLOSE_TO_TIMEOUT: Final = 1.0


@dataclass(slots=True, eq=False)
class Sent:
    """A usable reading that the cloud sent at `at` (monotonic); `moved` is when its `own` sign of life was first sent.

    `certain` is false if the exporter may have given up waiting before it came.
    """

    at: float
    moved: float
    own: str | None
    data_time: float | None
    samples: dict[str, float]
    certain: bool


@dataclass(slots=True, eq=False)
class Device:
    """One device: when it was last asked for, and the usable readings that were sent for it, oldest first."""

    key: Key
    asked: float | None = None
    looked: float = 0.0
    sent: deque[Sent] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def doubtful_since(self, moment: float) -> bool:
        """Return whether since `moment` a reading was sent of which nobody knows whether it was taken."""
        return any(not reading.certain and reading.at >= moment for reading in self.sent)


class History:
    """Follows a cloud that runs in this process."""

    def __init__(self, cloud: FaultyCloud, timeout: float, requests_per_minute: int, zone: ZoneInfo) -> None:
        self.devices = {(device.type, device.sn): Device((device.type, device.sn)) for device in cloud.devices}
        self.requests = 0
        self.readings = 0
        self.unusable = 0
        self.doubtful = 0
        self.most_in_a_minute = 0
        self.over_budget = 0
        self._cloud = cloud
        self._timeout = timeout
        self._requests_per_minute = requests_per_minute
        self._zone = zone
        # A request names its type only by its path, but serials are unique in a fleet.
        self._by_serial = {device.key[1]: device for device in self.devices.values()}
        self._last: RequestRecord | None = None
        self._minute: deque[float] = deque()

    def collect(self) -> list[tuple[Key, float]]:
        """Take over what happened since the last time. Returns the requests: device and moment of each."""
        # The readings first: then the request behind each of them is among those looked at next.
        fresh = [(device, self._fresh(device)) for device in self.devices.values()]
        asked = [(self._by_serial[record.query["deviceSn"]], record.at) for record in self._new_requests()]
        pending: dict[Key, list[float]] = {}
        for device, at in asked:
            pending.setdefault(device.key, []).append(at)
            self._count(at)
        for device, answers in fresh:
            requests = pending.pop(device.key, [])
            for at, data in answers:
                earlier = [moment for moment in requests if moment <= at]
                self._take(device, at, data, earlier[-1] if earlier else device.asked)
            if requests:
                device.asked = requests[-1]
        return [(device.key, at) for device, at in asked]

    def _new_requests(self) -> list[RequestRecord]:
        found = []
        for record in reversed(self._cloud.requests):
            if record is self._last:
                break
            found.append(record)
        if found:
            self._last = found[0]
        return found[::-1]

    def _fresh(self, device: Device) -> list[tuple[float, dict[str, object]]]:
        answers = self._cloud.served(*device.key)
        found = [(answer.at, dict[str, object](answer.data)) for answer in answers if answer.at > device.looked]
        if found:
            device.looked = found[-1][0]
        return found

    def _take(self, device: Device, at: float, data: dict[str, object], asked: float | None) -> None:
        self.readings += 1
        samples = usable(data, *device.key)
        if samples is None:
            self.unusable += 1
            return
        own = sign_of_life(data)
        still = own is not None and bool(device.sent) and device.sent[-1].own == own
        certain = asked is not None and at - asked < self._timeout - _CLOSE_TO_TIMEOUT
        self.doubtful += not certain
        moved = device.sent[-1].moved if still else at
        device.sent.append(Sent(at, moved, own, unix_time(data, self._zone), samples, certain))

    def _count(self, at: float) -> None:
        """Count the requests of the 60 s that end with this one: if any 60 s have too many, some such 60 s do."""
        self.requests += 1
        self._minute.append(at)
        while self._minute[0] <= at - 60.0:
            self._minute.popleft()
        self.most_in_a_minute = max(self.most_in_a_minute, len(self._minute))
        self.over_budget += len(self._minute) > self._requests_per_minute
