"""What the tests of backfill need: a simulated cloud that holds a past, runs of the command, and what the output must be."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from structlog.testing import capture_logs

from exporter.backfill.command import backfill
from exporter.backfill.output import NO_LABELS
from exporter.backfill.plan import BackfillError
from exporter.config.load import load
from exporter.metrics.names import metric_name
from exporter.simulator import SimClock, SimDevice
from tests.helpers.faulty_cloud import FaultyCloud, serve
from tests.helpers.processes import TOKEN, write_config

BANGKOK: Final = ZoneInfo("Asia/Bangkok")
START: Final = datetime(2024, 5, 1)

#: The samples of a file: metric and deviceSn -> Unix time -> value as text.
Samples = Mapping[tuple[str, str], Mapping[int, str]]

_SAMPLE: Final = re.compile(r'(atess_\w+)\{deviceSn="([^"]*)",type="\w+"\} (\S+) (\d+)')


@dataclass
class Outcome:
    """How a run ended: its code or what the user was told, and what was logged."""

    code: int
    error: str
    logs: list[dict[str, Any]]

    def said(self, event: str) -> list[dict[str, Any]]:
        """The lines of the log about this."""
        return [line for line in self.logs if event in line["event"]]


@dataclass
class Bench:
    """A cloud and a folder; `run` runs the command in this process."""

    cloud: FaultyCloud
    url: str
    folder: Path
    zone: ZoneInfo
    interval: int

    @property
    def output(self) -> Path:
        return self.folder / "history.om"

    @property
    def partial(self) -> Path:
        return self.folder / "history.om.partial"

    def write_config(self, **sections: Any) -> Path:
        """Write the config: all devices of the cloud, and these keys over the defaults of a test."""
        devices: dict[str, list[str]] = {}
        for device in self.cloud.devices:
            devices.setdefault(device.type, []).append(device.sn)
        api = {"base_url": self.url, "requests_per_minute": 100_000, "timezone": self.zone.key, "timeout": "5s"}
        config = {"devices": devices, **sections, "api": {**api, **sections.get("api", {})}}
        path = self.folder / "config.yaml"
        write_config(path, config)
        return path

    def run(
        self,
        start: datetime = START,
        end: datetime = START + timedelta(days=2),
        *,
        devices: list[tuple[str, str]] | None = None,
        by_day: bool = False,
        labels: Mapping[str, str] = NO_LABELS,
        **sections: Any,
    ) -> Outcome:
        """Run the command to its end."""
        config = load(self.write_config(**sections), {"ATESS_API_TOKEN": TOKEN}, devices_needed=False)
        error, code = "", 1
        with capture_logs() as logs:
            try:
                code = backfill(config, start, end, devices, self.output, split_by_day=by_day, labels=labels)
            except BackfillError as mistake:
                error = str(mistake)
        return Outcome(code, error, [dict(line) for line in logs])

    def truth(self, start: datetime = START, end: datetime = START + timedelta(days=2)) -> Samples:
        """What the cloud holds, by the simulator alone: its rows are in true order of time, one every `interval`."""
        found: dict[tuple[str, str], dict[int, str]] = {}
        for device in self.cloud.devices:
            last = datetime.fromtimestamp(end.replace(tzinfo=self.zone).timestamp() - 1, self.zone)
            span = (start.replace(tzinfo=self.zone), last)
            rows = self.cloud.history(device.type, device.sn, *span, 1, 10**9)["datas"]
            assert isinstance(rows, list)
            first: int | None = None
            for number, row in enumerate(rows):
                assert isinstance(row, dict)
                if first is None:
                    first = int(datetime.fromisoformat(str(row["time"])).replace(tzinfo=self.zone).timestamp())
                for name, value in row.items():
                    if isinstance(value, int | float) and (metric := metric_name(name)):
                        shown = repr(int(value) if isinstance(value, bool) else value)
                        found.setdefault((metric, device.sn), {})[first + number * self.interval] = shown
        return found

    def forget(self) -> None:
        """Forget what was asked."""
        self.cloud.clear_requests()

    def asked(self) -> list[tuple[str, str, str]]:
        """The pages that were asked for: device, beginning of the window, number."""
        return [
            (request.query["deviceSn"], request.query["startDate"], request.query["pageNo"]) for request in self.cloud.requests
        ]


@contextmanager
def bench(
    folder: Path, *devices: SimDevice, zone: ZoneInfo = BANGKOK, interval: int = 900, now: datetime = datetime(2024, 7, 1)
) -> Iterator[Bench]:
    """A cloud with these devices, whose clock stands still at `now`."""
    cloud = FaultyCloud(devices, SimClock(now.replace(tzinfo=zone), 0, zone), token=TOKEN, upload_interval=interval)
    with serve(cloud) as served:
        yield Bench(cloud, served.url, folder, zone, interval)


def read_samples(path: Path) -> Samples:
    """The samples of a file, which must be as OpenMetrics wants it."""
    text = path.read_text()
    # families grouped, no sample twice, times in order, the end marked
    list(parse_openmetrics(text))
    found: dict[tuple[str, str], dict[int, str]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            match = _SAMPLE.fullmatch(line)
            assert match, line
            series = found.setdefault((match[1], match[2]), {})
            assert int(match[4]) > next(reversed(series), 0), f"not in order: {line}"
            series[int(match[4])] = match[3]
    return found


def differences(found: Samples, wanted: Samples) -> list[Any]:
    """The first few samples that are in one and not in the other."""
    one, other = ({(*key, *item) for key, series in entry.items() for item in series.items()} for entry in (found, wanted))
    return sorted(one ^ other)[:5]
