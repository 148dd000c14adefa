from pathlib import Path
from typing import Any

import pytest

from exporter.doctor.check import Check, Outcome
from exporter.doctor.durations import check
from tests.helpers.observed import Observed


def units(folder: Path, rows: list[dict[str, Any]]) -> Check:
    (found,) = check(Observed(folder, "pbd").history(rows, begin="2026-05-05 10:00:00").seen)
    return found


def day(today: float, total: float, total_per_today: float) -> list[dict[str, Any]]:
    """Two hours of sun, with the time of the day in minutes from `today` on."""
    return [
        {
            "epvTimeToday": today + number * 5,
            "epvTimeTotal": total + number * 5 * total_per_today,
            "epvToday": 20 + number,
            "epvTotal": 5000 + number,
        }
        for number in range(24)
    ]


@pytest.mark.parametrize(("per_minute", "unit"), [(1.0, "min"), (1 / 60, "h")])
def test_the_total_by_how_it_grows(tmp_path: Path, per_minute: float, unit: str) -> None:
    found = units(tmp_path, day(120, 20_000 * per_minute, per_minute))
    words = found.seen
    assert "epvTimeToday" in words
    # the catalogue says h of totals: anything else is worth a word
    assert found.outcome is (Outcome.OK if unit == "h" else Outcome.WARN)
    assert f"epvTimeTotal in {unit}" in words


def test_a_first_day(tmp_path: Path) -> None:
    """The sibling platform's example: 358.1 minutes of the day beside 5.5 in total."""
    row = {"epvTimeToday": 358.1, "epvTimeTotal": 5.97, "epvToday": 40.0, "epvTotal": 40.1}
    found = units(tmp_path, [row])
    assert "epvTimeToday in min" in found.seen
    assert "epvTimeTotal in h" in found.seen


def test_hours_of_the_day(tmp_path: Path) -> None:
    rows = [{"epvTimeToday": 2 + number / 12} for number in range(24)]
    # 2 hours at 10 o'clock may be minutes; that it grows by a twelfth in 5 minutes may be little sun
    assert "not settled" in units(tmp_path, rows).seen


@pytest.mark.parametrize("value", [0, 3])
def test_small_numbers_tell_nothing(tmp_path: Path, value: int) -> None:
    found = units(tmp_path, [{"epvTimeToday": value, "epvTimeTotal": value}])
    assert found.outcome is Outcome.SKIP
    assert "not settled" in found.seen
    assert found.settles == {}


def test_more_than_the_day_has(tmp_path: Path) -> None:
    found = units(tmp_path, [{"epvTimeToday": 5000}])
    assert "not settled" in found.seen
