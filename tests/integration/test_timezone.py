"""A wrong time zone, on a real exporter beside a cloud whose devices are in Bangkok."""

import re
import signal
from pathlib import Path
from typing import Any

from tests.helpers.fakes import samples
from tests.helpers.processes import Exporter, SimulatedCloud, device_lists, eventually, exporter, simulated_cloud, write_config

DEVICES = [("pbd", "P1"), ("pcs", "C1"), ("hps_central", "H1")]
METRIC = "atess_exporter_timezone_offset_seconds"
TIMESTAMP = "atess_device_data_timestamp_seconds"
WARNING = "the readings' own times do not fit api.timezone"


def config(cloud: SimulatedCloud, zone: str | None, interval: str) -> dict[str, Any]:
    api = {"base_url": cloud.url, "requests_per_minute": 6000} | ({"timezone": zone} if zone else {})
    return {"api": api, "poll": {"interval": interval}, "devices": device_lists(DEVICES)}


def shown(it: Exporter, name: str) -> dict[str, float]:
    return {series: value for series, value in samples(it.page()).items() if series.startswith(name)}


def reload(it: Exporter, to: dict[str, Any]) -> None:
    write_config(it.config, to)
    it.process.signal(signal.SIGHUP)


def fleet(*arguments: str) -> list[str]:
    return ["--devices", ",".join(f"{type}:{sn}" for type, sn in DEVICES), "--timezone", "Asia/Bangkok", *arguments]


def test_a_wrong_zone_is_told_everywhere_until_a_reload_sets_it_right(tmp_path: Path) -> None:
    with simulated_cloud(*fleet("--upload-interval", "1")) as cloud, exporter(tmp_path, config(cloud, "Asia/Tokyo", "1s")) as it:
        wrong = {f'{METRIC}{{fits="Asia/Bangkok",timezone="Asia/Tokyo"}}': -7200}
        eventually(lambda: shown(it, METRIC) == wrong)
        eventually(lambda: it.get("/devices.json").json()["timezone"]["fitting"][0]["devices"] == len(DEVICES))
        for path in ("/", "/devices", "/devices/pbd/P1"):
            page = it.get(path).text
            assert "2 h behind now" in page, path
            assert re.search(r"<code>Asia/Bangkok</code> \(UTC\+07:00\)\s+would fit", page), path
        assert it.get("/devices/pbd/P1.json").json()["fitting_timezone"] == "Asia/Bangkok"
        reload(it, config(cloud, None, "1s"))
        it.process.wait_for("config reloaded")
        assert shown(it, METRIC) == shown(it, TIMESTAMP) == {}
        page = it.get("/").text
        assert "<code>api.timezone</code> is not set" in page
        assert "<code>Etc/GMT-7</code> (UTC+07:00)" in page
        reload(it, config(cloud, "Asia/Bangkok", "1s"))
        eventually(lambda: shown(it, METRIC) == {f'{METRIC}{{fits="Asia/Bangkok",timezone="Asia/Bangkok"}}': 0})
        assert "api.timezone" not in it.get("/").text
        it.process.wait_for("readings' own times fit api.timezone")
        (line,) = (line for line in it.process.lines if WARNING in line)
        assert "level=warning" in line
        assert "timezone=Asia/Tokyo fits=Asia/Bangkok offset_seconds=-7200" in line


def test_a_reload_with_another_zone_applies_at_once_without_a_poll(tmp_path: Path) -> None:
    with simulated_cloud(*fleet()) as cloud, exporter(tmp_path, config(cloud, "Etc/UTC", "1h")) as it:
        eventually(lambda: len(shown(it, TIMESTAMP)) == len(DEVICES))
        before, asked = shown(it, TIMESTAMP), len(cloud.requests())
        reload(it, config(cloud, "Asia/Bangkok", "1h"))
        it.process.wait_for("config reloaded")
        assert shown(it, TIMESTAMP) == {series: value - 7 * 3600 for series, value in before.items()}
        assert len(cloud.requests()) == asked
