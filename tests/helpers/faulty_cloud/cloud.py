"""A simulated cloud that can be told to fail, and that remembers what it was asked and what it answered."""

from collections.abc import Iterable

from exporter.simulator import Cloud, SimClock, SimDevice
from tests.helpers.faulty_cloud.faults import FaultBoard
from tests.helpers.faulty_cloud.traffic import RequestRecord, Served, Traffic


class FaultyCloud(Cloud):
    """A `Cloud` with `faults` to set, and the `traffic` of the API that is served from it. Safe to use from any thread."""

    def __init__(
        self,
        devices: Iterable[SimDevice],
        clock: SimClock,
        seed: int = 1,
        token: str | None = None,
        upload_interval: float = 300.0,
    ) -> None:
        super().__init__(devices, clock, seed, token, upload_interval)
        self.traffic = Traffic()
        self.faults = FaultBoard(clock.now)

    @property
    def requests(self) -> list[RequestRecord]:
        """Return the API requests since the last `clear_requests`, oldest first, 200,000 at most."""
        return self.traffic.requests

    def clear_requests(self) -> None:
        """Forget the requests, and begin to measure `max_in_flight` anew."""
        self.traffic.clear()

    @property
    def in_flight(self) -> int:
        """Return how many API requests are being answered at this moment, stalled ones included."""
        return self.traffic.in_flight

    @property
    def max_in_flight(self) -> int:
        """Return the most API requests in flight at once since the last `clear_requests`."""
        return self.traffic.max_in_flight

    def served(self, type: str, sn: str) -> list[Served]:
        """Return the last 16 readings that the real-time endpoint really sent for the device, oldest first."""
        return self.traffic.served((type, sn))
