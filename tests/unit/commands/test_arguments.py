from argparse import ArgumentTypeError
from contextlib import nullcontext
from datetime import datetime

import pytest

from exporter.commands.arguments import moment, telemetry_path


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("/", True),
        ("/devices", True),
        ("/devices.json", True),
        ("/devices/x", True),
        ("/-/x", True),
        ("/metrics", False),
        ("/devices-metrics", False),
        ("/metrics/devices", False),
    ],
)
def test_which_paths_are_taken(path: str, taken: bool) -> None:
    with pytest.raises(ArgumentTypeError, match="own") if taken else nullcontext():
        assert telemetry_path(path) == path


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-10-01", datetime(2026, 10, 1)),
        ("2026-10-01T08:30", datetime(2026, 10, 1, 8, 30)),
        ("2026-10-01 08:30:59", datetime(2026, 10, 1, 8, 30, 59)),
    ],
)
def test_a_time_is_a_date_or_a_date_with_time(text: str, time: datetime) -> None:
    assert moment(text) == time


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-02-30", "2026-10-01T08:30Z", "2026-10-01T08:30+07:00", "2026-10-01T08:30:00.5"]
)
def test_anything_else_is_no_time(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="expected YYYY-MM-DD"):
        moment(text)
