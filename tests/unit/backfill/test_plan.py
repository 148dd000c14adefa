from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from exporter.backfill.plan import BackfillError, BackfillPlan, Range, Source, count_pages, local_seconds, local_time, make_plan
from exporter.backfill.progress import Progress, duration
from exporter.backfill.spill import Spill
from exporter.config.load import Config, load
from tests.helpers.fakes import FakeClock

MAY, JUNE = datetime(2024, 5, 1), datetime(2024, 6, 1)
NOW = datetime(2024, 7, 1, tzinfo=UTC).timestamp()
CONFIG = """
api: {timezone: Asia/Bangkok}
devices: {pbd: [P1, P2], pcs: [C1]}
types:
  own: {path: own/last}
  pcs: {history_path: pcs/old}
"""


def config(tmp_path: Path, text: str = CONFIG) -> Config:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return load(path, {"ATESS_API_TOKEN": "made-up"}, devices_needed=False)


def planned(config: Config) -> BackfillPlan:
    """The plan for May and all devices that the config lists."""
    return make_plan(config, MAY, JUNE, [(device.type, device.sn) for device in config.devices], NOW)


def test_a_range_is_asked_in_windows_that_leave_nothing_out() -> None:
    whole = Range(local_seconds(MAY), local_seconds(MAY + timedelta(days=10, seconds=1)))
    assert [str(window) for window in whole.windows(7 * 86400, UTC)] == [
        "2024-05-01 00:00:00 to 2024-05-08 00:00:00",
        "2024-05-08 00:00:00 to 2024-05-11 00:00:01",
    ]
    assert whole.windows(7 * 86400, UTC)[0].query == {"startDate": "2024-05-01 00:00:00", "endDate": "2024-05-08 00:00:00"}


def test_no_window_begins_in_an_hour_that_occurs_twice_or_never() -> None:
    for start, bounds in (
        (datetime(2024, 10, 20, 2, 20), ["10-20 02:20", "10-27 01:50", "11-03 01:50"]),
        (datetime(2024, 3, 24, 2), ["03-24 02:00", "03-31 01:30", "04-07 01:30"]),
        (datetime(2024, 3, 24, 3), ["03-24 03:00", "03-31 03:00", "04-07 03:00"]),
    ):
        windows = Range(local_seconds(start), local_seconds(start) + 20 * 86400).windows(7 * 86400, ZoneInfo("Europe/Berlin"))
        assert [str(local_time(window.start))[5:16] for window in windows] == bounds
        assert all(one.end == two.start for one, two in pairwise(windows))
    # the end of all is the user's, and a window never is empty
    odd = Range(local_seconds(datetime(2024, 10, 27, 2)), local_seconds(datetime(2024, 10, 27, 2, 40)))
    assert odd.windows(600, ZoneInfo("Europe/Berlin"))[-1].end == odd.end


def test_local_seconds_and_back() -> None:
    for time in (MAY, datetime(1969, 12, 31, 23, 59, 59), datetime(2100, 2, 28, 1, 2, 3)):
        assert local_time(local_seconds(time)) == time


def test_the_devices_of_the_config_by_the_paths_of_their_types(tmp_path: Path) -> None:
    plan = planned(config(tmp_path))
    assert [(source.type, source.sn, source.path.path, source.path.evidence) for source in plan.sources] == [
        ("pbd", "P1", "pbd/data-list", "I"),
        ("pbd", "P2", "pbd/data-list", "I"),
        ("pcs", "C1", "pcs/old", "C"),
    ]
    assert (len(plan.windows), plan.page_size, str(plan.zone)) == (5, 100, "Asia/Bangkok")


def test_named_devices_go_before_those_of_the_config_and_count_once(tmp_path: Path) -> None:
    plan = make_plan(config(tmp_path), MAY, JUNE, [("bcu", "B1"), ("bcu", "B1"), ("pbd", "P2")], NOW)
    assert [source.key for source in plan.sources] == [("bcu", "B1"), ("pbd", "P2")]


