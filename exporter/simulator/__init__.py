"""A simulated Enerclo cloud over real HTTP, for the demo. It knows nothing of the exporter and never fails; its devices may."""

from exporter.simulator.clock import SimClock
from exporter.simulator.cloud import Cloud, UnknownDevice
from exporter.simulator.device import SimDevice, demo_site, fleet
from exporter.simulator.replay import Replay, serve_replay
from exporter.simulator.server import ServedCloud, serve

__all__ = [
    "Cloud",
    "Replay",
    "ServedCloud",
    "SimClock",
    "SimDevice",
    "UnknownDevice",
    "demo_site",
    "fleet",
    "serve",
    "serve_replay",
]
