"""Addresses to listen on, as Prometheus' programs write them, and Unix sockets."""

import re
from pathlib import Path
from typing import Final

#: Host and port, or the path of a Unix socket.
Address = tuple[str, int] | Path

_ADDRESS: Final = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>\d{1,5})")

_EXPECTED: Final = "expected host:port, :port or [v6]:port, or unix:/path/of/a.sock"


def parse_address(text: str) -> Address:
    """Return what `host:port`, `:port` (all addresses of the machine), `[v6]:port` or `unix:path` means. Raises ValueError."""
    if text.startswith("unix:"):
        if not text.startswith("unix:/") or text.startswith("unix://") or text.endswith("/") or "\0" in text:
            raise ValueError("expected unix:/path/of/a.sock, from the root")
        return Path(text.removeprefix("unix:"))
    match = _ADDRESS.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise ValueError(_EXPECTED)
    host = _plain(match["v6"]) if match["v6"] else match["host"] or ""
    return "localhost" if host.lower().rstrip(".") == "localhost" else host, int(match["port"])


def show_address(address: Address) -> str:
    """Return an address as parse_address() takes it."""
    if isinstance(address, Path):
        return f"unix:{address}"
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _plain(v6: str) -> str:
    """Return an IPv6 address in its shortest spelling, a mapped IPv4 address as that one. Raises ValueError for anything else."""
    # imported here to keep --version fast
    from ipaddress import IPv6Address

    try:
        address = IPv6Address(v6)
    except ValueError:
        raise ValueError(_EXPECTED) from None
    return str(address.ipv4_mapped or address)
