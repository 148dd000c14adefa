"""A simulated cloud that tests steer and watch: faults on demand, a log of requests, and a control side over HTTP."""

from tests.helpers.faulty_cloud.cloud import FaultyCloud
from tests.helpers.faulty_cloud.faults import FAULTS
from tests.helpers.faulty_cloud.server import serve
from tests.helpers.faulty_cloud.traffic import RequestRecord, Served

__all__ = [
    "FAULTS",
    "FaultyCloud",
    "RequestRecord",
    "Served",
    "serve",
]
