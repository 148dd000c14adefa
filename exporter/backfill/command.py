"""The `backfill` subcommand: options in, exit code out."""

import sys
from argparse import Namespace
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from exporter import logs
from exporter.backfill.devices import find_devices
from exporter.backfill.forecast import forecast
from exporter.backfill.output import NO_LABELS
from exporter.backfill.plan import BackfillError, BackfillPlan, check_range, make_plan
from exporter.backfill.runner import BackfillRun
from exporter.backfill.spill import SPILL_FILE, Spill
from exporter.clock import Clock
from exporter.config.load import Config, ConfigError, load


def run(options: Namespace) -> int:
    """Run the backfill with the options of the command line. Return the exit code."""
    try:
        config = load(options.config, devices_needed=False)
        logs.configure(options.log_level, options.log_format, config.token.hide_in)
        return backfill(
            config,
            options.start,
            options.end,
            options.devices,
            options.output,
            split_by_day=options.split_by == "day",
            labels=options.labels,
            dry_run=options.dry_run,
        )
    except (ConfigError, BackfillError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the user
        return 1


def backfill(
    config: Config,
    start: datetime,
    end: datetime,
    devices: Sequence[tuple[str, str]] | None,
    output: Path,
    *,
    split_by_day: bool = False,
    labels: Mapping[str, str] = NO_LABELS,
    dry_run: bool = False,
) -> int:
    """Write the history of `devices` (None: all that the exporter polls) from local time `start` up to but not including `end`.

    All series have these `labels` beside their own. Return the exit code. Raises BackfillError. What was read by then is kept for
    the next run.
    """
    clock = Clock()
    try:
        check_range(config, start, end, clock.wall())
        folder = output.with_name(output.name + ".partial")
        if not dry_run:
            _check_output(output, folder)
        plan = make_plan(config, start, end, devices or find_devices(config, clock), clock.wall())
        if dry_run:
            print(forecast(config, plan, labels, clock.wall()))  # noqa: T201 - what was asked for
            # a run would be refused for the same
            _check_output(output, folder)
            if (folder / SPILL_FILE).exists():
                print(_earlier_run(config, plan, folder))  # noqa: T201 - the same
            return 0
        spill = Spill(folder, _run_facts(config, plan))
        try:
            return BackfillRun(config, plan, spill, clock, output, labels, split_by_day=split_by_day).run()
        finally:
            spill.close()
    except BackfillError:
        raise
    except OSError as error:
        raise BackfillError(f"{error.filename or output}: {error.strerror or error}") from None
    except Exception as error:  # noqa: BLE001 - an error of SQLite, or one that nobody foresaw: the user gets a message
        raise BackfillError(f"{output}.partial: {error}") from None


def _check_output(output: Path, folder: Path) -> None:
    """Raise BackfillError if a run may not write there. `folder` has what an earlier run read."""
    if output.exists() and not folder.exists():
        raise BackfillError(f"{output} exists already; name another --output, or move it away")
    if not output.parent.exists():
        raise BackfillError(f"{output.parent} does not exist; make that folder, or name another --output")
    if not output.parent.is_dir():
        raise BackfillError(f"{output.parent} is not a directory")


def _earlier_run(config: Config, plan: BackfillPlan, folder: Path) -> str:
    """Return how far an earlier run came. Raises BackfillError if a run cannot go on from there."""
    spill = Spill(folder, _run_facts(config, plan))
    try:
        read = sum(len(spill.complete_windows(source)) for source in plan.sources)
    finally:
        spill.close()
    windows = len(plan.sources) * len(plan.windows)
    left = round(plan.requests * (windows - read) / windows)
    return f"{folder}: an earlier run read {read} of {windows} windows; a run goes on from there, with some {left} requests"


def _run_facts(config: Config, plan: BackfillPlan) -> dict[str, str]:
    """Return what must be the same for a run to go on from an earlier one. Devices may come and go."""
    fields = {name: (filter.include, filter.exclude) for name, filter in sorted(config.fields.items())}
    return {
        "range (--from, --to)": str(plan.range),
        "history.window": f"{config.history.window:g}",
        "history.page_size": str(plan.page_size),
        "api.timezone": str(config.api.timezone),
        "api.base_url": config.api.base_url,
        "choice of fields": repr(fields),
    }
