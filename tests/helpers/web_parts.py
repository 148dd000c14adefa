"""The web side with nothing behind it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from exporter.catalogue.types import load_catalogue
from exporter.config.sharding import WHOLE
from exporter.metrics.exposition import Selection, Snapshot
from exporter.polling.status import DeviceStatus
from exporter.polling.zone_watch import ZoneFit
from exporter.web import Server, Site, create_app
from exporter.web.overview import Overview


class Parts(Overview):
    now = 1_790_000_000.0
    suspended = None
    suspension_remedy = None
    zone_fit = ZoneFit()
    shard = WHOLE
    types = load_catalogue()

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.ready = True
        self.reload_problem: str | None = None
        self.pieces = [b"# TYPE x gauge\n", b"x 1\n"]
        self.hold: threading.Event | None = None

    def exposition(self, selection: Selection, *, openmetrics: bool) -> tuple[Snapshot, bytes]:
        if self.hold is not None:
            self.hold.wait(30)
        return Snapshot(self.pieces), b"# EOF\n" if openmetrics else b"own 1\n"

    def devices(self) -> list[DeviceStatus]:
        return []

    def device(self, device_type: str, device_sn: str) -> DeviceStatus | None:
        return None


def site(parts: Parts, **more: Any) -> Site:
    return Site(
        version="1.2.3",
        telemetry_path="/metrics",
        exposition=parts.exposition,
        overview=parts,
        problems=lambda: parts.problems,
        ready=lambda: parts.ready,
        reload=lambda: parts.reload_problem,
        **more,
    )


@contextmanager
def serving(parts: Parts, host: str = "127.0.0.1", port: int = 0, **more: Any) -> Iterator[str]:
    server = Server(host, port)
    server.start(create_app(site(parts, **more)))
    try:
        yield server.url
    finally:
        server.stop()
