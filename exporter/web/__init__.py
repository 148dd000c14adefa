"""The HTTP side: server, TLS and auth, metrics, pages, JSON. Knows nothing of what a field means."""

from exporter.web.app import Site, create_app
from exporter.web.listener import ListenError, listen_all, systemd_listeners
from exporter.web.rotation import Rotation
from exporter.web.server import Server

__all__ = ["ListenError", "Rotation", "Server", "Site", "create_app", "listen_all", "systemd_listeners"]
