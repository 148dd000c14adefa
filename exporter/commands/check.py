"""`--config.check`: read the config as the daemon would, and show each device as it would be polled."""

import sys
from pathlib import Path

from exporter.clock import Clock
from exporter.commands import fail
from exporter.commands.online import ask_devices
from exporter.config.load import Config, ConfigError, load
from exporter.config.sharding import Shard
from exporter.doctor.check import counted
from exporter.logs import printable
from exporter.polling.pacing import pace
from exporter.web import webconfig


def run(path: Path, shard: Shard, web_path: Path | None, *, strict: bool = False, online: bool = False) -> int:
    """Print the devices of the config at `path`, a summary of the web config, and warnings about what is hardly meant.

    If `online`, ask each device for a reading. Return 1 if either config has mistakes, if `strict` and there are warnings, or if
    a device gives no reading.
    """
    try:
        config = load(path, shard=shard)
        web = webconfig.load(web_path) if web_path else None
    except ConfigError as error:
        return fail(error)
    print(format_table(config))
    if web is not None:
        print(f"{web_path} is valid: {web}.")
        for note in web.notes:
            print(f"{web_path}: {note}.")
    warnings = _warnings(config)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    failed = ask_devices(config, Clock()) if online else 0
    return 1 if strict and warnings else failed


def _warnings(config: Config) -> list[str]:
    fitted = pace(config, config.devices)
    if fitted.fits:
        return list(config.warnings)
    asked, most = f"{fitted.demand:g} requests a minute are asked for", f"the budget is {config.requests_per_minute:g}"
    return [*config.warnings, f"{config.path}: the schedule does not fit: {asked}, {most}"]


def format_table(config: Config) -> str:
    """Return one line a device: type, deviceSn, path, paced interval in seconds, evidence of the path; then a summary."""
    fitted = pace(config, config.devices)
    rows = [("TYPE", "DEVICESN", "PATH", "INTERVAL", "EVIDENCE OF THE PATH")]
    for device in config.devices:
        interval = f"{device.interval * fitted.stretch:g}s"
        rows.append((device.type, printable(device.sn), device.path, interval, device.evidence.words))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines = ["  ".join([*map(str.ljust, row, widths), row[-1]]) for row in rows]
    lines.append("")
    lines.append(
        f"{config.path} is valid: {counted(len(config.devices), 'device')} {'asks' if len(config.devices) == 1 else 'ask'} for "
        f"{fitted.demand:g} of {config.requests_per_minute:g} requests a minute."
    )
    if config.shard.total > 1:
        lines.append(f"These are the devices and the budget of shard {config.shard.index} of {config.shard.total}.")
    if config.discovery:
        loggers = ", ".join(config.discovery.datalog_sns)
        lists = "; ".join(
            f"{known.type}: {known.paths.list.path}, {known.paths.list.evidence.words}"
            for known in config.discovered_types
            if known.paths.list
        )
        lines.append(f"More devices are looked for on the data loggers {loggers} ({lists}).")
    if not fitted.fits:
        lines.append(f"That does not fit: intervals are stretched by {fitted.stretch:.3f}.")
    return "\n".join(lines)
