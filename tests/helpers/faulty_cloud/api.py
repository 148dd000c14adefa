"""The API of a faulty cloud: every request is recorded, and answered by the fault that is set."""

import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from exporter.simulator.answer import Reading
from exporter.simulator.api import Api
from exporter.simulator.endpoints import Endpoint, Subject
from tests.helpers.faulty_cloud.cloud import FaultyCloud
from tests.helpers.faulty_cloud.exchange import Exchange
from tests.helpers.faulty_cloud.traffic import RequestRecord
from tests.helpers.faulty_cloud.wire import ClientGone


class FaultyApi(Api):
    """Answers below `prefix`; `faulty` is whether faults apply there."""

    def __init__(self, cloud: FaultyCloud, prefix: str, *, faulty: bool) -> None:
        super().__init__(cloud, prefix)
        self._traffic = cloud.traffic
        self._faults = cloud.faults
        self._faulty = faulty

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record the request, then answer it."""
        flight = self._traffic.arrived(_record(Request(scope)))

        async def send_and_land(message: Message) -> None:
            # Landed before the last byte is out: a client that has the whole answer must not find itself still in flight.
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                flight.land()
            await send(message)

        try:
            await super().__call__(scope, receive, send_and_land)
        except ClientGone:
            pass
        finally:
            flight.land()

    async def respond(self, endpoint: Endpoint, request: Request, send: Send) -> None:
        """Answer with the fault that is set for the device or the data logger, if any."""
        query = dict(request.query_params)
        serial = query.get(endpoint.key, "")
        fault = self._faults.find(endpoint.type, serial) if self._faulty else None
        exchange = Exchange(
            ask=lambda at, changed: self.answer(endpoint, request, {**query, **changed}, at),
            serve=self._server(endpoint, serial),
            wire=request.scope["state"]["wire"],
            send=send,
            path=request.scope["path"],
            query=request.url.query,
            history=query if endpoint.subject is Subject.HISTORY else None,
            since=fault.since if fault else None,
        )
        await (fault.answer(exchange) if fault else exchange.reply(exchange.answer))

    def _server(self, endpoint: Endpoint, serial: str) -> Callable[[Reading], None]:
        if endpoint.subject is Subject.LATEST:
            return lambda data: self._traffic.serve((endpoint.type, serial), data)
        return lambda data: None


def _record(request: Request) -> RequestRecord:
    return RequestRecord(
        at=time.monotonic(),
        method=request.method,
        path=request.scope["path"],
        query=dict(request.query_params),
        authorization=request.headers.get("authorization"),
        accept_language=request.headers.get("accept-language"),
    )
