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

import psutil
import requests
import trustme

from tests.helpers.attackers import Attackers
from tests.helpers.fakes import samples
from tests.helpers.processes import Exporter, device_lists, eventually, exporter, simulated_cloud

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
            "api": {"base_url": cloud.url, "requests_per_minute": 100_000, "concurrency": 8},
            "poll": {"interval": "1h"},
            "devices": device_lists(cloud.devices()),
        }
        arguments = ("--web.config.file", str(web_config(folder, authority)))
        with exporter(folder, config, *arguments) as it, requests.Session() as session:
            session.trust_env = False

            def scrape() -> bytes:
                return session.get(f"{it.url}/metrics", verify=ca, timeout=60).content

            eventually(lambda: sum("device_up{" in name for name in samples(scrape())) == devices, 300)
            print(f"{devices} devices, page of {len(scrape()) / 1e6:.1f} MB")
            idle = [timed(scrape) for _ in range(SCRAPES)]
            before = it.resident_bytes()
            port = int(it.url.rpartition(":")[2])
            with Attackers(port, ssl.create_default_context(cafile=ca)) as attackers:
                began = time.monotonic()
                attackers.hold_slow_heads(SLOW_HEADS)
                attackers.hold_half_open_handshakes(HALF_OPEN)
                attackers.hold_slow_readers(SLOW_READERS)
                print(f"{connections(it)} connections held, opened within {time.monotonic() - began:.1f} s")
                most = it.resident_bytes()
                hostile = []
                for _ in range(SCRAPES):
                    hostile.append(timed(scrape))
                    most = max(most, it.resident_bytes())
                print(f"{connections(it)} connections held when the scrapes were over")
                while connections(it) > 1 and time.monotonic() - began < 120:
                    time.sleep(0.1)
                print(f"{connections(it)} left {time.monotonic() - began:.1f} s after the first (ours included)")
    print(f"median scrape {statistics.median(idle) * 1e3:.0f} ms idle, {statistics.median(hostile) * 1e3:.0f} ms under attack")
    print(f"ratio {statistics.median(hostile) / statistics.median(idle):.2f}, slowest {max(hostile) * 1e3:.0f} ms")
    print(f"resident memory {before / 1e6:.0f} MB before, {(most - before) / 1e6:+.0f} MB at the most")


def web_config(folder: Path, authority: trustme.CA) -> Path:
    """A web config with a certificate of `authority`."""
    issued = authority.issue_cert("localhost", "127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(folder / "server.pem")
    issued.private_key_pem.write_to_path(folder / "server.key")
    path = folder / "web.yaml"
    path.write_text("tls_server_config: {cert_file: server.pem, key_file: server.key}\n")
    return path


def connections(it: Exporter) -> int:
    """How many clients the exporter's process is connected with."""
    port = int(it.url.rpartition(":")[2])
    found = psutil.Process(it.process.popen.pid).net_connections("tcp")
    return sum(connection.laddr.port == port and connection.status != psutil.CONN_LISTEN for connection in found)


def timed(scrape: Callable[[], object]) -> float:
    """Seconds that a scrape takes."""
    begin = time.perf_counter()
    scrape()
    return time.perf_counter() - begin


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
