"""The exporter's own pages in Chromium. The devices are those of the demo; one of them fails, and one has two faults."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import requests
from playwright.sync_api import FloatRect

from exporter import logs
from exporter.app import App, AppOptions
from exporter.config.load import load
from exporter.simulator import Cloud, SimClock, demo_site
from tests.helpers.chromium import chromium, tab
from tests.helpers.faulty_cloud import FaultyCloud, serve
from tests.helpers.processes import TOKEN, eventually, write_config

_WIDTH, _HEIGHT = 1280, 900
#: Each picture and its page. No more than the beginning of a page is shown: a device has 100 fields.
_PAGES: Final = {"landing": "/", "devices": "/devices", "device": "/devices/pcs/PND0D21507"}


def take() -> Iterator[tuple[str, bytes]]:
    """Yield the name of each picture and the picture, a PNG."""
    clock = SimClock(datetime.now(UTC), timezone=UTC)
    cloud = FaultyCloud(demo_site(clock.now()), clock, token=TOKEN, upload_interval=10)
    cloud.faults.set("bcu", "BCD0D24102", "code_500", msg="the data logger is busy")
    with serve(cloud) as served, tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "config.yaml"
        write_config(path, _config(served.url, cloud))
        app = App(load(path, {"ATESS_API_TOKEN": TOKEN}), AppOptions([("127.0.0.1", 0)], simulated=True))
        logs.configure("error", "logfmt", app.hide)
        app.start()
        try:
            eventually(lambda: _states(app.url) == {"failing": 1, "stale": 1, "up": 7}, 120)
            with chromium() as browser:
                for theme in ("light", "dark"):
                    with tab(browser, app.url, viewport={"width": _WIDTH, "height": 300}, color_scheme=theme) as (page, _):
                        for name, address in _PAGES.items():
                            page.goto(address)
                            height = min(_HEIGHT, page.evaluate("document.documentElement.scrollHeight"))
                            clip = FloatRect(x=0, y=0, width=_WIDTH, height=height)
                            yield f"{name}-{theme}", page.screenshot(full_page=True, clip=clip)
        finally:
            app.stop()


def _states(url: str) -> dict[str, int]:
    devices = requests.get(f"{url}/devices.json", timeout=10).json()["devices"]
    return Counter(device["state"] for device in devices)


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
