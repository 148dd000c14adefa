"""The faults that the cloud can be told to show. A new one is a function with `@fault` in one of these modules."""

from collections.abc import Mapping

from tests.helpers.faulty_cloud.faults import bodies, connections, envelopes, history, names, statuses, values
from tests.helpers.faulty_cloud.faults.board import FaultBoard
from tests.helpers.faulty_cloud.faults.registry import REGISTRY, ActiveFault

FAULTS: Mapping[str, str] = {name: registered.description for name, registered in REGISTRY.items()}
"""Every fault's name, and in one line what it does."""

__all__ = [
    "FAULTS",
    "ActiveFault",
    "FaultBoard",
    "bodies",
    "connections",
    "envelopes",
    "history",
    "names",
    "statuses",
    "values",
]
