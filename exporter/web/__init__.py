"""The HTTP side: pages, health, and the listener. Knows nothing of what a field means."""

from exporter.web.app import Site, create_app
from exporter.web.listener import Listener, ListenError

__all__ = ["ListenError", "Listener", "Site", "create_app"]
