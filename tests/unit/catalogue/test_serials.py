import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.api.device_list import ListedDevice, read_listing
from exporter.api.reading import read
from exporter.app import merge_devices
from exporter.catalogue.serials import distinct, serial_key
from exporter.catalogue.types import Device, Evidence
from exporter.config.load import Config, load
from exporter.config.sharding import owner

SPACE = st.text(" \t\n", max_size=2)
#: As devices have them.
SERIALS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=20)


@st.composite
def spellings(draw: st.DrawFn) -> tuple[str, str]:
    """One serial number in two spellings."""
    sn = draw(SERIALS)
    upper = draw(st.lists(st.booleans(), min_size=len(sn), max_size=len(sn)))
    other = "".join(c.upper() if up else c.lower() for c, up in zip(sn, upper, strict=True))
    return sn, draw(SPACE) + other + draw(SPACE)


@settings(deadline=None)
@given(spellings(), st.integers(2, 40))
def test_two_spellings_are_one_device_everywhere(pair: tuple[str, str], total: int) -> None:
    one, other = pair
    assert serial_key(one) == serial_key(other)
    assert Device("pbd", one, "x", Evidence.DOCUMENTED, 1).key == Device("pbd", other, "x", Evidence.DOCUMENTED, 1).key
    assert ListedDevice("pbd", one, "L", None, None).key == ListedDevice("pbd", other, "L", None, None).key
    assert owner("pbd", one, total) == owner("pbd", other, total)
    assert distinct([one, other]) == [one]
    assert read({"deviceSn": other, "ppv": 1}, one).fields == {"ppv": 1}


@pytest.mark.parametrize("pair", [("straße", "STRASSE"), ("ÄÖ", "äö"), ("ﬁ", "FI")])
def test_letters_beyond_ascii_are_folded_alike_everywhere(pair: tuple[str, str]) -> None:
    one, other = pair
    assert serial_key(one) == serial_key(other)
    assert owner("pbd", one, 40) == owner("pbd", other, 40)
    assert read({"deviceSn": other, "ppv": 1}, one).fields == {"ppv": 1}


@settings(deadline=None)
@given(st.text(min_size=1), st.text(min_size=1))
def test_whatever_is_one_device_has_one_owner(one: str, other: str) -> None:
    assert serial_key(serial_key(one)) == serial_key(one)
    assert (serial_key(one) == serial_key(other)) is (distinct([one, other]) == [one])
    assert owner("pbd", one, 7) == owner("pbd", serial_key(one), 7)


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Config:
    path = tmp_path_factory.mktemp("config") / "config.yaml"
    path.write_text(
        "devices: {pbd: [{deviceSn: ' uMd1 ', info: {site: Pai}}]}\ndiscovery: {datalog_sns: [north, NORTH, ' North ', south]}"
    )
    return load(path, {"ATESS_API_TOKEN": "made-up"})


def test_a_device_that_is_listed_and_discovered_is_one_in_the_config_s_spelling(listed: Config) -> None:
    assert [device.sn for device in listed.devices] == ["uMd1"]
    listings = read_listing([{"deviceSn": " UMD1", "firmwareVersion": "7", "lost": 1}, {"deviceSn": "UMD2"}], "pbd", "north")
    merged = merge_devices(listed, {listing.key: listing for listing in listings})
    assert [(entry.sn, entry.query["deviceSn"], entry.lost, dict(entry.info)) for entry in merged] == [
        ("uMd1", "UMD1", True, {"datalogSn": "north", "firmwareVersion": "7", "site": "Pai"}),
        ("UMD2", "UMD2", None, {"datalogSn": "north"}),
    ]


def test_a_data_logger_in_two_spellings_is_asked_once(listed: Config) -> None:
    assert listed.discovery is not None
    assert listed.discovery.datalog_sns == ["north", "south"]
