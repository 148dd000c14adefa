import pytest

from exporter.api.device_list import ListedDevice, read_listing
from exporter.api.reading import InvalidReadingError


@pytest.mark.parametrize(
    "data",
    [
        {},
        "x",
        [1],
        [None],
        [{}],
        [{"deviceSn": ""}],
        [{"deviceSn": " "}],
        [{"deviceSn": 5}],
        [{"deviceSn": "x" * 129}],
        [{"deviceSn": "good"}, {"deviceSn": None}],
    ],
)
def test_a_list_is_understood_whole_or_not_at_all(data: object) -> None:
    with pytest.raises(InvalidReadingError):
        read_listing(data, "pbd", "NORTH")


def test_what_a_list_does_not_say_is_not_made_up() -> None:
    (listing,) = read_listing([{"deviceSn": "A", "firmwareVersion": 5, "lost": "yes"}], "pbd", "NORTH")
    assert listing == ListedDevice("pbd", "A", "NORTH", None, None)
    assert listing.info == {"datalogSn": "NORTH"}
    assert read_listing([], "pbd", "NORTH") == []


@pytest.mark.parametrize(
    ("lost", "meaning"),
    [
        (True, True),
        (False, False),
        (1, True),
        (0, False),
        (1.0, True),
        (0.0, False),
        ("true", True),
        ("True", True),
        (" FALSE ", False),
        ("1", True),
        (" 0 ", False),
        (2, None),
        (-1, None),
        (0.5, None),
        ("", None),
        ("yes", None),
        ("2", None),
        (None, None),
        ([], None),
        ([1], None),
        ({"lost": 1}, None),
    ],
)
def test_lost_is_a_boolean_however_it_is_written_and_else_unknown(lost: object, meaning: bool | None) -> None:
    (listing,) = read_listing([{"deviceSn": "A", "lost": lost}], "pbd", "NORTH")
    assert listing.lost is meaning


def test_the_space_around_a_serial_number_is_no_part_of_it() -> None:
    (listing,) = read_listing([{"deviceSn": "\tUMD1 \n"}], "pbd", "NORTH")
    assert listing.sn == "UMD1"
