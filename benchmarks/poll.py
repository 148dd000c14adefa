"""CPU of one whole poll (request, envelope, reading, exposition lines, telemetry) against a bare `requests.get(...).json()`.

Run from the project's folder: python -m benchmarks.poll. Both ask the same simulated cloud, in a process of its own, for the
same answer, alternately, in one run; only this process' CPU time counts.
"""

import random
import statistics
import time
from collections.abc import Callable

import requests

from exporter import logs
from exporter.account import Account
from exporter.budget import Budget
from exporter.clock import Clock
from exporter.cloud import Cloud
from exporter.enerclo import REASONS, Client
from exporter.leftout import LeftOut
from exporter.poller import Poller
from exporter.reading import metric_name
from exporter.series import Series
from exporter.target import Target
from exporter.telemetry import Telemetry
from exporter.token import Token
from tests.integration.processes import TOKEN, simulated_cloud
from tests.support import device

ROUNDS = 20
POLLS = 50


def main() -> None:
    """Print the medians and their ratio."""
    logs.configure("info", "logfmt", lambda: None)
    # an upload every simulated second at 1000x: every answer is a new reading
    with simulated_cloud("--devices", "pbd:UMD0D23202", "--speed", "1000", "--upload-interval", "1") as cloud:
        poll = poller(cloud.url)

        def bare() -> None:
            headers = {"Authorization": TOKEN, "Accept-Language": "en"}
            requests.get(f"{cloud.url}/pbd/data-last", params={"deviceSn": "UMD0D23202"}, headers=headers, timeout=15).json()

        ratios, ours, theirs = [], [], []
        for _ in range(ROUNDS):
            ours.append(cpu(poll))
            theirs.append(cpu(bare))
            ratios.append(ours[-1] / theirs[-1])
    medians = [f"{statistics.median(times) * 1e6:.0f} us" for times in (ours, theirs)]
    print(f"one poll {medians[0]} of CPU, bare requests.get().json() {medians[1]}")
    print(f"ratio {statistics.median(ratios):.2f} (median of {ROUNDS} rounds of {POLLS} each)")


def poller(url: str) -> Callable[[], None]:
    """A function that makes one whole poll."""
    clock = Clock()
    token = Token(value=TOKEN)
    client = Client(url, token, language="en", timeout=15, concurrency=4)
    telemetry = Telemetry("0", REASONS, [])
    it = Poller(Cloud(client, token, Budget(100_000_000, clock), Account(clock), telemetry), telemetry, LeftOut(telemetry))
    target = Target(device(), Series(metric_name, str), clock, random.Random(1))

    def poll() -> None:
        it.poll(target)

    return poll


def cpu(call: Callable[[], None]) -> float:
    """Seconds of this process' CPU that one call takes."""
    begin = time.process_time()
    for _ in range(POLLS):
        call()
    return (time.process_time() - begin) / POLLS


if __name__ == "__main__":
    main()
