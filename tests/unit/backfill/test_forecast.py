import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exporter.backfill.forecast import forecast
from exporter.backfill.plan import make_plan
from exporter.config.load import load

MAY = datetime(2024, 5, 1)
NOW = datetime(2024, 7, 1, tzinfo=UTC).timestamp()
CONFIG = """
api: {timezone: Asia/Bangkok}
devices: {pbd: [P1, P2], pcs: [C1]}
types:
  own: {path: own/last, history_path: own/old}
  pcs: {history_path: pcs/old}
"""


def said(
    tmp_path: Path,
    more: str = "",
    devices: list[tuple[str, str]] | None = None,
    labels: dict[str, str] | None = None,
    end: datetime = datetime(2024, 6, 1),
) -> list[str]:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG + more)
    config = load(path, {"ATESS_API_TOKEN": "made-up"}, devices_needed=False)
    listed = [(device.type, device.sn) for device in config.devices]
    plan = make_plan(config, MAY, end, listed if devices is None else devices, NOW)
    return forecast(config, plan, labels or {}, NOW).splitlines()


def test_a_forecast_says_what_is_asked_and_written_and_how_long_it_takes(tmp_path: Path) -> None:
    # 8,928 rows of each device, of (82 + 82 + 106) fields
    assert said(tmp_path) == [
        "2024-05-01 00:00:00 to 2024-06-01 00:00:00 (Asia/Bangkok), in 5 windows of at most 168h",
        "pbd: 2 devices, pbd/data-list (inferred, never seen), 82 fields known",
        "pcs: 1 device, pcs/old (set in the config), 106 fields known",
        "some 279 requests, if each device uploaded every 5 minutes: 4m39s at 60 a minute",
        "about 2,400,000 samples, if each device has the fields that are known: 170 MB of output, 9.6 MB as Prometheus' blocks",
        "to keep the oldest sample, Prometheus needs --storage.tsdb.retention.time=63d, and a day more for each further day",
    ]


def test_labels_of_all_samples_make_the_output_larger(tmp_path: Path) -> None:
    line = said(tmp_path, labels={"job": "atess", "site": "Pai"})[-2]
    # 12 and 11 characters more in each of 2.4 million lines
    assert "220 MB of output, 9.6 MB as" in line


def test_only_fields_that_are_chosen_count(tmp_path: Path) -> None:
    lines = said(tmp_path, "fields: {pbd: {include: [vbat, 'ipv*'], exclude: [ipv5]}, pcs: {include: [time]}}")
    assert [re.findall(r"\d+ fields", line) for line in lines[1:3]] == [["5 fields"], ["0 fields"]]
    assert "about 89,000 samples" in lines[-2]


@pytest.mark.parametrize(
    ("end", "sizes"),
    [
        (datetime(2024, 5, 1, 0, 5), "82 samples|5.7 kB of|330 B as"),
        (datetime(2024, 5, 2), "24,000 samples|1.7 MB of|94 kB as"),
    ],
)
def test_a_short_range_is_small(tmp_path: Path, end: datetime, sizes: str) -> None:
    line = said(tmp_path, devices=[("pbd", "P1")], end=end)[-2]
    assert all(size in line for size in sizes.split("|")), line


def test_a_large_fleet_s_history_is_large(tmp_path: Path) -> None:
    line = said(tmp_path, devices=[("pbd", str(number)) for number in range(10_000)])[-2]
    assert "about 7,300,000,000 samples" in line
    assert "510 GB of output, 29 GB as" in line


def test_of_a_type_that_nobody_described_nothing_is_foretold(tmp_path: Path) -> None:
    lines = said(tmp_path, devices=[("own", "O1")])
    assert lines[1] == "own: 1 device, own/old (set in the config), 0 fields known"
    assert "about 0 samples" in lines[-2]
    assert "0 B of output" in lines[-2]
