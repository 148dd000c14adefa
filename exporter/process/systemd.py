"""What systemd and this process tell each other: READY=1, and the sockets that systemd has opened."""

import os
import socket
from collections.abc import Mapping
from typing import Final

import structlog

_log = structlog.get_logger()

#: The first descriptor of those that systemd passes on (sd_listen_fds(3)).
_FIRST: Final = 3


def notify_ready(environment: Mapping[str, str] = os.environ) -> None:
    """Tell systemd that the exporter is ready, if systemd waits for it (Type=notify; see sd_notify(3))."""
    address = environment.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        # an abstract socket: its name begins with NUL instead
        address = f"\0{address[1:]}"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
            client.sendto(b"READY=1", address)
    except (OSError, ValueError) as error:
        _log.error("cannot tell systemd that the exporter is ready", error=str(error))


def inherited_sockets(environment: Mapping[str, str] = os.environ, first: int = _FIRST) -> list[socket.socket]:
    """Return the listening sockets that systemd passes on to this process (sd_listen_fds(3)). Raises ValueError, OSError."""
    if environment.get("LISTEN_PID") != str(os.getpid()):
        raise ValueError("it has passed none on; expected to be started by a .socket unit")
    try:
        count = int(environment.get("LISTEN_FDS", ""))
    except ValueError:
        raise ValueError(f"expected a number in LISTEN_FDS, got {environment.get('LISTEN_FDS')!r}") from None
    if count < 1:
        raise ValueError("it has passed none on; expected a .socket unit with ListenStream=")
    found = []
    for descriptor in range(first, first + count):
        sock = socket.socket(fileno=descriptor)
        sock.set_inheritable(False)
        found.append(sock)
        if sock.type != socket.SOCK_STREAM or not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            for opened in found:
                opened.close()
            raise ValueError("expected listening sockets only: ListenStream= with Accept=no")
    return found
