"""Serving a `FaultyCloud` over real HTTP."""

from contextlib import AbstractContextManager

from starlette.applications import Starlette
from starlette.routing import Mount

from exporter.simulator import ServedCloud
from exporter.simulator.endpoints import PREFIX
from exporter.simulator.server import serve_app
from tests.helpers.faulty_cloud.api import FaultyApi
from tests.helpers.faulty_cloud.cloud import FaultyCloud
from tests.helpers.faulty_cloud.control import Control
from tests.helpers.faulty_cloud.faults.statuses import ELSEWHERE
from tests.helpers.faulty_cloud.wire import WireProtocol


def serve(cloud: FaultyCloud, host: str = "127.0.0.1", port: int = 0) -> AbstractContextManager[ServedCloud]:
    """Serve the cloud until the context ends; port 0 takes a free one. Stalled requests don't delay the end."""
    return serve_app(application(cloud), host, port, WireProtocol)


def application(cloud: FaultyCloud) -> Starlette:
    """Return the ASGI app: the API, the same API without faults where redirects lead to, and the control side."""
    return Starlette(
        routes=[
            Mount(PREFIX, FaultyApi(cloud, PREFIX, faulty=True)),
            Mount(ELSEWHERE, FaultyApi(cloud, ELSEWHERE, faulty=False)),
            *Control(cloud).routes(),
        ]
    )
