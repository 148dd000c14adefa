"""What `--config.check` prints: every device as it would be polled."""

from exporter.config.load import Config
from exporter.polling.pacing import pace


def table(config: Config) -> str:
    """One line a device: type, deviceSn, path, interval in force in seconds, and how well the path is known."""
    fitted = pace(config, config.devices)
    rows = [("TYPE", "DEVICESN", "PATH", "INTERVAL", "EVIDENCE OF THE PATH")]
    for device in config.devices:
        interval = f"{device.interval * fitted.stretch:g}s"
        rows.append((device.type, _printable(device.sn), device.path, interval, device.evidence.words))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines = ["  ".join([*map(str.ljust, row, widths), row[-1]]) for row in rows]
    lines.append("")
    lines.append(
        f"{config.path} is valid: {len(config.devices)} devices ask for {fitted.demand:g} of "
        f"{config.requests_per_minute:g} requests a minute."
    )
    if config.shard.total > 1:
        lines.append(f"These are the devices and the budget of shard {config.shard.index} of {config.shard.total}.")
    if config.discovery:
        loggers = ", ".join(config.discovery.datalog_sns)
        lists = "; ".join(
            f"{it.type}: {it.paths.list.path}, {it.paths.list.evidence.words}" for it in config.discovered_types if it.paths.list
        )
        lines.append(f"More devices are looked for on the data loggers {loggers} ({lists}).")
    if not fitted.fits:
        lines.append(f"That does not fit: intervals are stretched by {fitted.stretch:.3f}.")
    return "\n".join(lines)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
