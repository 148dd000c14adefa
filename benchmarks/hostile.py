"""A scrape's time and the exporter's memory while 500 hostile connections are held open, against the same when idle.

Run from the project's folder: python -m benchmarks.hostile [DEVICES]. Both are measured in one run, with TLS. The slow readers
each fetch a page of their own, a little after each other, so that the pages differ.
"""

import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import requests
import trustme

from benchmarks.programs import device_lists, exporter, samples, simulated_cloud
from exporter.simulator import fleet
from tools.attackers import Attackers, count_connections, web_config

SCRAPES = 30
SLOW_HEADS = 200
HALF_OPEN = 200
SLOW_READERS = 100


def main(devices: int = 1000) -> None:
    """Print the medians, their ratio, the memory, and how long the connections lived."""
    authority = trustme.CA()
    with (
        simulated_cloud("--fleet", str(devices)) as cloud,
        tempfile.TemporaryDirectory() as name,
        authority.cert_pem.tempfile() as ca,
    ):
        folder = Path(name)
        config = {
            "api": {"base_url": cloud, "requests_per_minute": 100_000, "concurrency": 8},
            "poll": {"interval": "1h"},
            "devices": device_lists((device.type, device.sn) for device in fleet(devices, seed=1)),
        }
        arguments = ("--web.config.file", str(web_config(folder, authority)))
        with exporter(folder, config, *arguments) as measured, requests.Session() as session:
            session.trust_env = False

            def scrape() -> bytes:
                return session.get(f"{measured.url}/metrics", verify=ca, timeout=60).content

            while sum("device_up{" in name for name in samples(scrape())) < devices:
                time.sleep(0.1)
            print(f"{devices} devices, page of {len(scrape()) / 1e6:.1f} MB")
            idle = [timed(scrape) for _ in range(SCRAPES)]
            before = measured.program.resident_bytes()
            pid, port = measured.program.pid, int(measured.url.rpartition(":")[2])
            with Attackers(port, ssl.create_default_context(cafile=ca)) as attackers:
                began = time.monotonic()
                attackers.hold_slow_heads(SLOW_HEADS)
                attackers.hold_half_open_handshakes(HALF_OPEN)
                attackers.hold_slow_readers(SLOW_READERS)
                print(f"{count_connections(pid, port)} connections held, opened within {time.monotonic() - began:.1f} s")
                most = measured.program.resident_bytes()
                hostile = []
                for _ in range(SCRAPES):
                    hostile.append(timed(scrape))
                    most = max(most, measured.program.resident_bytes())
                print(f"{count_connections(pid, port)} connections held when the scrapes were over")
                while count_connections(pid, port) > 1 and time.monotonic() - began < 120:
                    time.sleep(0.1)
                print(f"{count_connections(pid, port)} left {time.monotonic() - began:.1f} s after the first (ours included)")
    print(f"median scrape {statistics.median(idle) * 1e3:.0f} ms idle, {statistics.median(hostile) * 1e3:.0f} ms under attack")
    print(f"ratio {statistics.median(hostile) / statistics.median(idle):.2f}, slowest {max(hostile) * 1e3:.0f} ms")
    print(f"resident memory {before / 1e6:.0f} MB before, {(most - before) / 1e6:+.0f} MB at the most")


def timed(scrape: Callable[[], object]) -> float:
    """Return seconds that a scrape takes."""
    begin = time.perf_counter()
    scrape()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
