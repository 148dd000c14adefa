from pathlib import Path

import pytest

from exporter.doctor.check import Check, Outcome
from exporter.doctor.times import check
from tests.helpers.observed import NOW, Observed


def named(observed: Observed, name: str) -> Check:
    return next(found for found in check(observed.seen) if found.name == name)


@pytest.mark.parametrize(
    ("time", "form", "outcome"),
    [
        ("2026-05-05 18:57:00", "as documented, without a zone", Outcome.OK),
        ("2026-05-05T18:57:00", "another form of ISO 8601, without a zone", Outcome.OK),
        ("2026-05-05T18:57:00+07:00", "another form of ISO 8601, with a zone", Outcome.OK),
        (None, "no time", Outcome.WARN),
        ("soon", "a time that cannot be read", Outcome.WARN),
        ("0000-00-00 00:00:00", "a time that cannot be read", Outcome.WARN),
    ],
)
def test_the_form_of_the_time(tmp_path: Path, time: str | None, form: str, outcome: Outcome) -> None:
    found = named(Observed(tmp_path).reading(time), "time pcs")
    assert (found.seen, found.outcome) == (form, outcome)


def test_how_often_the_time_moves(tmp_path: Path) -> None:
    observed = Observed(tmp_path, zone="Asia/Bangkok", watch=900).reading("2026-05-05 18:57:00", at=NOW - 1800)
    for minutes in (0, 10, 20, 30):
        observed.watched(f"2026-05-05 19:{minutes:02}:00" if minutes else "2026-05-05 18:57:00", NOW - 1800 + minutes * 60)
    found = named(observed, "upload pcs")
    assert "the time moved 3 times in 30 min, by 10 min" in found.seen
    # every 5 minutes is within the half and the double
    assert found.outcome is Outcome.OK
    assert found.settles == {"upload.interval": "every 10 min"}


def test_an_interval_that_asks_for_nothing_new(tmp_path: Path) -> None:
    observed = Observed(tmp_path, zone="Asia/Bangkok", watch=3600).reading("2026-05-05 18:30:00", at=NOW - 1800)
    found = named(observed.watched("2026-05-05 19:00:00"), "upload pcs")
    assert found.outcome is Outcome.WARN
    assert found.config == {("poll", "interval"): "30m"}
    assert "5m asks more often than there is anything new" in found.remedy


def test_a_time_that_does_not_move(tmp_path: Path) -> None:
    observed = Observed(tmp_path, zone="Asia/Bangkok", watch=900).reading("2026-05-05 18:57:00", at=NOW - 900)
    found = named(observed.watched("2026-05-05 18:57:00"), "upload pcs")
    assert found.outcome is Outcome.WARN
    assert found.seen == "the time did not move in 15 min"
