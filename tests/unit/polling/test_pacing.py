import pytest

from exporter.polling.pacing import Pace, fit


@pytest.mark.parametrize(
    ("intervals", "rate", "pace"),
    [
        ([], 60, Pace(0, 1)),
        ([300] * 3, 60, Pace(0.6, 1)),
        ([300] * 285, 60, Pace(57, 1)),
        ([300] * 300, 60, Pace(60, 60 / 57)),
        ([300] * 500, 60, Pace(100, 100 / 57)),
        ([60, 30], 1, Pace(3, 3 / 0.95)),
    ],
)
def test_intervals_are_stretched_only_if_they_do_not_fit(intervals: list[float], rate: float, pace: Pace) -> None:
    found = fit(intervals, rate)
    assert found.demand == pytest.approx(pace.demand)
    assert found.stretch == pytest.approx(pace.stretch)
    assert found.fits == (pace.stretch == 1)
