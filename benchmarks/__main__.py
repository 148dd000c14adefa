"""Every measurement in one run: `make bench`. Prints what it finds and writes benchmarks/results.md."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import golang, jobs, machine, poll, readings, scrapes, startup
from benchmarks.figures import Row, ms, ratio, table
from benchmarks.verdict import HEAD, Target
from benchmarks.workload import FIELDS

_RESULTS = Path(__file__).with_name("results.md")

_HOW = """\
`make bench` writes this file. Figures are medians; every ratio is of two things measured alternately in the one run, and is the
median of the rounds' ratios.

Each server is a process of its own and shows the same {fields} fields of the same devices; before each scrape 5 % of the devices
have new readings, in which every value is another one. (This exporter also shows its 8 series about each device and its own
metrics.) CPU is what the server's process spends on a scrape, user and system; wall is the time until the client, on the
same machine, has the last byte. Memory is resident after the scrapes. client_golang shows one GaugeVec a family through promhttp;
prometheus_client a custom collector through start_http_server; the floor sends bytes made once, as gzip packed once, through this
exporter's own server.
"""


def main() -> None:
    """Measure everything."""
    described = machine.describe()
    print(described, flush=True)
    text = "\n".join(_report(described))
    _RESULTS.write_text(text)
    print(text)


def _report(described: str) -> Iterator[str]:
    targets: list[Target] = []
    fleets: dict[int, scrapes.Fleet] = {}
    with tempfile.TemporaryDirectory() as folder:
        program, built = golang.build(Path(folder))
        print(f"client_golang: {built}", flush=True)
        for devices, rounds in scrapes.SIZES:
            print(f"scrapes of {devices:,} devices", flush=True)
            fleets[devices] = scrapes.measure(devices, rounds, program)
    targets += scrapes.targets(fleets, scrapes.base_memory())
    print("scrapes beside updates", flush=True)
    idle, busy = scrapes.beside_updates(10_000, 9)
    targets.append(Target("10,000 devices, gzip, wall beside updates as fast as they go / idle", ratio(busy, idle), 2))
    sections: list[tuple[str, Row, list[Row]]] = []
    for title, module in (("One reading of 76 fields", readings), ("One poll", poll), ("Start", startup)):
        print(title, flush=True)
        rows, aims = module.measure()
        sections.append((title, ("CPU" if module is not startup else "wall", "median", "ratio"), rows))
        targets += aims
    print("jobs", flush=True)
    sections.append(("10,000 jobs", ("CPU", "median", "ratio"), jobs.measure()))

    yield "# Benchmark\n"
    yield f"{described}. client_golang: {built}.\n"
    yield _HOW.format(fields=len(FIELDS))
    yield "## Scrapes\n"
    yield table(scrapes.HEAD, [row for fleet in fleets.values() for row in scrapes.rows(fleet)])
    yield ""
    head: Row = ("devices", "samples", "text", "gzip")
    sizes = [(f"{of.devices:,}", f"{of.samples:,}", _size(of.text), _size(of.packed)) for of in fleets.values()]
    yield table(head, sizes)
    yield f"\n10,000 devices, gzip, wall: {ms(idle)} at rest, {ms(busy)} while they update as fast as they can.\n"
    for title, head, rows in sections:
        yield f"## {title}\n"
        yield table(head, rows) + "\n"
    yield "## Targets\n"
    yield table(HEAD, [target.row for target in targets]) + "\n"


def _size(length: int) -> str:
    return f"{length / 1e6:.2f} MB"


if __name__ == "__main__":
    main()