@pytest.mark.parametrize(
    ("text", "start", "end", "devices", "problem"),
    [
        (
            "api: {}",
            MAY,
            JUNE,
            [],
            "config.yaml: api.timezone: missing; the readings' times are local",
        ),
        (CONFIG, JUNE, MAY, [], "--from 2024-06-01 00:00:00 is not before --to 2024-05-01 00:00:00"),
        (CONFIG, MAY, MAY, [], "is not before --to"),
        (CONFIG, MAY, datetime(2024, 8, 1), [], "--to 2024-08-01 00:00:00 is in the future in Asia/Bangkok"),
        ("api: {timezone: UTC}", MAY, JUNE, [], "no devices; expected some under devices, under discovery, or in --devices"),
        (
            CONFIG,
            MAY,
            JUNE,
            [("pbx", "1")],
            "pbx:1: unknown type; expected one of bcu, hps_central, hps_string, mbms, own, pbd, pcs",
        ),
        (CONFIG, MAY, JUNE, [("own", "1")], "own:1: no path for the history of this type; expected types.own.history_path"),
    ],
)
def test_what_makes_no_plan(
    tmp_path: Path, text: str, start: datetime, end: datetime, devices: list[tuple[str, str]], problem: str
) -> None:
    with pytest.raises(BackfillError) as caught:
        make_plan(config(tmp_path, text), start, end, devices, NOW)
    assert problem in str(caught.value)


def test_requests_are_estimated_by_a_reading_every_five_minutes(tmp_path: Path) -> None:
    week = Range(0, 7 * 86400)
    assert (count_pages(week, 100), count_pages(Range(0, 100 * 300), 100), count_pages(Range(0, 300), 100)) == (21, 2, 1)
    plan = planned(config(tmp_path))
    assert plan.requests == 3 * (4 * 21 + 9)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0m00s"), (59.6, "1m00s"), (3599, "59m59s"), (3600, "1h00m"), (86399, "1d00h"), (7 * 86400 + 3600, "7d01h")],
)
def test_a_duration_is_said_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_what_is_left_is_estimated_by_what_was_seen(tmp_path: Path) -> None:
    clock = FakeClock()
    plan = planned(config(tmp_path))
    spill = Spill(tmp_path / "spill", {})
    for window in range(5):
        spill.finish(plan.sources[0], window, {}, {})
    progress = Progress(plan, spill, clock, lambda: 60.0)
    spill.close()
    assert (progress.windows_left, progress.requests_left(), progress.seconds_left()) == (10, 186, 186.0)
    for _ in range(30):
        progress.asked()
    clock.advance(60)
    progress.add_window(plan.sources[1], 0, 1000)
    # 30 requests a window, each of two seconds
    assert (progress.windows_left, progress.requests_left(), progress.seconds_left()) == (9, 270, 540.0)


def test_where_there_is_no_terminal_a_line_says_every_half_minute_how_far_it_is(tmp_path: Path) -> None:
    clock = FakeClock()
    plan = planned(config(tmp_path))
    spill = Spill(tmp_path / "spill", {})
    # of a device that is no longer asked for
    spill.finish(Source("pbd", "gone", plan.sources[0].path), 0, {"ppv": (list(range(500)), [0] * 500)}, {})
    progress = Progress(plan, spill, clock, lambda: 60.0)
    spill.close()
    with capture_logs() as logs, progress.display():
        for _ in range(61):
            progress.update()
            clock.advance(1)
        progress.update()
    assert (
        logs
        == [
            {
                "event": "backfill in progress",
                "log_level": "info",
                "devices": "0/3",
                "windows": "0/15",
                "samples": 500,
                "requests_left": 279,
                "time_left": "4m39s",
            }
        ]
        * 2
    )


def test_a_device_in_several_spellings_is_one_in_the_config_s(tmp_path: Path) -> None:
    named = [("pbd", "p1"), ("pbd", "P1"), ("pcs", "X"), ("pbd", " P2"), ("pcs", "x")]
    plan = make_plan(config(tmp_path), MAY, JUNE, named, NOW)
    assert [(source.type, source.sn) for source in plan.sources] == [("pbd", "P1"), ("pcs", "X"), ("pbd", "P2")]
