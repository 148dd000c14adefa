from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.sharding import Shard, ordinal, owner

TYPES = ("pbd", "pcs", "hps_central", "hps_string", "bcu", "mbms")
FLEETS = {
    "serial": [(TYPES[n % 6], f"UMD0D{n:05d}") for n in range(10_000)],
    "one type": [("pbd", str(n)) for n in range(10_000)],
    "every type on each": [(type, f"SN{n}") for n in range(1667) for type in TYPES][:10_000],
}
MOST = 16

Owners = list[int]


@pytest.fixture(scope="module", params=FLEETS)
def owners(request: pytest.FixtureRequest) -> list[Owners]:
    """For 1 to MOST shards, the owner of each of 10,000 devices."""
    return [[owner(*device, total) for device in FLEETS[request.param]] for total in range(1, MOST + 1)]


def test_shards_are_balanced_within_ten_percent(owners: list[Owners]) -> None:
    for total, found in enumerate(owners, start=1):
        even = len(found) / total
        assert all(abs(Counter(found)[index] - even) <= 0.1 * even for index in range(total)), total


def test_one_shard_more_takes_its_part_and_moves_nothing_else(owners: list[Owners]) -> None:
    for total, (before, after) in enumerate(pairwise(owners), start=2):
        moved = [new for old, new in zip(before, after, strict=True) if old != new]
        assert set(moved) == {total - 1}
        assert abs(len(moved) - len(after) / total) <= 0.01 * len(after), total


def test_the_owner_never_changes_between_releases() -> None:
    # another answer here would poll every sharded fleet twice, or not at all, while it is upgraded
    fleet = [("pbd", "UMD0D23202"), ("hps_central", "TND0D20233"), ("bcu", "ä"), ("bcu", "\ud800")]
    assert [owner(*device, 5) for device in fleet] == [1, 0, 3, 0]


@given(st.sampled_from(TYPES), st.text(min_size=1), st.integers(1, 40))
def test_any_device_is_on_exactly_one_shard(type: str, sn: str, total: int) -> None:
    assert [index for index in range(total) if Shard(index, total).owns(type, sn)] == [owner(type, sn, total)]


@pytest.mark.parametrize(("index", "total"), [(1, 1), (-1, 3), (3, 3), (0, 0)])
def test_there_is_no_such_shard(index: int, total: int) -> None:
    with pytest.raises(ValueError, match="expected a shard from 0"):
        Shard(index, total)


@pytest.mark.parametrize(
    ("host_name", "number"),
    [
        ("atess-exporter-0", 0),
        ("atess-exporter-12", 12),
        ("a-1-2", 2),
        ("atess-exporter-6d4f-x7k2p", None),
        ("exporter3", None),
        ("a-", None),
        ("", None),
        ("a-٣", None),
        ("a-1.b", None),
        ("a-1\n", None),
    ],
)
def test_the_ordinal_in_a_host_name(host_name: str, number: int | None) -> None:
    assert ordinal(host_name) == number
