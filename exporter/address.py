"""Addresses to listen on, as Prometheus' programs write them, and which paths there are the exporter's own."""

import re
from typing import Final

_ADDRESS: Final = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>\d{1,5})")


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of `host:port`, `:port` (every address of the machine) or `[v6]:port`. Raises ValueError."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise ValueError("expected host:port, :port or [v6]:port")
    return match["v6"] or match["host"] or "", int(match["port"])


def is_taken(path: str) -> bool:
    """Whether `path` is that of a page, or may become one, so that nothing else can be there."""
    return path in ("/", "/devices", "/devices.json") or path.startswith(("/-/", "/devices/"))
