"""A large fleet at its real pace: how requests are spread, and what memory and CPU it takes.

Run from the project's folder: python -m benchmarks.fleet [DEVICES] [MINUTES]. Intervals are 5 minutes.
"""

import sys
import tempfile
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

from starlette.types import Receive, Scope, Send

from benchmarks.programs import TOKEN, device_lists, exporter, samples
from exporter import simulator
from exporter.simulator.server import application, serve_app


def main(devices: int = 1000, minutes: float = 16) -> None:
    """Print the figures of the last whole interval."""
    fleet = simulator.fleet(devices, seed=1)
    cloud = application(simulator.Cloud(fleet, simulator.SimClock(datetime.now().astimezone()), token=TOKEN))
    arrivals: list[float] = []

    async def recording(scope: Scope, receive: Receive, send: Send) -> None:
        arrivals.append(time.monotonic())
        await cloud(scope, receive, send)

    with serve_app(recording, "127.0.0.1", 0) as served, tempfile.TemporaryDirectory() as folder:
        config = {
            "api": {"base_url": served.url, "requests_per_minute": devices},
            "poll": {"interval": "5m"},
            "devices": device_lists((device.type, device.sn) for device in fleet),
        }
        with exporter(Path(folder), config) as measured:
            begin = time.monotonic()
            while time.monotonic() - begin < minutes * 60:
                time.sleep(15)
                page = measured.page()
            end = max(arrivals)
            late = [at for at in arrivals if at > end - 300]
            per_second = Counter(int(at - end) for at in late)
            found = samples(page)
            print(f"{devices} devices, {minutes:g} minutes, page of {len(found)} samples, {len(page)} bytes")
            print(f"last 5 minutes: {len(late)} requests, mean {len(late) / 300:.2f} a second, most {max(per_second.values())}")
            print(f"resident memory {measured.program.resident_bytes() / 1e6:.0f} MB")
            cpu = found["process_cpu_seconds_total"] / (time.monotonic() - begin)
            print(f"CPU {cpu * 100:.1f} % of one core, scraped every 15 s")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
