"""The HTTP side: server, TLS and auth, metrics, pages, JSON. Knows nothing of what a field means."""

from exporter.web.app import create_app
from exporter.web.listener import ListenError, listen_all, systemd_listeners
from exporter.web.rotation import Rotation
from exporter.web.server import Server
from exporter.web.site import Site

__all__ = ["ListenError", "Rotation", "Server", "Site", "create_app", "listen_all", "systemd_listeners"]
