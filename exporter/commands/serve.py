"""The daemon: what runs without a subcommand."""

from pathlib import Path

from exporter import logs
from exporter.app import App, AppOptions
from exporter.commands import fail
from exporter.config.load import ConfigError, load
from exporter.config.sharding import Shard
from exporter.process.signals import Signals, end
from exporter.web import ListenError


def run(config: Path, shard: Shard, options: AppOptions, log_level: str, log_format: str, signals: Signals) -> int:
    """Run the exporter until SIGTERM or SIGINT, then end the process. Return 1 if it cannot start."""
    with signals.leaving_at_once():
        try:
            app = App(load(config, shard=shard), options)
        except (ConfigError, ListenError) as error:
            return fail(error, options.route_prefix)
    logs.configure(log_level, log_format, app.hide)
    return end(app.run(signals))
