"""The command line: flags and subcommands in, exit code out; nothing else."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from exporter import __version__
from exporter.commands import arguments
from exporter.process.signals import Signals, end

if TYPE_CHECKING:
    from exporter.config.sharding import Shard


def main(words: Sequence[str] | None = None, signals: Signals | None = None) -> int:
    """Run the command. Returns 0, or 1 for what is wrong with config or address; usage errors leave with 2.

    `signals` are those caught since the process began. The exporter and the demo go by them; for all other commands they do again
    what they do by default, but that SIGINT returns 130 instead of a traceback.
    """
    signals = signals or Signals(signal.SIGHUP, signal.SIGTERM, signal.SIGINT)
    options = _parser().parse_args(words)
    try:
        return int(options.run(options, signals))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="atess-exporter",
        description="Prometheus exporter for ATESS inverters and batteries, read from the Enerclo cloud.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=lambda options, signals: _run(options, parser, signals))
    parser.add_argument("--version", action="version", version=_version())
    parser.add_argument(
        "--config.file",
        dest="config",
        type=Path,
        default=Path("config.yaml"),
        metavar="PATH",
        help="default: %(default)s",
    )
    parser.add_argument("--config.check", dest="check", action="store_true", help="check the config, print its devices, and exit")
    _add_shard_flags(parser)
    _add_web_flags(parser)
    _add_log_flags(parser)
    subcommands = parser.add_subparsers(title="subcommands", metavar="COMMAND")
    demo = subcommands.add_parser("demo", help="run against a simulated cloud", allow_abbrev=False)
    demo.set_defaults(run=_demo)
    _add_web_flags(demo)
    _add_log_flags(demo)
    discover = subcommands.add_parser("discover", help="print the devices of data loggers as a device list", allow_abbrev=False)
    discover.set_defaults(run=_uncaught(_discover))
    discover.add_argument(
        "--datalog-sn", dest="datalog_sns", action="append", required=True, metavar="SN", help="a data logger; may be repeated"
    )
    discover.add_argument(
        "--config.file", dest="config", type=Path, default=Path("config.yaml"), metavar="PATH", help="default: %(default)s"
    )
    _add_log_flags(discover)
    healthcheck = subcommands.add_parser(
        "healthcheck", help="exit with 0 if the exporter that runs on this machine is healthy, else with 1", allow_abbrev=False
    )
    healthcheck.set_defaults(run=_uncaught(_healthcheck))
    _add_listen_flag(healthcheck)
    _add_backfill(subcommands.add_parser("backfill", help="write the cloud's history as OpenMetrics", allow_abbrev=False))
    return parser


def _add_backfill(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(run=_uncaught(_backfill))
    what = "date or date with time, in api.timezone"
    parser.add_argument("--from", dest="start", type=arguments.moment, required=True, metavar="TIME", help=f"{what}; included")
    parser.add_argument("--to", dest="end", type=arguments.moment, required=True, metavar="TIME", help=f"{what}; not included")
    parser.add_argument(
        "--devices", type=arguments.devices, metavar="TYPE:SN,...", help="devices to fill in (default: all that the config lists)"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="PATH", help="the file to write")
    parser.add_argument("--split-by", choices=("day",), help="write a folder with a file for each UTC day instead")
    parser.add_argument("--dry-run", action="store_true", help="only say how many requests it takes, and how long")
    parser.add_argument(
        "--config.file", dest="config", type=Path, default=Path("config.yaml"), metavar="PATH", help="default: %(default)s"
    )
    _add_log_flags(parser)


def _add_shard_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--shard",
        type=int,
        metavar="N",
        help="which part of the devices to poll, from 0 (default: the number at the end of the host's name, as a StatefulSet's "
        "pods have it, where --total-shards is above 1)",
    )
    parser.add_argument(
        "--total-shards",
        type=int,
        default=1,
        metavar="N",
        help="how many exporters share the devices and the request budget (default: %(default)s)",
    )


def _add_listen_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--web.listen-address",
        dest="listen",
        type=arguments.address,
        default=":9837",
        metavar="ADDRESS",
        help="host:port, :port or [v6]:port (default: %(default)s)",
    )


def _add_web_flags(parser: argparse.ArgumentParser) -> None:
    _add_listen_flag(parser)
    parser.add_argument(
        "--web.telemetry-path",
        dest="telemetry_path",
        type=arguments.telemetry_path,
        default="/metrics",
        metavar="PATH",
        help="where the metrics are (default: %(default)s)",
    )
    parser.add_argument(
        "--web.config.file",
        dest="web_config",
        type=Path,
        metavar="PATH",
        help="TLS, users and headers, in the exporter-toolkit's format (default: none of them)",
    )


def _add_log_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--log.level",
        dest="log_level",
        choices=("debug", "info", "warn", "error"),
        default="info",
        help="default: %(default)s",
    )
    parser.add_argument(
        "--log.format", dest="log_format", choices=("logfmt", "json"), default="logfmt", help="default: %(default)s"
    )


def _version() -> str:
    import platform

    return f"atess-exporter, version {__version__} (Python {platform.python_version()})"


# What follows imports only where it is used: `--version` and usage errors need none of it.


def _run(options: argparse.Namespace, parser: argparse.ArgumentParser, signals: Signals) -> int:
    shard = _shard(options, parser)
    if options.check:
        return _uncaught(lambda options: _check(options, shard))(options, signals)
    return _serve(options, shard, signals)


def _uncaught(command: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace, Signals], int]:
    """Return `command` as one that signals end."""

    def run(options: argparse.Namespace, signals: Signals) -> int:
        signals.hand_back()
        return command(options)

    return run


def _serve(options: argparse.Namespace, shard: "Shard", signals: Signals) -> int:
    with signals.leaving_at_once():
        from exporter import logs
        from exporter.app import App, Options
        from exporter.config.load import ConfigError, load
        from exporter.web import ListenError

        try:
            config = load(options.config, shard=shard)
            app = App(config, Options(options.listen, options.telemetry_path, options.web_config))
        except ConfigError as error:
            print(error, file=sys.stderr)
            return 1
        except ListenError as error:
            print(f"atess-exporter: {error}", file=sys.stderr)
            return 1
        logs.configure(options.log_level, options.log_format, lambda: app.token)
    return end(app.run(signals))


def _shard(options: argparse.Namespace, parser: argparse.ArgumentParser) -> "Shard":
    """Raises SystemExit, with the usage, where the flags or the host's name name no shard."""
    import socket

    from exporter.config.sharding import Shard, ordinal

    index = options.shard
    if options.total_shards < 1:
        parser.error(f"argument --total-shards: expected 1 or more, got {options.total_shards}")
    if index is None and options.total_shards > 1:
        host_name = socket.gethostname()
        index = ordinal(host_name)
        if index is None:
            parser.error(f"argument --shard: missing, and the host's name {host_name!r} does not end in a number such as -0")
    try:
        return Shard(index or 0, options.total_shards)
    except ValueError as error:
        parser.error(f"argument --shard: {error}")


