"""The flags of subcommands that examine an account."""

import argparse
from pathlib import Path

from exporter.commands import arguments


def add_config_flag(parser: argparse.ArgumentParser) -> None:
    """Add --config.file."""
    parser.add_argument(
        "--config.file",
        dest="config",
        type=Path,
        default=Path("config.yaml"),
        metavar="PATH",
        help="the config file (default: %(default)s)",
    )


def add_datalog_flag(parser: argparse.ArgumentParser, what: str, *, required: bool = False) -> None:
    """Add --datalog-sn."""
    parser.add_argument(
        "--datalog-sn", dest="datalog_sns", action="append", default=[], required=required, metavar="SN", help=what
    )


def add_doctor_flags(parser: argparse.ArgumentParser) -> None:
    """Add those of `doctor`."""
    parser.add_argument(
        "--devices",
        type=arguments.devices,
        default=[],
        metavar="TYPE:SN,...",
        help="devices to ask (default: those of the config)",
    )
    add_datalog_flag(parser, "a data logger whose lists to read; may be repeated")
    parser.add_argument(
        "--watch",
        type=arguments.duration,
        default=0.0,
        metavar="TIME",
        help="go on reading for so long, such as 15m, to see what moves",
    )
    parser.add_argument("--try-paths", action="store_true", help="ask other candidates where an inferred path is not found")
    parser.add_argument(
        "--format", dest="form", choices=("text", "json"), default="text", help="form of the output (default: %(default)s)"
    )
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="write a report for the project, in Markdown, without secrets"
    )
    parser.add_argument(
        "--capture", type=Path, metavar="DIR", help="write the raw answers, without secrets, for `demo --replay DIR`"
    )
    parser.add_argument(
        "--write-config", type=Path, metavar="FILE", help="write the config that follows, to a file that is not there yet"
    )
    add_config_flag(parser)


def add_init_flags(parser: argparse.ArgumentParser) -> None:
    """Add those of `init`."""
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="the file that holds the token (default: asked without echo)"
    )
    add_datalog_flag(parser, "a data logger; may be repeated")
    parser.add_argument(
        "--devices",
        type=arguments.devices_of_any_type,
        default=[],
        metavar="[TYPE:]SN,...",
        help="devices, with their type where you know it",
    )
    parser.add_argument("--timezone", metavar="ZONE", help="the zone of the clocks in the devices, such as Asia/Bangkok")
    parser.add_argument("--base-url", metavar="URL", help="another cloud than the vendor's")
    add_config_flag(parser)
