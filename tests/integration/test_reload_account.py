"""What a reload that changes the rate, the account or the cloud makes of the waits that the one before asked for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.helpers.fakes import samples
from tests.helpers.processes import (
    TOKEN,
    Exporter,
    SimulatedCloud,
    eventually,
    exporter,
    free_port,
    simulated_cloud,
    write_config,
)


@pytest.fixture
def cloud() -> Iterator[SimulatedCloud]:
    with simulated_cloud("--devices", "pbd:A,pbd:B") as it:
        yield it


def config(url: str, *devices: str, **api: Any) -> dict[str, Any]:
    return {
        "api": {"base_url": url, "requests_per_minute": 6000, "timeout": "5s", **api},
        # whoever waits for its next slot, or for a probe, waits for longer than a test lasts
        "poll": {"interval": "1h"},
        "devices": {"pbd": list(devices)},
    }


def reload(it: Exporter, changed: dict[str, Any]) -> None:
    write_config(it.config, changed)
    requests.post(f"{it.url}/-/reload", timeout=30).raise_for_status()


def up(it: Exporter, sn: str) -> float | None:
    return samples(it.page()).get(f'atess_device_up{{deviceSn="{sn}",type="pbd"}}')


def budget(it: Exporter) -> float:
    return samples(it.page())["atess_exporter_api_budget_requests_per_minute"]


def suspended(it: Exporter) -> dict[str, float]:
    found = samples(it.page())
    return {name: value for name, value in found.items() if name.startswith("atess_exporter_api_suspended")}


def test_another_token_is_tried_at_once(cloud: SimulatedCloud, tmp_path: Path) -> None:
    with exporter(tmp_path, config(cloud.url, "A", token="Basic b2xkOm9uZQ=="), token="") as it:
        it.process.wait_for("circuit breaker open")
        assert sorted(suspended(it).values()) == [0, 1]
        reload(it, config(cloud.url, "A", token=TOKEN))
        eventually(lambda: up(it, "A") == 1, 20)
        assert set(suspended(it).values()) == {0}


def test_another_cloud_is_asked_at_once(cloud: SimulatedCloud, tmp_path: Path) -> None:
    # one device: it failed twice, which is no suspension yet, and its next slot is an hour away
    with exporter(tmp_path, config(f"http://127.0.0.1:{free_port()}/api/v1", "A")) as it:
        eventually(lambda: up(it, "A") == 0)
        reload(it, config(cloud.url, "A"))
        eventually(lambda: up(it, "A") == 1, 20)


def test_what_one_cloud_asked_for_is_nothing_to_another(cloud: SimulatedCloud, tmp_path: Path) -> None:
    with simulated_cloud("--devices", "pbd:A") as strict:
        strict.fault("http_429", retry_after=3600)
        with exporter(tmp_path, config(strict.url, "A")) as it:
            it.process.wait_for("rate limited by the API, halving the request rate")
            assert budget(it) == 3000
            reload(it, config(cloud.url, "A"))
            eventually(lambda: up(it, "A") == 1, 20)
            assert budget(it) == 6000


def test_a_pause_holds_for_the_same_account_whatever_else_changes(cloud: SimulatedCloud, tmp_path: Path) -> None:
    cloud.fault("http_429", retry_after=3600)
    with exporter(tmp_path, config(cloud.url, "A")) as it:
        it.process.wait_for("rate limited by the API, halving the request rate")
        reload(it, config(cloud.url, "A", requests_per_minute=600, concurrency=3, timeout="4s"))
        assert budget(it) == 300


def test_a_higher_rate_holds_at_once(cloud: SimulatedCloud, tmp_path: Path) -> None:
    with exporter(tmp_path, config(cloud.url, "A", "B", requests_per_minute=0.1)) as it:
        eventually(lambda: {up(it, "A"), up(it, "B")} == {1, None})
        # the other waits for its turn, ten minutes from now
        reload(it, config(cloud.url, "A", "B"))
        eventually(lambda: {up(it, "A"), up(it, "B")} == {1}, 40)
