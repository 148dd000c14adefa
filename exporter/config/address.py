"""Addresses to listen on, as Prometheus' programs write them."""

import re
from typing import Final

_ADDRESS: Final = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>\d{1,5})")

_EXPECTED: Final = "expected host:port, :port or [v6]:port"


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of `host:port`, `:port` (all addresses of the machine) or `[v6]:port`. Raises ValueError."""
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise ValueError(_EXPECTED)
    host = _plain(match["v6"]) if match["v6"] else match["host"] or ""
    return "localhost" if host.lower().rstrip(".") == "localhost" else host, int(match["port"])


def _plain(v6: str) -> str:
    """Return an IPv6 address in its shortest spelling, a mapped IPv4 address as that one. Raises ValueError for anything else."""
    # imported here to keep --version fast
    from ipaddress import IPv6Address

    try:
        address = IPv6Address(v6)
    except ValueError:
        raise ValueError(_EXPECTED) from None
    return str(address.ipv4_mapped or address)
