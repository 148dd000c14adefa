"""What a scrape costs the server, for fleets of several sizes and side by side with others."""

import gzip
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contestant import GZIP, PLAIN, Contestant, Cost, contestant
from benchmarks.figures import Row, mb, ms, ratio
from benchmarks.programs import samples
from benchmarks.verdict import Target
from benchmarks.workload import FIELDS, METRICS

EXPORTER = "this exporter"
FLOOR = "static body, same server"
LIBRARY = "prometheus_client"
GO = "client_golang"

CODINGS = (PLAIN, GZIP)

#: Devices, and how often each server is scraped in each coding.
SIZES = ((100, 40), (1000, 20), (10_000, 5))

#: Devices for which all servers' pages are compared. The larger ones come from the same programs, and would take long to parse.
_CHECKED = 1000


@dataclass(slots=True)
class Fleet:
    """What was measured with so many devices: of every server the scrapes by coding, and memory (now, most ever)."""

    devices: int
    samples: int
    text: int
    packed: int
    costs: dict[tuple[str, str], list[Cost]] = field(default_factory=dict)
    memory: dict[str, tuple[int, int]] = field(default_factory=dict)

    def cpu(self, name: str, coding: str) -> list[float]:
        return [cost.cpu for cost in self.costs[name, coding]]

    def wall(self, name: str, coding: str) -> list[float]:
        return [cost.wall for cost in self.costs[name, coding]]

    def against(self, name: str, coding: str) -> float:
        """Return our CPU as a share of the other's."""
        return ratio(self.cpu(EXPORTER, coding), self.cpu(name, coding))

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(name for name, _ in self.costs))


HEAD: Row = (
    "devices",
    "server",
    "plain CPU",
    "gzip CPU",
    "plain wall",
    "gzip wall",
    "CPU, ours / its, plain",
    "CPU, ours / its, gzip",
    "memory",
)


def measure(devices: int, rounds: int, go: Path | None) -> Fleet:
    """Scrape all servers in turn, each after 5 % of its devices have new readings."""
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:

        def start(name: str, *command: str) -> Contestant:
            return stack.enter_context(contestant(name, command))

        ours = start(EXPORTER, sys.executable, "-m", "benchmarks.servers.exporter", str(devices))
        body = ours.body(PLAIN)
        page = Path(folder) / "page"
        page.write_bytes(body)
        servers = [
            ours,
            start(FLOOR, sys.executable, "-m", "benchmarks.servers.static", str(page)),
            start(LIBRARY, sys.executable, "-m", "benchmarks.servers.library", str(devices)),
        ]
        if go is not None:
            servers.append(start(GO, str(go), str(devices), ",".join(METRICS)))
        if devices <= _CHECKED:
            _check_that_all_show_the_same(servers)
        fleet = Fleet(devices, body.count(b"\n") - body.count(b"\n#") - 1, len(body), len(ours.body(GZIP)))
        for _ in range(rounds):
            for server in servers:
                for coding in CODINGS:
                    server.tell("change")
                    fleet.costs.setdefault((server.name, coding), []).append(server.scrape(coding))
        for server in servers:
            fleet.memory[server.name] = server.resident()
        return fleet


def beside_updates(devices: int, rounds: int) -> tuple[list[float], list[float]]:
    """Return the seconds that gzipped scrapes took: while the server is idle, and while it updates."""
    with contestant(EXPORTER, [sys.executable, "-m", "benchmarks.servers.exporter", str(devices)]) as server:
        idle, busy = [], []
        for _ in range(rounds):
            server.tell("change")
            idle.append(server.scrape(GZIP).wall)
            server.tell("storm")
            busy.append(server.scrape(GZIP).wall)
            server.tell("calm")
        return idle, busy


def base_memory() -> int:
    """Return the bytes of memory that the exporter takes with a single device."""
    with contestant(EXPORTER, [sys.executable, "-m", "benchmarks.servers.exporter", "1"]) as server:
        for coding in CODINGS:
            server.scrape(coding)
        return server.resident()[0]


def rows(fleet: Fleet) -> Iterator[Row]:
    """Yield the rows of the table."""
    for name in fleet.names:
        costs = [ms(fleet.cpu(name, coding)) for coding in CODINGS] + [ms(fleet.wall(name, coding)) for coding in CODINGS]
        shares = ["", ""] if name == EXPORTER else [f"{fleet.against(name, coding):.3f}" for coding in CODINGS]
        yield (f"{fleet.devices:,}", name, *costs, *shares, mb(fleet.memory[name][0]))


def targets(fleets: dict[int, Fleet], base: int) -> Iterator[Target]:
    """Yield the targets for a scrape."""
    fleet, large = fleets[1000], fleets[10_000]
    for coding, word, of_go, of_library in ((PLAIN, "plain", 0.1, 0.035), (GZIP, "gzip", 0.08, 0.03)):
        for name, limit in ((GO, of_go), (LIBRARY, of_library)):
            if name in fleet.names:
                yield Target(f"1,000 devices, {word}, CPU / {name}", fleet.against(name, coding), limit)
    yield Target("1,000 devices, plain, CPU / static body behind the same server", fleet.against(FLOOR, PLAIN), 3.5)
    yield Target("10,000 devices, gzip, CPU", statistics.median(large.cpu(EXPORTER, GZIP)), 0.5, " s")
    for coding, word in ((PLAIN, "plain"), (GZIP, "gzip")):
        growth = statistics.median(large.cpu(EXPORTER, coding)) / statistics.median(fleet.cpu(EXPORTER, coding))
        yield Target(f"10,000 devices / 1,000 devices, {word}, CPU", growth, 11)
    for memory, word in zip(large.memory[EXPORTER], ("after the scrapes", "at its most"), strict=True):
        above = (memory - base - large.text) / (large.devices * len(FIELDS))
        yield Target(f"10,000 devices, memory {word} beyond the text and one device's exporter, per series", above, 95, " bytes")


def _check_that_all_show_the_same(servers: list[Contestant]) -> None:
    """Raise AssertionError if some server leaves a sample out, or shows another value."""
    shown = {server.name: _of_readings(server.body(PLAIN)) for server in servers}
    for server in servers:
        assert shown[server.name] == shown[EXPORTER], f"{server.name} shows other samples"
        assert _of_readings(gzip.decompress(server.body(GZIP))) == shown[EXPORTER], f"{server.name} packs other samples"


def _of_readings(page: bytes) -> dict[str, float]:
    names = set(METRICS)
    return {key: value for key, value in samples(page).items() if key.partition("{")[0] in names}
