"""An account on a stand-in for the cloud, with a clock that both sides share, for doctor."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from exporter.commands import doctor
from exporter.config.load import load
from exporter.doctor.check import Check
from exporter.doctor.examination import examine
from exporter.doctor.observations import Observations
from exporter.doctor.plan import DoctorOptions, make_plan
from exporter.doctor.survey import survey
from exporter.simulator import Cloud, SimClock, SimDevice
from tests.helpers.fakes import FakeClock
from tests.helpers.other_cloud import OtherApi, Truth, other_cloud
from tests.helpers.processes import TOKEN, write_config
from tests.helpers.site import DEVICES

BANGKOK, KOLKATA = ZoneInfo("Asia/Bangkok"), ZoneInfo("Asia/Kolkata")
#: Evening, so that PV, load and battery have been through a day.
DUSK = datetime(2026, 5, 5, 19, 0, 0)
LISTS = {"pbd": ["P1", "P2", "P9"], "pcs": ["C1"], "hps_central": ["H1"], "hps_string": ["S1"], "bcu": ["B1"], "mbms": ["M1"]}


class Account:
    """A cloud, a clock that both sides share, and a config."""

    def __init__(self, path: Path, clock: FakeClock, api: OtherApi, url: str) -> None:
        self.path = path
        self.clock = clock
        self.api = api
        self.url = url

    def configure(self, api: dict[str, Any] | None = None, **sections: Any) -> None:
        own = {"base_url": self.url, "token": TOKEN, "requests_per_minute": 600}
        base = {"devices": LISTS, "discovery": {"datalog_sns": ["L1", "L2"]}} | sections
        write_config(self.path, {key: value for key, value in base.items() if value is not None} | {"api": own | (api or {})})

    def look(self, **options: Any) -> tuple[Observations, list[Check]]:
        config = load(self.path, {}, devices_needed=False)
        plan = make_plan(config, DoctorOptions(**options))
        seen = survey(config, plan, self.clock, lambda number, purpose: None)
        return seen, examine(seen)

    def checks(self, **options: Any) -> dict[str, Check]:
        return {check.name: check for check in self.look(**options)[1]}

    def command(self, *, output: doctor.Output | None = None, **options: Any) -> int:
        return doctor.diagnose(self.path, DoctorOptions(**options), output or doctor.Output(), self.clock)


@contextmanager
def account(folder: Path, truth: Truth, zone: ZoneInfo = BANGKOK, devices: Sequence[SimDevice] = DEVICES) -> Iterator[Account]:
    clock = FakeClock()
    start = DUSK.replace(tzinfo=zone)
    clock.wall_offset = start.timestamp() - clock.moment
    cloud = Cloud(devices, SimClock(start, timezone=zone, monotonic=clock.now), token=TOKEN)
    with other_cloud(cloud, truth) as (served, api):
        found = Account(folder / "config.yaml", clock, api, served.url)
        found.configure()
        yield found
