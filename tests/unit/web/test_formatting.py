import pytest

from exporter.web.formatting import ago, device_url, iso, number, short, span, utc


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0123, "12 ms"),
        (0.9996, "1 s"),
        (1.5, "1.5 s"),
        (9.949, "9.95 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (300, "5 min"),
        (3599.7, "1 h"),
        (5400, "1 h 30 min"),
        (86400, "1 d"),
        (100_000, "1 d 3 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "now"),
        (-0.4, "now"),
        (1, "1 s ago"),
        (89, "89 s ago"),
        (90, "2 min ago"),
        (5399, "90 min ago"),
        (5400, "2 h ago"),
        (130_000, "2 d ago"),
        (-30, "in 30 s"),
        (-7200, "in 2 h"),
    ],
)
def test_how_long_ago(seconds: float, text: str) -> None:
    assert ago(seconds) == text


def test_times() -> None:
    assert utc(1795316400.9) == "2026-11-22 03:00:00 UTC"
    assert iso(1795316400.9) == "2026-11-22T03:00:00Z"
    for impossible in (1e18, -1e18, float("inf"), float("nan")):
        assert utc(impossible) == iso(impossible) == ""


@pytest.mark.parametrize(
    ("sn", "url"),
    [
        ("UMD1", "/devices/pbd/UMD1"),
        ("a/b?c#d%", "/devices/pbd/a%2Fb%3Fc%23d%25"),
        ("\ud800", "/devices/pbd/%ED%A0%80"),
        ('"><', "/devices/pbd/%22%3E%3C"),
        (".", None),
        ("..", None),
        ("...", "/devices/pbd/..."),
    ],
)
def test_addresses_of_devices(sn: str, url: str | None) -> None:
    assert device_url("pbd", sn) == url


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (48, "48"),
        (48.0, "48"),
        (-0.0, "0"),
        (-3.0, "-3"),
        (0.46000000834465027, "0.46000000834465027"),
        (1e300, "1e+300"),
        (10**20, "100000000000000000000"),
        (1e-7, "1e-07"),
    ],
)
def test_values(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.46000000834465027, "0.46"),
        (52.459999084472656, "52.46"),
        (2.299999952316284, "2.3"),
        (123456.7890123, "123456.789"),
        (0.000123456, "0.0001235"),
        (0.30000000000000004, "0.3"),
        (6523.6, "6523.6"),
        (-30.0, "-30"),
        (0.0, "0"),
        (48130, "48130"),
        (-1, "-1"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (9007199254740993, "9007199254740993"),
        (10**300, str(10**300)),
    ],
)
def test_long_tails_are_cut_for_people(value: float, text: str) -> None:
    assert short(value) == text
