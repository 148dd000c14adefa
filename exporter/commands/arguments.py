"""Values of the command line's flags. Each function raises ArgumentTypeError with what was expected."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


def address(text: str) -> tuple[str, int]:
    """Return the host and port of an address to listen on."""
    from exporter.config.address import parse_address

    try:
        return parse_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}, got {text!r}") from None


def telemetry_path(text: str) -> str:
    """Return a path that no page of the exporter's own has."""
    from exporter.config.address import is_taken

    if not text.startswith("/") or text.startswith("//") or any(c in text for c in "{}?# "):
        raise argparse.ArgumentTypeError(f"expected a path such as /metrics, got {text!r}")
    if is_taken(text):
        raise argparse.ArgumentTypeError(f"expected a path such as /metrics, but a page of the exporter's own is at {text!r}")
    return text


def moment(text: str) -> "datetime":
    """Return a date, or a date with time, without a zone."""
    from exporter.backfill.plan import parse_time

    try:
        return parse_time(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS, got {text!r}") from None


def devices(text: str) -> list[tuple[str, str]]:
    """Return type and serial number of each device in a list such as pbd:A,pcs:B."""
    pairs = [(kind.strip(), sn.strip()) for kind, _, sn in (part.partition(":") for part in text.split(","))]
    if not all(kind and sn for kind, sn in pairs):
        raise argparse.ArgumentTypeError(f"expected type:deviceSn,... such as pbd:UMD0D23202, got {text!r}")
    return pairs
