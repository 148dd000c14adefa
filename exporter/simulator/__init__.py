"""A simulated Enerclo cloud over real HTTP: what the demo and the tests talk to. It knows nothing of the exporter."""

from exporter.simulator.clock import SimClock
from exporter.simulator.cloud import Cloud, UnknownDevice
from exporter.simulator.device import SimDevice, demo_site, fleet
from exporter.simulator.server import ServedCloud, serve
from tests.helpers.faulty_cloud.faults import FAULTS
from tests.helpers.faulty_cloud.traffic import RequestRecord, Served

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
