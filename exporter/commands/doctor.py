"""The `doctor` subcommand: what works on this account, what does not, why, and what to write into the config."""

import sys
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import get_terminal_size

from tqdm import tqdm

from exporter import logs
from exporter.clock import Clock
from exporter.config.load import NO_CONFIG, ConfigError, load
from exporter.doctor import capture, report
from exporter.doctor.check import Check, Outcome, counted
from exporter.doctor.examination import examine, settled
from exporter.doctor.observations import Observations
from exporter.doctor.output import as_json, as_text
from exporter.doctor.plan import DoctorOptions, Plan, PlanError, make_plan
from exporter.doctor.proposal import changes, proposed, write_new
from exporter.doctor.survey import survey


@dataclass(frozen=True, slots=True)
class Output:
    """Where the findings go: `form` is text or json; the files are None where they are not wanted."""

    form: str = "text"
    report: Path | None = None
    capture: Path | None = None
    config: Path | None = None


def run(options: Namespace) -> int:
    """Examine the account as the command line says."""
    asked = DoctorOptions(options.devices, options.datalog_sns, options.watch, options.try_paths)
    return diagnose(options.config, asked, Output(options.form, options.report, options.capture, options.write_config), Clock())


def diagnose(path: Path, options: DoctorOptions, output: Output, clock: Clock) -> int:
    """Examine the account of the config at `path`. Return 0 if nothing failed, 1 otherwise."""
    for file in (output.report, output.capture, output.config):
        if file is not None and file.exists():
            print(f"{file} exists already; name another, or move it away", file=sys.stderr)
            return 1
    try:
        config = load(path, devices_needed=False)
        plan = make_plan(config, options)
    except (ConfigError, PlanError) as error:
        return _print([_config_failed(path, error)], output.form)
    logs.configure("error", "logfmt", config.token.hide_in)
    print(f"Sending {plan.forecast(config.requests_per_minute)}.", file=sys.stderr, flush=True)
    with _progress(plan) as told:
        seen = survey(config, plan, clock, told)
    checks = [Check("config", Outcome.OK, f"valid, {counted(len(config.devices), 'device')} listed"), *examine(seen)]
    return _print(checks, output.form, _files(seen, checks, output), seen)


def _config_failed(path: Path, error: Exception) -> Check:
    if not path.exists():
        remedy = f"{NO_CONFIG[0].upper()}{NO_CONFIG[1:]}."
        return Check("config", Outcome.FAIL, "there is no config file", remedy, f"{path} does not exist")
    if isinstance(error, PlanError):
        return Check("config", Outcome.FAIL, "nothing to ask", str(error)[0].upper() + str(error)[1:] + ".")
    return Check("config", Outcome.FAIL, "the config has mistakes", "Correct the lines above, and run doctor again.", str(error))


def _files(seen: Observations, checks: list[Check], output: Output) -> tuple[str, list[str]]:
    """Write the files that are wanted. Return the config to show, and what could not be written."""
    wanted = changes(seen.config, checks, seen.plan.options)
    problems = []
    jobs: list[tuple[Path | None, Callable[[Path], None]]] = [
        (output.report, lambda path: write_new(path, report.as_markdown(seen, checks))),
        (output.capture, lambda path: capture.write(seen, path)),
        (output.config, lambda path: write_new(path, proposed(seen.config, wanted, path.parent))),
    ]
    for path, write in jobs:
        if path is None:
            continue
        try:
            write(path)
        except OSError as error:
            problems.append(f"cannot write {path}: {error.strerror}")
    return (proposed(seen.config, wanted) if wanted else ""), problems


def _print(checks: list[Check], form: str, files: tuple[str, list[str]] = ("", []), seen: Observations | None = None) -> int:
    facts = settled(checks)
    proposal, problems = files
    text = (
        as_json(checks, facts, proposal, seen.wire.requests if seen else 0)
        if form == "json"
        else as_text(checks, facts, proposal)
    )
    print(seen.config.token.hide_in(text) if seen else text)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems or any(check.outcome is Outcome.FAIL for check in checks) else 0


@contextmanager
def _progress(plan: Plan) -> Iterator[Callable[[int, str], None]]:
    """Keep a line on the terminal, if there is one, that says which request is sent."""
    if not sys.stderr.isatty():
        yield lambda number, purpose: None
        return
    # some terminals report a size of 0, and tqdm would draw nothing
    columns, rows = get_terminal_size()
    style = "{n}/{total} {desc}"
    with tqdm(total=plan.requests, ncols=columns, nrows=rows, bar_format=style, leave=False, file=sys.stderr) as bar:

        def told(number: int, purpose: str) -> None:
            # a watch goes on beyond what is known before
            bar.total = max(bar.total or 0, number)
            bar.n = number
            bar.set_description_str(purpose)

        yield told
