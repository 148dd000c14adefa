"""`python -m tools.soak`: a fleet at ten times real speed under random faults, every scraped value checked.

Run from the project's folder. Exit code 0 only if everything held.
"""

import argparse
import resource
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from tools.soak import report
from tools.soak.report import Check, none
from tools.soak.run import CONCURRENCY, Options, Soak, soak
from tools.soak.verdict import LATENCY

_STOP_WITHIN = 2.0


def main() -> int:
    """Run it and print what came of it."""
    options = _options()
    # ended from outside, it must still end the exporter
    signal.signal(signal.SIGTERM, give_up)
    say(
        f"soak: {options.devices} devices for {options.seconds / 60:g} minutes, seed {options.seed}, "
        f"{options.requests_per_minute} requests a minute at most"
    )
    with tempfile.TemporaryDirectory() as folder, soak(options, Path(folder)) as running:
        say(f"exporter {running.exporter.process.popen.pid} on {running.exporter.url}")
        running.run(progress)
        running.stop_exporter()
        return finish(running)


def give_up(number: int, frame: FrameType | None) -> None:
    """Exit through every `finally`, undisturbed by a second signal."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(1)


def _options() -> Options:
    parser = argparse.ArgumentParser(prog="python -m tools.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20.0, help="default: %(default)g")
    parser.add_argument("--devices", type=int, default=1000, help="default: %(default)s")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other readings and faults (default: %(default)s)")
    parser.add_argument(
        "--exporter", type=Path, metavar="FOLDER", help="take the package exporter from here: a broken one must fail"
    )
    options = parser.parse_args()
    if not 0.5 <= options.minutes <= 24 * 60 or not 10 <= options.devices <= 5000:
        parser.error("expected 0.5 to 1440 minutes and 10 to 5000 devices")
    return Options(options.minutes * 60, options.devices, options.seed, options.exporter)


def progress(running: Soak, passed: float) -> None:
    """Print the line for a minute."""
    size, judge = running.watch.sizes[-1], running.judge
    event = running.injector.account_event
    faults = f"{len(running.injector.running)} faults set{f' ({event} for all)' if event else ''}"
    say(
        f"{passed / 60:3.0f} min: {running.scrapes.total():,} scrapes, {judge.samples:,} samples, "
        f"{running.history.requests:,} requests, {faults}, "
        f"wrong: {sum(judge.faults.values()):,}, {size.resident / 1024:.1f} MiB, {size.threads:g} threads, {size.files:g} files"
    )


def finish(running: Soak) -> int:
    """Print the report. Returns the exit code."""
    judge, history, injector = running.judge, running.history, running.injector
    own = running.page.own
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seconds = running.options.seconds
    say("")
    say(report.injected(injector.injected, injector.hits))
    say(report.counts("scrapes", running.scrapes))
    say(
        f"samples checked: {judge.samples:,}; rightly stale: {judge.stale['failing']:,} of failing devices, "
        f"{judge.stale['frozen']:,} of frozen ones"
    )
    say(f"oldest reading shown: {judge.oldest:.2f} s since its time moved")
    say(f"longest that a newer reading was sent and not yet shown: {judge.latest:.2f} s of {LATENCY:g} allowed")
    say(f"a device's data timestamp was another than that of its values: {judge.ahead:,} times")
    say(f"requests that the cloud got: {history.requests:,} (at most {history.most_in_a_minute:,} in 60 s), of which")
    say(f"  {history.readings:,} answered with a reading: {history.unusable:,} unusable, {history.doubtful:,} perhaps too late")
    say(f"requests by the exporter's count at the last scrape: {total(own, 'atess_exporter_api_requests_total'):,}")
    say(f"  by the cloud's count just after it: {running.requests_at_last_scrape:,}")
    say(report.counts("failures by reason", failures(own)))
    say(report.counts("log lines", running.log.levels))
    say(f"polling suspended {len(running.log.suspensions)} times, in {len(injector.events)} events")
    mine = usage.ru_utime + usage.ru_stime
    say(f"CPU of the exporter {running.watch.sizes[-1].cpu / seconds:.0%}, of cloud and checks {mine / seconds:.0%}")
    say("")
    text, good = report.verdict(
        checks(running), [*judge.examples, *running.problems, *running.unhealthy, *running.opinion.problems, *running.log.bad]
    )
    say(text)
    return 0 if good else 1


def checks(running: Soak) -> list[Check]:
    """Return the checks of everything that must hold."""
    options, judge, history, page = running.options, running.judge, running.history, running.page
    faults = judge.faults
    in_flight = running.cloud.max_in_flight
    scraped = running.scrapes["text"] + running.scrapes["OpenMetrics"]
    return [
        # a run that hardly checked anything has shown nothing
        Check("scrapes checked", scraped >= running.planned_scrapes / 2, f"{scraped:,} of {running.planned_scrapes:,}"),
        Check(
            "devices judged (the others had a reading that may have come too late)",
            judge.not_judged <= judge.judged / 100,
            f"{judge.judged:,}, but {judge.not_judged:,} not",
        ),
        none("scrapes failed or unreadable", running.scrapes["failed"]),
        none("wrong values", faults["wrong value"]),
        none("values mixed from several readings", faults["mixed readings"]),
        none("values of a reading that is not the latest", faults["not the latest"]),
        none("values too old", faults["too old"]),
        none("values wrongly absent", faults["wrongly absent"]),
        none("wrong about a device (up, stale, timestamps, interval, info)", faults["wrong about a device"]),
        none("series twice on a page", page.twice),
        none("lines that belong to no device", page.strange),
        none("pages that prometheus_client reads otherwise", len(running.opinion.problems), f" of {running.opinion.pages}"),
        none(
            "requests over budget in any 60 s",
            history.over_budget,
            f"; most {history.most_in_a_minute} of {options.requests_per_minute}",
        ),
        Check("requests in flight", in_flight <= CONCURRENCY, f"at most {in_flight} of {CONCURRENCY}"),
        *report.flat(options.seconds, running.watch.sizes, CONCURRENCY),
        none("answers that it is not healthy", len(running.unhealthy), f" of {running.health_checks}"),
        none("errors and tracebacks in the log", len(running.log.bad)),
        Check("ends within 2 s of SIGTERM", running.stopped_after < _STOP_WITHIN, f"{running.stopped_after:.2f} s"),
        Check("exit code", running.exit_code == 0, str(running.exit_code)),
    ]


def total(own: dict[str, float], name: str) -> int:
    """Return the sum of a counter over its labels."""
    return int(sum(value for series, value in own.items() if series.partition("{")[0] == name))


def failures(own: dict[str, float]) -> dict[str, int]:
    """Return the exporter's own count of failed requests, by reason."""
    found: dict[str, int] = {}
    for series, value in own.items():
        name, _, labels = series.partition("{")
        if name == "atess_exporter_api_request_failures_total" and value:
            reason = labels.partition('reason="')[2].partition('"')[0]
            found[reason] = found.get(reason, 0) + int(value)
    return found


def say(text: str) -> None:
    """Print a line at once, for whoever watches."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
