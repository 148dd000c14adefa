"""`python -m tools.page_picture`: take the README's picture of the devices page, and more pictures into a folder if one is named.

The devices are those of the demo, and one of them fails.
"""

import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import requests

from exporter.app import App, AppOptions
from exporter.config.load import load
from exporter.simulator import Cloud, SimClock, demo_site
from tests.helpers.chromium import chromium, tab
from tests.helpers.faulty_cloud import FaultyCloud, serve
from tests.helpers.processes import TOKEN, eventually, write_config

PICTURE: Final = Path("docs/devices.png")

_WIDTH: Final = {"width": 1280, "height": 720}
_PHONE: Final = {"width": 375, "height": 740}


def main(folder: Path | None) -> int:
    """Take the pictures."""
    clock = SimClock(datetime.now(UTC), timezone=UTC)
    cloud = FaultyCloud(demo_site(clock.now()), clock, token=TOKEN, upload_interval=10)
    cloud.faults.set("bcu", "BCD0D24102", "code_500", msg="the data logger is busy")
    with serve(cloud) as served, tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "config.yaml"
        write_config(path, _config(served.url, cloud))
        app = App(load(path, {"ATESS_API_TOKEN": TOKEN}), AppOptions([("127.0.0.1", 0)], simulated=True))
        app.start()
        try:
            eventually(lambda: _states(app.url) == {"failing": 1, "stale": 1, "up": 7}, 120)
            _take(app.url, folder)
        finally:
            app.stop()
    return 0


def _states(url: str) -> dict[str, int]:
    devices = requests.get(f"{url}/devices.json", timeout=10).json()["devices"]
    return Counter(device["state"] for device in devices)


def _take(url: str, folder: Path | None) -> None:
    with chromium() as browser:
        with tab(browser, url, viewport=_WIDTH) as (page, _):
            page.goto("/devices")
            page.screenshot(path=PICTURE, full_page=True)
        for scheme in ("light", "dark") if folder else ():
            for name, size in (("wide", _WIDTH), ("phone", _PHONE)):
                with tab(browser, url, viewport=size, color_scheme=scheme) as (page, _):
                    for title, path in (
                        ("landing", "/"),
                        ("devices", "/devices?sort=state"),
                        ("device", "/devices/hps_central/TND0D20233"),
                        ("faults", "/devices/pcs/PND0D21507"),
                        ("odd", "/devices/hps_string/TSD0D22019"),
                        ("failing", "/devices/bcu/BCD0D24102"),
                        ("none", "/devices/pbd/nobody"),
                    ):
                        page.goto(path)
                        page.screenshot(path=folder / f"{title}-{name}-{scheme}.png", full_page=True)  # type: ignore[operator]


def _config(url: str, cloud: Cloud) -> dict[str, Any]:
    devices: dict[str, list[dict[str, Any]]] = {}
    for device in cloud.devices:
        site = "Mae Hong Son" if device.datalog_sn == "DLD0D20001" else "Pai"
        devices.setdefault(device.type, []).append({"deviceSn": device.sn, "info": {"site": site}})
    return {
        "api": {"base_url": url, "requests_per_minute": 600, "timezone": "UTC"},
        "poll": {"interval": "10s", "stale_after": "40s"},
        "devices": devices,
    }


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else None))
