"""Values of the command line's flags. Each function raises ArgumentTypeError with what was expected."""

import argparse
import re
from datetime import datetime
from typing import TYPE_CHECKING, cast

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


class Labels(argparse.Action):
    """Collect the labels of a flag that may be repeated, as a dict; one name twice is refused."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, option: str | None = None
    ) -> None:
        """Add one."""
        name, value = cast("tuple[str, str]", values)
        labels = getattr(namespace, self.dest)
        if name in labels:
            raise argparse.ArgumentError(self, f"{name} is there twice")
        setattr(namespace, self.dest, {**labels, name: value})


def label(text: str) -> tuple[str, str]:
    """Return name and value of a label that readings do not have already."""
    name, equals, value = text.partition("=")
    if not equals or not value or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or name.startswith("__"):
        raise argparse.ArgumentTypeError(f"expected name=value such as job=atess, got {text!r}")
    if name in ("deviceSn", "type"):
        raise argparse.ArgumentTypeError(f"every reading has a label {name} of its own")
    return name, value


def telemetry_path(text: str) -> str:
    """Return a path for the metrics that no other page has, or may have one day."""
    if not text.startswith("/") or text.startswith("//") or any(c in text for c in "{}?# "):
        raise argparse.ArgumentTypeError(f"expected a path such as /metrics, got {text!r}")
    if text in ("/", "/devices", "/devices.json") or text.startswith(("/-/", "/devices/")):
        raise argparse.ArgumentTypeError(f"expected a path such as /metrics, but a page of the exporter's own is at {text!r}")
    return text


def external_url(text: str) -> str | None:
    """Return the path of the URL that browsers see, without a slash at its end; None for no text. The rest of it is not used."""
    from urllib.parse import urlsplit

    if not text:
        return None
    expected = f"expected a URL such as https://example.org/atess/, or only its path, got {text!r}"
    try:
        parts = urlsplit(text)
        # read for its range
        _ = parts.port
    except ValueError:
        raise argparse.ArgumentTypeError(expected) from None
    is_url = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    is_path = text.startswith("/") and not parts.netloc
    if not (is_url or is_path) or not _URL.fullmatch(text):
        raise argparse.ArgumentTypeError(expected)
    return _prefix(parts.path, expected)


def route_prefix(text: str) -> str | None:
    """Return the path that all routes begin with, without a slash at its end; None for no text."""
    return _prefix(text, f"expected a path such as /atess, got {text!r}") if text else None


def prefixes(options: argparse.Namespace) -> tuple[str, str]:
    """Return what routes begin with, and what links do: each is the other's default."""
    route, link = options.route_prefix, options.external_path
    return (link or "" if route is None else route, route or "" if link is None else link)


def _prefix(path: str, expected: str) -> str:
    segments = path.strip("/").split("/") if path.strip("/") else []
    if not all(_SEGMENT.fullmatch(segment) for segment in segments):
        raise argparse.ArgumentTypeError(expected)
    return "".join(f"/{segment}" for segment in segments)


#: A URL without query and fragment, and no quotes that a shell was meant to take away.
_URL = re.compile(r"""[^\s"'\\<>?#\x00-\x1f\x7f]+""")

#: Of a path: what needs no escapes (RFC 3986 3.3) and is no folder that a browser resolves.
_SEGMENT = re.compile(r"(?!\.\.?\Z)[A-Za-z0-9._~!$&()*+,;=:@-]+")


def moment(text: str) -> datetime:
    """Return the local time of an ISO date (its midnight), or date and time, without a zone and fractions of a second."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is not None or time.microsecond:
        raise argparse.ArgumentTypeError(f"expected YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS, got {text!r}")
    return time


def duration(text: str) -> float:
    """Return the seconds of a duration as the config has them, such as 15m."""
    from pydantic import TypeAdapter, ValidationError

    from exporter.config.values import Interval

    try:
        return TypeAdapter(Interval).validate_python(text)
    except ValidationError:
        raise argparse.ArgumentTypeError(f"expected a duration of at least 1s, such as 30s or 15m, got {text!r}") from None


def devices(text: str) -> list[tuple[str, str]]:
    """Return type and serial number of each device in a list such as pbd:A,pcs:B."""
    pairs = [(kind.strip(), sn.strip()) for kind, _, sn in (part.partition(":") for part in text.split(","))]
    if not all(kind and sn for kind, sn in pairs):
        raise argparse.ArgumentTypeError(f"expected type:deviceSn,... such as pbd:UMD0D23202, got {text!r}")
    return pairs


def devices_of_any_type(text: str) -> list[tuple[str, str]]:
    """Return type, empty if it is not given, and serial number of each device in a list such as pbd:A,B."""
    pairs = [(kind.strip(), sn.strip()) for kind, _, sn in (part.strip().rpartition(":") for part in text.split(","))]
    if not all(sn for _, sn in pairs):
        raise argparse.ArgumentTypeError(f"expected serial numbers, or type:deviceSn,... such as pbd:UMD0D23202, got {text!r}")
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
