from pathlib import Path
from typing import Any

import pytest

from exporter.doctor.check import Check, Outcome
from exporter.doctor.power import check
from tests.helpers.observed import Observed


def units(folder: Path, rows: list[dict[str, Any]], device_type: str = "pbd") -> Check:
    (found,) = check(Observed(folder, device_type).history(rows).seen)
    return found


def output(watts: float, per_watt: float) -> dict[str, Any]:
    return {"outv": 500, "outi": watts / 500, "outPower": watts * per_watt}


@pytest.mark.parametrize(("per_watt", "unit"), [(1.0, "W"), (0.001, "kW"), (0.8, "W"), (0.0017, "kW"), (-1.0, "W")])
def test_watts_or_kilowatts(tmp_path: Path, per_watt: float, unit: str) -> None:
    found = units(tmp_path, [output(watts, per_watt) for watts in (1000, 5000, 20000)])
    assert f"outPower is in {unit}" in found.seen
    assert found.config["types", "pbd", "fields", "outPower"]["unit"] == unit


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([output(5000, 1.0), output(6000, 1.0)], "too few to tell"),
        # tenths of a kilowatt, which is neither
        ([output(watts, 0.01) for watts in (1000, 5000, 20000)], "which is neither W nor kW"),
        # a power that has nothing to do with this current
        ([output(1000, 1.0), output(5000, 0.01), output(20000, 0.3), output(20000, 0.001)], "which do not agree"),
        # some volts of an offset
        ([output(watts, 1.0) for watts in (10, 20, 30, 40)], "no reading has enough of it"),
        ([{"outv": 500, "outi": 10, "outPower": 0} for _ in range(5)], "which do not agree"),
    ],
)
def test_what_does_not_tell_is_not_settled(tmp_path: Path, rows: list[dict[str, Any]], why: str) -> None:
    found = units(tmp_path, rows)
    assert found.outcome is Outcome.SKIP
    assert "outPower is not settled" in found.seen
    assert why in found.seen
    assert found.settles == {}
    assert found.config == {}


def test_energies_of_the_day_tell_too(tmp_path: Path) -> None:
    # 12 kW for two hours: a kilowatt-hour every 5 minutes
    rows = [{"ppv": 12000, "epvToday": number, "vpv": 0, "ipv": 0} for number in range(24)]
    assert "ppv is in W" in units(tmp_path, rows).seen
    rows = [row | {"ppv": 12} for row in rows]
    assert "ppv is in kW" in units(tmp_path, rows).seen


def test_comparisons_that_contradict_each_other(tmp_path: Path) -> None:
    rows = [{"ppv": 12000, "epvToday": number / 1000 * 12, "vpv": 600, "ipv": 20} for number in range(24)]
    rows = [row | {"epvToday": number * 1000} for number, row in enumerate(rows)]
    found = units(tmp_path, rows)
    assert "ppv is not settled" in found.seen
    assert "contradict" in found.seen


def test_fields_that_are_not_there(tmp_path: Path) -> None:
    found = units(tmp_path, [{"vbat": 500} for _ in range(5)])
    assert found.outcome is Outcome.SKIP
    assert "no power has" in found.seen
