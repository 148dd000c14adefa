import pytest

from exporter.api.reading import InvalidReadingError
from exporter.polling.device_settings import read_settings

SECONDS = tuple(f"setting_{name}_seconds" for name in "abcd")


@pytest.mark.parametrize(
    ("data", "gauges"),
    [
        ({"cellFullChargeVoltage": 3.6, "x": "7"}, {"setting_cellFullChargeVoltage": 3.6, "setting_x": 7}),
        ({"valleyPeriodTime5": "08:30"}, {"setting_valleyPeriodTime5_seconds": 30600}),
        ({"a": "00:00", "b": "23:59:59"}, {"setting_a_seconds": 0, "setting_b_seconds": 86399}),
        ({"a": "24:00", "b": "8:30", "c": "24:00:00", "d": "0:00"}, dict(zip(SECONDS, (86400, 30600, 86400, 0), strict=True))),
        ({"a": "24:30", "b": "24:00:01", "c": "08:60", "d": "8:5", "e": "25:00", "f": "008:30", "g": " 08:30"}, {}),
        ({"d": "08:30-09:00", "e": "word", "f": None, "g": "24h", "h": "24:0", "i": "٨:30", "j": "24:00\n", "k": "24:01:00"}, {}),
        ({"deviceSn": "12345", "time": "2026", "on": True}, {"setting_on": 1}),
        ({"loggerSn": "123456789012", "plantId": 5, "workMode": "00E4", "faultCode": "12"}, {"setting_faultCode": 12}),
        ({}, {}),
    ],
)
def test_settings_become_gauges(data: object, gauges: dict[str, float]) -> None:
    assert read_settings(data, "12345") == gauges


@pytest.mark.parametrize("data", [None, [], "x", {f"f{n}": n for n in range(513)}, {"deviceSn": "B", "x": 1}])
def test_what_are_no_settings(data: object) -> None:
    with pytest.raises(InvalidReadingError):
        read_settings(data, "A")
