"""The command line: flags and subcommands in, exit code out; nothing else."""

import argparse
import gc
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from exporter import __version__
from exporter.commands import arguments, flags
from exporter.process.signals import Signals

if TYPE_CHECKING:
    from exporter.app import AppOptions


def main(words: Sequence[str] | None = None, signals: Signals | None = None) -> int:
    """Run the command. Return the exit code: 1 for a mistake in the config or an address in use, 130 after SIGINT.

    `signals` holds those caught since the process began. The exporter and the demo handle them; every other command gives them
    back their default action. Raises SystemExit, with code 2, for a usage error.
    """
    signals = signals or Signals(signal.SIGHUP, signal.SIGTERM, signal.SIGINT)
    options = parser().parse_args(words)
    try:
        return int(options.run(options, signals))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="atess-exporter",
        description="Prometheus exporter for ATESS inverters and batteries, read from the Enerclo cloud.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=lambda options, signals: _root(options, parser, signals))
    parser.add_argument("--version", action="version", version=_version())
    flags.add_config_flag(parser)
    parser.add_argument("--config.check", dest="check", action="store_true", help="check the config, print its devices, and exit")
    parser.add_argument(
        "--config.strict", dest="strict", action="store_true", help="with --config.check: fail if there is a warning"
    )
    parser.add_argument(
        "--online", action="store_true", help="with --config.check: ask each device for a reading, within the request budget"
    )
    _add_shard_flags(parser)
    _add_web_flags(parser)
    _add_log_flags(parser)
    subcommands = parser.add_subparsers(title="subcommands", metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace, Signals], int], what: str) -> argparse.ArgumentParser:
        added = subcommands.add_parser(name, help=what, allow_abbrev=False)
        added.set_defaults(run=run)
        return added

    demo = command("demo", _demo, "run against a simulated cloud")
    demo.add_argument(
        "--replay", type=Path, metavar="DIR", help="serve what `doctor --capture DIR` kept instead of a made-up site"
    )
    _add_web_flags(demo)
    _add_log_flags(demo)
    discover = command("discover", _module("exporter.commands.discover"), "print the devices of data loggers as a device list")
    flags.add_datalog_flag(discover, "a data logger; may be repeated", required=True)
    flags.add_config_flag(discover)
    _add_log_flags(discover)
    examined = "find out what works on your account, what does not, and what to write into the config"
    flags.add_doctor_flags(command("doctor", _module("exporter.commands.doctor"), examined))
    asked = "ask for what a first config needs, check it and write it"
    flags.add_init_flags(command("init", _module("exporter.commands.init"), asked))
    healthy = "exit with 0 if the exporter that runs on this machine is healthy, else with 1"
    healthcheck = command("healthcheck", _module("exporter.commands.healthcheck"), healthy)
    _add_listen_flag(healthcheck)
    _add_prefix_flags(healthcheck)
    copied = "copy the dashboards, rules, systemd units and the example config into a folder"
    files = command("files", _module("exporter.commands.files"), copied)
    files.add_argument("--output", type=Path, required=True, metavar="DIR", help="the folder; made if it is not there")
    _add_backfill(command("backfill", _module("exporter.backfill.command"), "write the cloud's history as OpenMetrics"))
    return parser


def _add_backfill(parser: argparse.ArgumentParser) -> None:
    what = "date or date with time, in api.timezone"
    parser.add_argument("--from", dest="start", type=arguments.moment, required=True, metavar="TIME", help=f"{what}; included")
    parser.add_argument("--to", dest="end", type=arguments.moment, required=True, metavar="TIME", help=f"{what}; not included")
    parser.add_argument(
        "--devices",
        type=arguments.devices,
        metavar="TYPE:SN,...",
        help="devices to fill in (default: the config's, with those in the lists of its data loggers)",
    )
    parser.add_argument("--output", type=Path, required=True, metavar="PATH", help="the file to write")
    parser.add_argument("--split-by", choices=("day",), help="write a folder with a file for each UTC day instead")
    parser.add_argument(
        "--label",
        dest="labels",
        type=arguments.label,
        action=arguments.Labels,
        default={},
        metavar="NAME=VALUE",
        help="a label for all series, such as job=atess, as Prometheus adds to live ones; may be repeated",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what it would ask and write, and how long it takes")
    flags.add_config_flag(parser)
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


def _add_listen_flag(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--web.listen-address",
        dest="listen",
        type=arguments.address,
        action=arguments.Addresses,
        default=[("", 9837)],
        metavar="ADDRESS",
        help="where to listen: host:port, :port, [v6]:port or unix:/path; may be repeated (default: :9837)",
    )


def _add_prefix_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--web.external-url",
        dest="external_path",
        type=arguments.external_url,
        metavar="URL",
        help="where browsers see the exporter, if it is behind a proxy; links begin with the URL's path",
    )
    parser.add_argument(
        "--web.route-prefix",
        dest="route_prefix",
        type=arguments.route_prefix,
        metavar="PATH",
        help="the path below which everything is served (default: the path of --web.external-url; / if the proxy strips that)",
    )


def _add_web_flags(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group()
    _add_listen_flag(where)
    where.add_argument(
        "--web.systemd-socket",
        dest="systemd_socket",
        action="store_true",
        help="listen on the sockets of a systemd .socket unit instead",
    )
    _add_prefix_flags(parser)
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
    for name, choices, default in (
        ("level", ("debug", "info", "warn", "error"), "info"),
        ("format", ("logfmt", "json"), "logfmt"),
    ):
        parser.add_argument(f"--log.{name}", dest=f"log_{name}", choices=choices, default=default, help="default: %(default)s")


def _version() -> str:
    import platform

    return f"atess-exporter, version {__version__} (Python {platform.python_version()})"


# What follows imports only where it is used: `--version` and usage errors need none of it.


def _module(name: str) -> Callable[[argparse.Namespace, Signals], int]:
    """Return the run() of a module that takes the options, as a command during which signals have their default action."""

    def run(options: argparse.Namespace, signals: Signals) -> int:
        signals.hand_back()
        return int(import_module(name).run(options))

    return run


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Import without the garbage collector: what modules are made of stays, and to look through it takes a tenth of the start."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _root(options: argparse.Namespace, parser: argparse.ArgumentParser, signals: Signals) -> int:
    try:
        shard = arguments.shard(options.shard, options.total_shards)
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    if not options.check and (options.strict or options.online):
        parser.error(f"{'--config.strict' if options.strict else '--online'} needs --config.check")
    if options.check:
        signals.hand_back()
        from exporter.commands import check

        return check.run(options.config, shard, options.web_config, strict=options.strict, online=options.online)
    with signals.leaving_at_once(), _without_collecting():
        from exporter.commands import serve
    return serve.run(options.config, shard, _app_options(options), options.log_level, options.log_format, signals)


def _demo(options: argparse.Namespace, signals: Signals) -> int:
    with signals.leaving_at_once(), _without_collecting():
        from exporter.commands import demo
    return demo.run(_app_options(options, simulated=True), options.log_level, options.log_format, signals, options.replay)


def _app_options(options: argparse.Namespace, *, simulated: bool = False) -> "AppOptions":
    from exporter.app import AppOptions

    where = (options.listen, options.telemetry_path, options.web_config, *arguments.prefixes(options))
    return AppOptions(*where, simulated=simulated, systemd_socket=options.systemd_socket)
