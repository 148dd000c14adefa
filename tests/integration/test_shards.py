"""Three exporters that share a fleet, listed and discovered, and its budget."""

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from tests.helpers.fakes import samples
from tests.helpers.fixtures import Sized
from tests.helpers.processes import Exporter, device_lists, eventually, exporter, simulated_cloud

SHARDS: Final = 3
FLEET: Final = [(type, f"SN{number}") for number in range(8) for type in ("pbd", "pcs", "bcu")]


def test_each_device_is_polled_once_an_interval_and_all_within_the_budget(sized: Sized, tmp_path: Path) -> None:
    interval = sized(short=1, long=2)
    # in all 6 requests for 5 that the budget has: each shard has to stretch its own
    budget = 1200 / interval
    arguments = ["--devices", ",".join(f"{type}:{sn}" for type, sn in FLEET)]
    with simulated_cloud(*arguments) as cloud, ExitStack() as running:
        config = {
            "api": {"base_url": cloud.url, "requests_per_minute": budget},
            "poll": {"interval": interval},
            "devices": device_lists([device for device in FLEET if device[0] != "pcs"]),
            "discovery": {"datalog_sns": sorted({entry["datalog_sn"] for entry in cloud.device_records()}), "types": ["pcs"]},
        }
        shards: list[Exporter] = []
        for index in range(SHARDS):
            folder = tmp_path / str(index)
            folder.mkdir()
            shards.append(running.enter_context(exporter(folder, config, "--shard", str(index), "--total-shards", str(SHARDS))))
        eventually(lambda: min(Counter(_polls(cloud.requests())).get(device, 0) for device in FLEET) >= 6, 90)
        requests = cloud.requests()
        pages = [samples(shard.page()) for shard in shards]

        intervals: dict[tuple[str, str], float] = {}
        for index, page in enumerate(pages):
            assert page[f'atess_exporter_shard_info{{shard="{index}",total_shards="{SHARDS}"}}'] == 1
            assert page["atess_exporter_total_shards"] == SHARDS
            assert page["atess_exporter_api_budget_requests_per_minute"] == budget / SHARDS
            own = {device: value for device in FLEET if (value := page.get(_series("poll_interval_seconds", device))) is not None}
            assert not own.keys() & intervals.keys()
            assert sum(value for key, value in page.items() if key.startswith("atess_exporter_devices{")) == len(own)
            assert sum(60 / interval for interval in own.values()) <= budget / SHARDS
            for device in own:
                assert shards[index].get(_page(device)).status_code == 200
                # who asks the wrong one is told which is the right one
                beside = (index + 1) % SHARDS
                for path in (_page(device), f"{_page(device)}.json"):
                    answer = shards[beside].get(path)
                    assert answer.status_code == 404
                    told = f"this is shard {beside} of {SHARDS}, and a device of that name is polled by shard {index}."
                    assert told in answer.text
            intervals |= own
        assert intervals.keys() == set(FLEET)

        times = [request["at"] for request in requests]
        elapsed = max(times) - min(times)
        # a shard's first request waits for nothing
        assert len(requests) <= budget * elapsed / 60 + SHARDS
        polls = Counter(_polls(requests))
        # one for each interval begun, and the first, which comes before a device goes to its own slot
        assert {device: polls[device] for device in FLEET if polls[device] > elapsed / intervals[device] + 2} == {}


def _page(device: tuple[str, str]) -> str:
    return f"/devices/{device[0]}/{device[1]}"


def _polls(requests: list[dict[str, object]]) -> list[tuple[str, str]]:
    types = {"pbd/data-last": "pbd", "pcs/data-last": "pcs", "bms/bcu-data-last": "bcu"}
    found = []
    for request in requests:
        path, query = request["path"], request["query"]
        assert isinstance(path, str)
        assert isinstance(query, dict)
        if "deviceSn" in query:
            found.append((types[path.removeprefix("/api/v1/")], str(query["deviceSn"])))
    return found


def _series(name: str, device: tuple[str, str]) -> str:
    return f'atess_device_{name}{{deviceSn="{device[1]}",type="{device[0]}"}}'
