from pathlib import Path

import pytest

from exporter.catalogue.evidence import load_facts
from exporter.doctor.check import Check, Outcome
from exporter.doctor.grid import check
from exporter.doctor.observations import LATEST
from tests.helpers.observed import NOW, Observed


def direction(folder: Path, **energies: float) -> Check:
    usual: dict[str, float] = {
        "pvEnergy": 100,
        "loadToday": 60,
        "eChargeToday": 20,
        "eDischargeToday": 10,
        "gridToday": 0,
        "toGridToday": 0,
    }
    (found,) = check(Observed(folder).reading("2026-05-05 18:00:00", "D1", NOW, LATEST, **(usual | energies)).seen)
    return found


def test_names_that_are_right(tmp_path: Path) -> None:
    found = direction(tmp_path, toGridToday=35, gridToday=5)
    assert found.outcome is Outcome.OK
    assert found.seen.startswith("gridToday is taken from the grid and toGridToday given to it")


def test_names_that_are_turned(tmp_path: Path) -> None:
    found = direction(tmp_path, toGridToday=5, gridToday=35)
    assert found.seen.startswith("gridToday is given to the grid and toGridToday taken from it, against their names")


@pytest.mark.parametrize(
    ("energies", "why"),
    [
        ({"toGridToday": 16, "gridToday": 14}, "too alike"),
        ({"toGridToday": 35, "gridToday": 5, "loadToday": 200}, "balance neither way"),
        (dict.fromkeys(("pvEnergy", "loadToday", "eChargeToday", "eDischargeToday"), 0.0), "too little"),
    ],
)
def test_what_does_not_tell(tmp_path: Path, energies: dict[str, float], why: str) -> None:
    found = direction(tmp_path, **energies)
    assert found.outcome is Outcome.SKIP
    assert why in found.seen
    assert found.settles == {}


def test_a_field_that_is_missing(tmp_path: Path) -> None:
    (found,) = check(Observed(tmp_path).reading("2026-05-05 18:00:00", gridToday=1, toGridToday=2, pvEnergy=3).seen)
    assert "no loadToday, echargeToday, edischargeToday to balance gridToday with" in found.seen


def test_only_a_pcs_settles_how_a_pcs_counts() -> None:
    (fact,) = [fact for fact in load_facts() if "direction of the PCS" in fact.fact]
    assert fact.answers({"grid.hps_central": ["as named"]}) == []
    assert fact.answers({"grid.pcs": ["as named"]}) == ["as named"]
