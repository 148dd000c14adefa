"""Values of the command line's flags. Each function raises ArgumentTypeError with what was expected."""

import argparse
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exporter.config.address import Address
    from exporter.config.sharding import Shard


def address(text: str) -> "Address":
    """Return an address to listen on."""
    from exporter.config.address import parse_address

    try:
        return parse_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}, got {text!r}") from None


class Addresses(argparse.Action):
    """Collect the addresses of a flag that may be repeated; its default counts only without any."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, option: str | None = None
    ) -> None:
        """Add one."""
        found = getattr(namespace, self.dest)
        setattr(namespace, self.dest, [values] if found is self.default else [*found, values])


def telemetry_path(text: str) -> str:
    """Return a path for the metrics that no other page has, or may have one day."""
    if not text.startswith("/") or text.startswith("//") or any(c in text for c in "{}?# "):
        raise argparse.ArgumentTypeError(f"expected a path such as /metrics, got {text!r}")
    if text in ("/", "/devices", "/devices.json") or text.startswith(("/-/", "/devices/")):
        raise argparse.ArgumentTypeError(f"expected a path such as /metrics, but a page of the exporter's own is at {text!r}")
    return text


def moment(text: str) -> datetime:
    """Return the local time of an ISO date (its midnight), or date and time, without a zone and fractions of a second."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is not None or time.microsecond:
        raise argparse.ArgumentTypeError(f"expected YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS, got {text!r}")
    return time


def devices(text: str) -> list[tuple[str, str]]:
    """Return type and serial number of each device in a list such as pbd:A,pcs:B."""
    pairs = [(kind.strip(), sn.strip()) for kind, _, sn in (part.partition(":") for part in text.split(","))]
    if not all(kind and sn for kind, sn in pairs):
        raise argparse.ArgumentTypeError(f"expected type:deviceSn,... such as pbd:UMD0D23202, got {text!r}")
    return pairs


def shard(index: int | None, total: int) -> "Shard":
    """Return the shard; without an index, and with more than one shard, that of the number at the end of the host's name."""
    import socket

    from exporter.config.sharding import Shard, ordinal

    if total < 1:
        raise argparse.ArgumentTypeError(f"argument --total-shards: expected 1 or more, got {total}")
    if index is None and total > 1:
        host_name = socket.gethostname()
        index = ordinal(host_name)
        if index is None:
            raise argparse.ArgumentTypeError(
                f"argument --shard: missing, and the host's name {host_name!r} does not end in a number such as -0"
            )
    try:
        return Shard(index or 0, total)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"argument --shard: {error}") from None
