"""A backfill that is killed at random points and started again: the same output to the byte, no page asked for twice."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest

from exporter.simulator import SimDevice
from tests.helpers.backfilling import START, Bench, bench, differences, read_samples
from tests.helpers.fixtures import Sized
from tests.helpers.processes import TOKEN, eventually

END: Final = datetime(2024, 5, 29)
DEVICES: Final = tuple(SimDevice("bcu", f"BCD000000{number}") for number in range(4))
CONCURRENCY: Final = 3


@pytest.fixture
def site(sized: Sized, tmp_path: Path) -> Iterator[Bench]:
    # 4 devices x 4 windows x 7 pages, the last of each window not full
    with bench(tmp_path, *DEVICES, interval=sized(short=3600, long=900)) as it:
        yield it


def start(site: Bench) -> subprocess.Popen[str]:
    rows = 7 * 24 * 3600 // site.interval
    config = site.write_config(api={"concurrency": CONCURRENCY}, history={"page_size": rows * 100 // 672})
    command = [
        *(sys.executable, "-m", "exporter", "backfill", "--config.file", str(config), "--output", str(site.output)),
        *("--from", str(START.date()), "--to", str(END.date())),
    ]
    return subprocess.Popen(command, text=True, stderr=subprocess.PIPE, env={**os.environ, "ATESS_API_TOKEN": TOKEN})


def finish(process: subprocess.Popen[str]) -> str:
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 0, errors
    return errors


def kill_at_request(site: Bench, process: subprocess.Popen[str], number: int) -> None:
    """Kill the process the moment that its request `number` arrives: up to CONCURRENCY are under way then."""
    arrived = type(site.cloud.traffic).arrived.__get__(site.cloud.traffic)
    left = [number]

    def arrive(record: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            process.send_signal(signal.SIGKILL)
        return arrived(record)

    site.cloud.traffic.arrived = arrive  # type: ignore[method-assign]
    process.communicate(timeout=100)
    site.cloud.traffic.arrived = arrived  # type: ignore[method-assign]
    assert process.returncode == -signal.SIGKILL


def kill_in_writing(site: Bench, process: subprocess.Popen[str], size: int) -> None:
    """Kill the process once its output has `size` bytes."""
    target = site.partial / "output"
    eventually(lambda: process.poll() is not None or (target.exists() and target.stat().st_size >= size))
    process.kill()
    process.communicate(timeout=100)


@pytest.mark.timeout(600)
def test_killed_at_random_points_and_resumed_it_is_the_same_to_the_byte(site: Bench, sized: Sized) -> None:
    # first while it reads, then while the output is written
    in_reading, in_writing = sized(short=(4, 2), long=(16, 4))
    # one device's windows take two passes
    site.cloud.faults.set("bcu", DEVICES[0].sn, "wrong_total")
    finish(start(site))
    uninterrupted, pages = site.output.read_bytes(), Counter(site.asked())
    assert differences(read_samples(site.output), site.truth(START, END)) == []
    assert Counter(pages.values()) == {1: 84, 2: 32}
    site.output.unlink()
    site.forget()

    chance = random.Random(9)
    points = [chance.randint(1, 240 // in_reading) for _ in range(in_reading)]
    # so that the reading is not over before the last kill
    assert 0.6 * pages.total() < sum(points) < pages.total()
    for kills, point in enumerate(points, start=1):
        kill_at_request(site, start(site), point)
        assert not site.output.exists()
        # only what was under way at a kill was asked again
        assert (Counter(site.asked()) - pages).total() <= kills * CONCURRENCY
    for _ in range(in_writing):
        if not site.output.exists():
            kill_in_writing(site, start(site), chance.randint(1, len(uninterrupted)))
    if not site.output.exists():
        finish(start(site))
    assert site.output.read_bytes() == uninterrupted
    assert not pages - Counter(site.asked())
    assert (Counter(site.asked()) - pages).total() <= len(points) * CONCURRENCY
