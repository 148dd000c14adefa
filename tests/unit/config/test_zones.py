import pytest

from exporter.config.zones import suggest


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
