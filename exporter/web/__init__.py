"""The HTTP side: pages, health, and the listener. Knows nothing of what a field means."""

from exporter.web.app import Site, create_app
from exporter.web.listener import Listener, ListenError
from exporter.web.rotation import Rotation

__all__ = ["ListenError", "Listener", "Rotation", "Site", "create_app"]
