"""prometheus_client with a custom collector, behind its own server."""

import sys
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from benchmarks.servers.protocol import serve
from benchmarks.workload import FIELDS, METRICS, TYPE, changes, reading, serial


class Devices(Collector):
    """The latest reading of every device."""

    def __init__(self, devices: int) -> None:
        self.readings = {serial(device): reading(device, 0) for device in range(devices)}

    def collect(self) -> Iterable[Metric]:
        for field, metric in zip(FIELDS, METRICS, strict=True):
            family = GaugeMetricFamily(metric, f"Enerclo field {field}.", labels=["deviceSn", "type"])
            for sn, fields in self.readings.items():
                family.add_metric([sn, TYPE], fields[field])
            yield family


def main(devices: int) -> None:
    """Serve until standard input ends."""
    collector = Devices(devices)
    registry = CollectorRegistry()
    registry.register(collector)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    coming = changes(devices)

    def change() -> None:
        for device, step in next(coming):
            collector.readings[serial(device)] = reading(device, step)

    serve(f"http://127.0.0.1:{server.server_port}", change=change)
    server.shutdown()
    thread.join()


if __name__ == "__main__":
    main(int(sys.argv[1]))