def _check(options: argparse.Namespace, shard: "Shard") -> int:
    from exporter.commands.check import table
    from exporter.config.load import ConfigError, load
    from exporter.web import webconfig

    try:
        config = load(options.config, shard=shard)
        web = webconfig.load(options.web_config) if options.web_config else None
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    print(table(config))
    if web is not None:
        print(f"{options.web_config} is valid: {web}.")
    return 0


def _discover(options: argparse.Namespace) -> int:
    from exporter import logs
    from exporter.commands.discover import device_list
    from exporter.config.load import ConfigError, load

    try:
        config = load(options.config, devices_needed=False)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    logs.configure(options.log_level, options.log_format, config.token.reveal)
    found = device_list(config, options.datalog_sns)
    print(found.yaml, end="")
    return 0 if found.devices and not found.failures else 1


def _backfill(options: argparse.Namespace) -> int:
    from exporter import logs
    from exporter.backfill.runner import BackfillError, BackfillOptions, backfill
    from exporter.config.load import ConfigError, load

    wishes = BackfillOptions(
        options.start, options.end, options.devices, options.output, options.split_by == "day", options.dry_run
    )
    try:
        config = load(options.config, devices_needed=False)
        logs.configure(options.log_level, options.log_format, config.token.reveal)
        return backfill(config, wishes)
    except (ConfigError, BackfillError) as error:
        print(error, file=sys.stderr)
        return 1


def _healthcheck(options: argparse.Namespace) -> int:
    from exporter.commands.healthcheck import problem

    found = problem(*options.listen)
    print(f"atess-exporter: {found}" if found else "healthy", file=sys.stderr if found else sys.stdout)
    return 1 if found else 0


def _demo(options: argparse.Namespace, signals: Signals) -> int:
    with signals.leaving_at_once():
        from exporter.commands.demo import run
        from exporter.config.load import ConfigError
        from exporter.web import ListenError

    try:
        code = run(options.listen, options.telemetry_path, options.web_config, options.log_level, options.log_format, signals)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    except ListenError as error:
        print(f"atess-exporter: {error}", file=sys.stderr)
        return 1
    return end(code)
