"""A simulated Enerclo cloud over real HTTP, for the demo. It knows nothing of the exporter and never fails; its devices may."""

from exporter.simulator.clock import SimClock
from exporter.simulator.cloud import Cloud, UnknownDevice
from exporter.simulator.device import SimDevice, demo_site, fleet
from exporter.simulator.server import ServedCloud, serve

__all__ = [
    "Cloud",
    "ServedCloud",
    "SimClock",
    "SimDevice",
    "UnknownDevice",
    "demo_site",
    "fleet",
    "serve",
]
