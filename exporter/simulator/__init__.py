"""A simulated Enerclo cloud over real HTTP: what the demo and the tests talk to. It knows nothing of the exporter."""

from exporter.simulator.clock import SimClock
from exporter.simulator.cloud import Cloud, UnknownDevice
from exporter.simulator.device import SimDevice, demo_site, fleet
from exporter.simulator.faults import FAULTS
from exporter.simulator.server import ServedCloud, serve
from exporter.simulator.traffic import RequestRecord, Served

__all__ = [
    "FAULTS",
    "Cloud",
    "RequestRecord",
    "Served",
    "ServedCloud",
    "SimClock",
    "SimDevice",
    "UnknownDevice",
    "demo_site",
    "fleet",
    "serve",
]
