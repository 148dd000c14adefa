"""Notifications to systemd."""

import os
import socket
from collections.abc import Mapping

import structlog

_log = structlog.get_logger()


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
