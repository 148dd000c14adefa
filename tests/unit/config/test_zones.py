from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from exporter.config.zones import name_near, suggest


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("Asia/Bankok", "Asia/Bangkok"),
        ("asia/bangkok", "Asia/Bangkok"),
        ("Bangkok", "Asia/Bangkok"),
        ("New York", "America/New_York"),
        ("UTC+7", "Etc/GMT-7"),
        ("gmt-03:00", "Etc/GMT+3"),
        ("+5:45", "Asia/Kathmandu"),
        ("UTC+99", None),
        ("Mars", None),
        ("", None),
    ],
)
def test_what_is_no_zone_s_name_shows_which_one_is_meant(text: str, zone: str | None) -> None:
    assert suggest(text) == zone


@pytest.mark.parametrize(
    ("zone", "hours", "date", "name"),
    [
        # a country's largest place before those of the region
        ("America/Chicago", -4, "2026-06-01", "America/New_York"),
        ("Asia/Jayapura", 7, "2026-06-01", "Asia/Jakarta"),
        ("Asia/Tokyo", 7, "2026-06-01", "Asia/Bangkok"),
        # none in the region, or no region
        ("Europe/Berlin", 7, "2026-06-01", "Etc/GMT-7"),
        ("Etc/GMT+7", 7, "2026-06-01", "Etc/GMT-7"),
        ("UTC", 5.5, "2026-06-01", "Asia/Colombo"),
        ("US/Central", 0, "2026-06-01", "Etc/UTC"),
        # its own offset at another time of the year
        ("Europe/Berlin", 1, "2026-06-01", "Etc/GMT-1"),
        ("Europe/Berlin", 1, "2026-03-30", "Etc/GMT-1"),
        ("Europe/Berlin", 2, "2026-12-01", "Etc/GMT-2"),
    ],
)
def test_a_zone_of_an_offset_is_one_near_the_other(zone: str, hours: float, date: str, name: str) -> None:
    when = datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp()
    assert name_near(ZoneInfo(zone), int(hours * 3600), when) == name
