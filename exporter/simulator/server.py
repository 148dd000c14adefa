"""Serving a `Cloud` over real HTTP, in a thread of its own."""

import asyncio
import logging
import socket
import threading
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.server import ServerState

from exporter.simulator.api import Api
from exporter.simulator.cloud import Cloud
from exporter.simulator.endpoints import PREFIX
from exporter.simulator.page import page

_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 75

# uvicorn's own loggers belong to whatever else runs in this process; in the demo that is the exporter.
_SILENT = logging.Logger("exporter.simulator", logging.CRITICAL)
_SILENT.addHandler(logging.NullHandler())


@dataclass(frozen=True)
class ServedCloud:
    """Where a cloud is served: `origin` is `http://HOST:PORT`, `url` is the API's base URL."""

    origin: str

    @property
    def url(self) -> str:
        """Return the base URL for the exporter's config."""
        return self.origin + PREFIX


def application(cloud: Cloud) -> Starlette:
    """Return the ASGI app: the API, and a page for people."""

    async def index(request: Request) -> Response:
        return HTMLResponse(page(cloud.devices, str(request.base_url)))

    return Starlette(routes=[Mount(PREFIX, Api(cloud, PREFIX)), Route("/", index, methods=["GET"])])


def serve(cloud: Cloud, host: str = "127.0.0.1", port: int = 0) -> AbstractContextManager[ServedCloud]:
    """Serve the cloud until the context ends; port 0 takes a free one."""
    return serve_app(application(cloud), host, port)


@contextmanager
def serve_app(app: ASGIApp, host: str, port: int, http: type[asyncio.Protocol] | str = "h11") -> Iterator[ServedCloud]:
    """Serve an ASGI app until the context ends, with `http` as uvicorn's protocol. Stalled requests don't delay the end."""
    listener = _listen(host, port)
    bound = listener.getsockname()[1]
    server = _Server(app, http, listener)
    server.start()
    try:
        yield ServedCloud(f"http://[{host}]:{bound}" if ":" in host else f"http://{host}:{bound}")
    finally:
        server.stop()


def _listen(host: str, port: int) -> socket.socket:
    """Return a listening socket: a client that comes before the thread is ready only waits in the backlog."""
    # Naming TCP makes asyncio turn off Nagle's algorithm, which would hold every body back for the client's late ACK.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


class _Server(threading.Thread):
    """An event loop with uvicorn's HTTP protocol on one listening socket.

    Not `uvicorn.Server`: that one looks for its end every 0.1 s, waits for requests in flight, and writes to uvicorn's loggers.
    """

    def __init__(self, app: ASGIApp, http: type[asyncio.Protocol] | str, listener: socket.socket) -> None:
        super().__init__(name="simulated-cloud", daemon=True)
        self._listener = listener
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._config = Config(
            app,
            http=http,
            log_config=None,
            lifespan="off",
            ws="none",
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            proxy_headers=False,
        )
        self._config.load()
        self._state = ServerState()

    def run(self) -> None:
        """Serve until stop() is called; the thread's work."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    def stop(self) -> None:
        """End the thread."""
        # The loop is closed already if serving failed.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._ending.set)
        self.join()

    def _connection(self) -> asyncio.Protocol:
        # typed as any of asyncio's protocols, but those of uvicorn take these and have loggers
        kind: Any = self._config.http_protocol_class
        connection: asyncio.Protocol = kind(self._config, self._state, {})
        connection.logger, connection.access_log = _SILENT, False  # type: ignore[attr-defined]
        return connection

    async def _serve(self) -> None:
        server = await self._loop.create_server(self._connection, sock=self._listener, backlog=_BACKLOG)
        await self._ending.wait()
        # No more is accepted. What was, this very moment, is in `_state` only once asyncio's tasks for it are done, and
        # those fail if the server is closed under them.
        self._loop.remove_reader(self._listener)
        await _finished(asyncio.all_tasks() - {asyncio.current_task()} - self._state.tasks)
        server.close()
        for connection in list(self._state.connections):
            connection.transport.abort()
        # What still waits, waits for its connection, and ends now that this is lost.
        await _finished(self._state.tasks)
        # Idle connections have no task to wait for; their sockets are closed in the loop's next turn.
        await asyncio.sleep(0)


async def _finished(tasks: Collection["asyncio.Task[Any] | None"]) -> None:
    await asyncio.gather(*filter(None, tasks), return_exceptions=True)
