"""The devices of a simulated cloud whose answers are compared to the last byte, and the time there."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from exporter.simulator import SimClock, SimDevice

BANGKOK = ZoneInfo("Asia/Bangkok")
NOON = datetime(2026, 5, 5, 12, 0, 0, tzinfo=BANGKOK)

#: One device of each type; PBDs: P1 and P2 live, P9 offline for two hours.
DEVICES = (
    SimDevice("pbd", "P1", "L1"),
    SimDevice("pbd", "P2", "L1"),
    SimDevice("pbd", "P9", "L1", offline_since=NOON - timedelta(hours=2)),
    SimDevice("pcs", "C1", "L1"),
    SimDevice("hps_central", "H1", "L1"),
    SimDevice("hps_string", "S1", "L2"),
    SimDevice("bcu", "B1", "L2"),
    SimDevice("mbms", "M1", "L2"),
)


def noon() -> SimClock:
    """Return a clock that stands still at noon in Bangkok."""
    return SimClock(NOON, timezone=BANGKOK, monotonic=lambda: 0.0)
