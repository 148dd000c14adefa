"""`python -m tests.helpers.faulty_cloud`: a faulty cloud as a process of its own."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager

from exporter.simulator import ServedCloud
from exporter.simulator.__main__ import build_cloud, build_parser, run
from tests.helpers.faulty_cloud import FaultyCloud, serve


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT."""
    parser = build_parser("python -m tests.helpers.faulty_cloud")
    parser.add_argument(
        "--api-fault", type=_fault, action="append", default=[], metavar="TYPE:SN=NAME", help="a fault of the API to set"
    )
    options = parser.parse_args(arguments)

    def start() -> AbstractContextManager[ServedCloud]:
        cloud = build_cloud(options, FaultyCloud)
        for kind, sn, name in options.api_fault:
            cloud.faults.set(kind, sn, name)
        return serve(cloud, *options.listen)

    return run(parser, start)


def _fault(text: str) -> tuple[str, str, str]:
    device, _, name = text.partition("=")
    kind, _, sn = device.partition(":")
    return kind, sn, name


if __name__ == "__main__":
    sys.exit(main())
