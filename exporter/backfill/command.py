"""The `backfill` subcommand: options in, exit code out."""

import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from exporter import logs
from exporter.backfill.output import NO_LABELS
from exporter.backfill.plan import BackfillError, BackfillPlan, make_plan
from exporter.backfill.progress import duration
from exporter.backfill.runner import BackfillRun
from exporter.backfill.spill import Spill
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
    """Write the history of `devices` (None: the config's) from local time `start` up to but not including `end`.

    All series have these `labels` beside their own. Return the exit code. Raises BackfillError. What was read by then is kept for
    the next run.
    """
    clock = Clock()
    try:
        plan = make_plan(config, start, end, devices, clock.wall())
        if dry_run:
            print(forecast(config, plan))  # noqa: T201 - what was asked for
            return 0
        folder = output.with_name(output.name + ".partial")
        if output.exists() and not folder.exists():
            raise BackfillError(f"{output} exists already; name another --output, or move it away")
        if not output.parent.is_dir():
            raise BackfillError(f"{output.parent} is not a directory")
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


def forecast(config: Config, plan: BackfillPlan) -> str:
    """Return what a run would request and how long it would take, as lines for the user."""
    api = config.api
    lines = [f"{plan.range} ({api.timezone}), in {len(plan.windows)} windows of at most {config.history.window / 3600:g}h"]
    paths = Counter((source.type, source.path.path, source.path.evidence.words) for source in plan.sources)
    for (kind, path, evidence), count in paths.items():
        lines.append(f"{kind}: {count} device{'s' if count > 1 else ''}, {path} ({evidence})")
    time = duration(plan.requests / api.requests_per_minute * 60)
    lines.append(
        f"some {plan.requests} requests, if each device uploaded every 5 minutes: {time} at {api.requests_per_minute:g} a minute"
    )
    return "\n".join(lines)


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
