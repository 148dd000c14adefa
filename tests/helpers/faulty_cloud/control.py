"""The control side, under `/_simulator/`, for tests in another process. Its requests are not logged."""

import dataclasses
import json
from datetime import datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from exporter.simulator import UnknownDevice
from exporter.simulator.page import page, rows
from tests.helpers.faulty_cloud.cloud import FaultyCloud
from tests.helpers.faulty_cloud.faults import FAULTS

_PAGE = """<h2>Control</h2>
<ul>
<li><code>GET</code> or <code>DELETE /_simulator/requests</code>: the log of API requests</li>
<li><code>GET /_simulator/served?type=&amp;deviceSn=</code>: the last readings sent for a device</li>
<li><code>GET</code> or <code>DELETE /_simulator/devices</code></li>
<li><code>PUT</code> or <code>DELETE /_simulator/faults</code>:
<code>{{"type", "deviceSn", "fault", "params"}}</code></li>
<li><code>POST /_simulator/advance</code>: <code>{{"seconds"}}</code></li>
</ul>
<h2>Faults</h2>
<table>{faults}</table>
"""


class Control:
    """The control endpoints of one cloud."""

    def __init__(self, cloud: FaultyCloud) -> None:
        self._cloud = cloud

    def routes(self) -> list[Route]:
        """Return all control routes, and the page at `/`."""
        return [
            Route("/", self.index, methods=["GET"]),
            Route("/_simulator/requests", self.requests, methods=["GET"]),
            Route("/_simulator/requests", self.clear_requests, methods=["DELETE"]),
            Route("/_simulator/served", self.served, methods=["GET"]),
            Route("/_simulator/devices", self.devices, methods=["GET"]),
            Route("/_simulator/devices", self.remove_device, methods=["DELETE"]),
            Route("/_simulator/faults", self.set_fault, methods=["PUT"]),
            Route("/_simulator/faults", self.clear_faults, methods=["DELETE"]),
            Route("/_simulator/advance", self.advance, methods=["POST"]),
        ]

    async def index(self, request: Request) -> Response:
        """Answer with a page for people."""
        return HTMLResponse(page(self._cloud.devices, str(request.base_url), _PAGE.format(faults=rows(FAULTS.items()))))

    async def requests(self, request: Request) -> Response:
        """Answer with the request log: a list of objects, oldest first."""
        return _json([dataclasses.asdict(record) for record in self._cloud.requests])

    async def clear_requests(self, request: Request) -> Response:
        """Empty the request log."""
        self._cloud.clear_requests()
        return _done()

    async def served(self, request: Request) -> Response:
        """Answer with the last readings served for the device in the query: a list of `{"at", "data"}`."""
        return _json([dataclasses.asdict(served) for served in self._cloud.served(*_key(request))])

    async def devices(self, request: Request) -> Response:
        """Answer with all devices: a list of `{"type", "sn", "datalog_sn", "offline_since", "faults", "odd"}`."""
        return _json([dataclasses.asdict(device) for device in self._cloud.devices])

    async def remove_device(self, request: Request) -> Response:
        """Remove the device in the query."""
        try:
            self._cloud.remove(*_key(request))
        except UnknownDevice as unknown:
            raise HTTPException(404, f"no such device: {unknown}") from None
        return _done()

    async def set_fault(self, request: Request) -> Response:
        """Set a fault: `{"type", "deviceSn", "fault", "params"}`; for all if it names no device."""
        wanted = await _object(request)
        name, params = wanted.get("fault"), wanted.get("params") or {}
        if not isinstance(name, str) or not isinstance(params, dict):
            raise HTTPException(400, "expected a fault's name, and params as an object")
        kind, sn = wanted.get("type"), wanted.get("deviceSn")
        try:
            if kind is None and sn is None:
                self._cloud.faults.set_all(name, **params)
            elif isinstance(kind, str) and isinstance(sn, str):
                self._cloud.faults.set(kind, sn, name, **params)
            else:
                raise HTTPException(400, "expected both type and deviceSn, or neither")
        except ValueError as mistake:
            raise HTTPException(400, str(mistake)) from None
        return _done()

    async def clear_faults(self, request: Request) -> Response:
        """Clear all faults, or that of the device in the query."""
        if request.query_params:
            self._cloud.faults.clear(*_key(request))
        else:
            self._cloud.faults.clear_all()
        return _done()

    async def advance(self, request: Request) -> Response:
        """Let the simulated clock jump forward: `{"seconds"}`. Answers `{"now"}`."""
        seconds = (await _object(request)).get("seconds")
        if not isinstance(seconds, int | float) or not seconds >= 0:
            raise HTTPException(400, "expected seconds, 0 or more")
        self._cloud.clock.advance(seconds)
        return _json({"now": self._cloud.clock.now()})


def _key(request: Request) -> tuple[str, str]:
    try:
        return request.query_params["type"], request.query_params["deviceSn"]
    except KeyError:
        raise HTTPException(400, "expected the query parameters type and deviceSn") from None


async def _object(request: Request) -> dict[str, object]:
    try:
        wanted = json.loads(await request.body())
    except ValueError:
        raise HTTPException(400, "expected JSON") from None
    if not isinstance(wanted, dict):
        raise HTTPException(400, "expected a JSON object")
    return wanted


def _json(value: object) -> Response:
    # Not Starlette's JSONResponse: what faults served may be NaN, or text that UTF-8 can't hold.
    return Response(json.dumps(value, default=datetime.isoformat), media_type="application/json")


def _done() -> Response:
    return Response(status_code=204)
