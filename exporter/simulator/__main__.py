"""`python -m exporter.simulator`: a simulated cloud as a process of its own."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from exporter.simulator.clock import SimClock
from exporter.simulator.cloud import Cloud
from exporter.simulator.device import SimDevice, demo_site, fleet
from exporter.simulator.replay import Replay, serve_replay
from exporter.simulator.server import ServedCloud, serve

_SIGNALS = {signal.SIGTERM, signal.SIGINT}

AnyCloud = TypeVar("AnyCloud", bound=Cloud)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT."""
    parser = build_parser("python -m exporter.simulator", replay=True)
    options = parser.parse_args(arguments)
    if options.replay is not None:
        return run(parser, lambda: serve_replay(Replay(options.replay), *options.listen))
    return run(parser, lambda: serve(build_cloud(options, Cloud), *options.listen))


def run(parser: argparse.ArgumentParser, start: Callable[[], AbstractContextManager[ServedCloud]]) -> int:
    """Start to serve and say where; stop at SIGTERM or SIGINT. What `start` can't do is a usage error."""
    # Blocked before the server's thread is there to inherit it, and fetched with sigwait: none comes at a bad moment.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        with start() as served:
            print(f"simulated cloud on {served.url}", flush=True)
            signal.sigwait(_SIGNALS)
    except (ValueError, OSError) as mistake:
        parser.error(str(mistake))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return 0


def build_parser(program: str, *, replay: bool = False) -> argparse.ArgumentParser:
    """Return the parser of the flags that say what to simulate, or what to `replay`, and where to serve."""
    parser = argparse.ArgumentParser(prog=program, description="A simulated Enerclo cloud.")
    parser.add_argument("--listen", type=_address, default=("127.0.0.1", 0), metavar="HOST:PORT", help="port 0: any free")
    devices = parser.add_mutually_exclusive_group(required=True)
    devices.add_argument("--site", action="store_true", help="a small demo site")
    devices.add_argument("--fleet", type=int, metavar="N", help="N devices of all types")
    devices.add_argument("--devices", type=_devices, metavar="TYPE:SN,...", help="these devices")
    if replay:
        devices.add_argument("--replay", type=Path, metavar="DIR", help="what `atess-exporter doctor --capture DIR` kept")
    parser.add_argument(
        "--fault", type=_fault, action="append", default=[], metavar="TYPE:SN=WORD.BIT,...", help="faults that a device reports"
    )
    parser.add_argument("--seed", type=int, default=1, help="another seed, other readings")
    parser.add_argument("--speed", type=float, default=1.0, help="how many times faster than real time to run")
    parser.add_argument("--start", type=datetime.fromisoformat, metavar="ISO", help="simulated time to begin at; default: now")
    parser.add_argument("--timezone", type=_zone, default=ZoneInfo("Asia/Bangkok"), help="the zone of the site")
    parser.add_argument("--token", help="refuse requests without exactly this Authorization")
    parser.add_argument("--upload-interval", type=float, default=300.0, metavar="S", help="simulated seconds")
    return parser


def build_cloud(options: argparse.Namespace, kind: type[AnyCloud]) -> AnyCloud:
    """Return the cloud that the flags ask for. Raises ValueError."""
    start: datetime = options.start or datetime.now(UTC)
    if start.tzinfo is None:
        start = start.replace(tzinfo=options.timezone)
    clock = SimClock(start, options.speed, timezone=options.timezone)
    if options.site:
        devices = demo_site(clock.now())
    elif options.fleet is not None:
        devices = fleet(options.fleet, options.seed)
    else:
        devices = options.devices
    for device_type, sn, faults in options.fault:
        found = [place for place, device in enumerate(devices) if (device.type, device.sn) == (device_type, sn)]
        if not found:
            raise ValueError(f"--fault: there is no {device_type} {sn}")
        devices[found[0]] = replace(devices[found[0]], faults=faults)
    return kind(devices, clock, options.seed, options.token, options.upload_interval)


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]") or "127.0.0.1", int(port)


def _devices(text: str) -> list[SimDevice]:
    return [SimDevice(kind, sn) for kind, _, sn in (part.partition(":") for part in text.split(","))]


def _fault(text: str) -> tuple[str, str, tuple[str, ...]]:
    device, _, codes = text.partition("=")
    device_type, _, sn = device.partition(":")
    return device_type, sn, tuple(codes.split(","))


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (OSError, KeyError) as mistake:
        raise ValueError(text) from mistake


if __name__ == "__main__":
    sys.exit(main())
