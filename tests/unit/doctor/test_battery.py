from collections.abc import Sequence
from pathlib import Path

import pytest

from exporter.doctor.battery import check
from exporter.doctor.check import Check, Outcome
from tests.helpers.observed import Observed


def sign(folder: Path, signals: Sequence[tuple[float, float]]) -> Check:
    """What is found of `ibat` from pairs of current and state of charge, every 5 minutes."""
    rows = [{"ibat": amps, "capacity": charge} for amps, charge in signals]
    (found,) = check(Observed(folder, "pbd").history(rows, begin="2026-05-05 01:00:00").seen)
    return found


def cycle(up: float, down: float) -> Sequence[tuple[float, float]]:
    return [(up, 40 + number // 2) for number in range(24)] + [(down, 52 - number // 2) for number in range(24)]


@pytest.mark.parametrize(("up", "down", "words"), [(20, -20, "positive while charging"), (-20, 20, "positive while discharging")])
def test_a_sign_that_follows_the_state_of_charge(tmp_path: Path, up: float, down: float, words: str) -> None:
    found = sign(tmp_path, cycle(up, down))
    assert found.outcome is Outcome.OK
    assert f"ibat is {words}" in found.seen


@pytest.mark.parametrize(
    ("signals", "words"),
    [
        (cycle(20, 20), "has no sign: it is positive both ways"),
        (cycle(0, 0), "its sign does not follow"),
        (cycle(20, -20)[:24], "the state of charge only rose"),
        (cycle(20, -20)[30:], "the state of charge only fell"),
        ([(20, 50.0)] * 40, "the state of charge moved too little"),
        ([((-1) ** number * 20, charge) for number, (_, charge) in enumerate(cycle(1, 1))], "its sign does not follow"),
    ],
)
def test_what_does_not_tell(tmp_path: Path, signals: Sequence[tuple[float, float]], words: str) -> None:
    found = sign(tmp_path, signals)
    assert found.outcome is Outcome.SKIP
    assert words in found.seen
    assert found.settles == {}
