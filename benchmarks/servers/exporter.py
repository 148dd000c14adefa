"""The exporter as it is, but that it polls nothing: readings come from here.

On `storm` it updates all its devices as fast as it can, until `calm`.
"""

import json
import sys
import tempfile
import threading
from itertools import cycle
from pathlib import Path

from benchmarks.servers.protocol import serve
from benchmarks.workload import TYPE, changes, reading, serial
from exporter import logs
from exporter.api.reading import Reading
from exporter.app import App, AppOptions
from exporter.config.load import load
from exporter.polling.status import PollResult


def main(devices: int) -> None:
    """Serve until standard input ends."""
    logs.configure("error", "logfmt", str)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        # a rate limit that lets intervals be as they are
        api = {"base_url": "http://127.0.0.1:9/", "token": "Basic bWFkZTp1cA==", "requests_per_minute": devices}
        path.write_text(json.dumps({"api": api, "devices": {TYPE: [serial(device) for device in range(devices)]}}))
        app = App(load(path), AppOptions([("127.0.0.1", 0)]))
    app._apply(app._config)
    polled = {job.target.device.sn: job.target for job in app._readings._jobs.values()}
    # a poll that took no time
    poll = PollResult(0.0, 0.0, None)
    targets = [polled[serial(device)] for device in range(devices)]
    numbers = {serial(device): device for device in range(devices)}
    # in the order in which they are first polled, which decides how their lines lie in memory
    for sn, target in polled.items():
        target.record_success(Reading(reading(numbers[sn], 0), "2026-01-01 00:00:00"), poll)
    app._server.start(app._web)
    coming = changes(devices)

    def change() -> None:
        for device, step in next(coming):
            moment = f"2026-01-01 00:{step // 60 % 60:02}:{step % 60:02}"
            targets[device].record_success(Reading(reading(device, step), moment), poll)

    # made beforehand: what is measured is how a scrape fares beside updates, not beside this program's arithmetic
    readings = [Reading(reading(0, step), f"2026-01-01 00:00:{step:02}") for step in range(60)]
    calm = threading.Event()

    def update_all() -> None:
        for fresh in cycle(readings):
            for target in targets:
                target.record_success(fresh, poll)
                if calm.is_set():
                    return

    def storm() -> None:
        calm.clear()
        threading.Thread(target=update_all, daemon=True).start()

    serve(app.url, change=change, storm=storm, calm=calm.set)
    app._server.stop()


if __name__ == "__main__":
    main(int(sys.argv[1]))
