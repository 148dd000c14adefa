"""Serving a `Cloud` over real HTTP, in a thread of its own."""

import asyncio
import socket
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Mount
from uvicorn.config import Config
from uvicorn.server import ServerState

from exporter.simulator.api import Api
from exporter.simulator.cloud import Cloud
from exporter.simulator.questions import ELSEWHERE, PREFIX
from tests.helpers.faulty_cloud.control import Control
from tests.helpers.faulty_cloud.wire import WireProtocol

_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 75


@dataclass(frozen=True)
class ServedCloud:
    """Where a cloud is served: `origin` is `http://HOST:PORT`, `url` is the API's base URL."""

    cloud: Cloud
    origin: str

    @property
    def url(self) -> str:
        """The base URL for the exporter's config."""
        return self.origin + PREFIX


def application(cloud: Cloud) -> Starlette:
    """The ASGI app: the API, the same API without faults where redirects lead to, and the control side."""
    return Starlette(
        routes=[
            Mount(PREFIX, Api(cloud, PREFIX, faulty=True)),
            Mount(ELSEWHERE, Api(cloud, ELSEWHERE, faulty=False)),
            *Control(cloud).routes(),
        ]
    )


@contextmanager
def serve(cloud: Cloud, host: str = "127.0.0.1", port: int = 0) -> Iterator[ServedCloud]:
    """Serve the cloud until the context ends; port 0 takes a free one. Stalled requests don't delay the end."""
    listener = _listen(host, port)
    bound = listener.getsockname()[1]
    server = _Server(application(cloud), listener)
    server.start()
    try:
        yield ServedCloud(cloud, f"http://[{host}]:{bound}" if ":" in host else f"http://{host}:{bound}")
    finally:
        server.stop()


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens already: a client that comes before the thread is ready only waits in the backlog."""
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

    Not `uvicorn.Server`: that one looks for its end every 0.1 s, waits for requests in flight, and writes to loggers
    that in the demo belong to the exporter.
    """

    def __init__(self, app: Starlette, listener: socket.socket) -> None:
        super().__init__(name="simulated-cloud", daemon=True)
        self._listener = listener
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._config = Config(
            app, log_config=None, lifespan="off", ws="none", timeout_keep_alive=_KEEP_ALIVE_SECONDS, proxy_headers=False
        )
        self._config.load()

    def run(self) -> None:
        """The thread's work."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    def stop(self) -> None:
        """End the thread."""
        # The loop is closed already if serving failed.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._ending.set)
        self.join()

    async def _serve(self) -> None:
        state = ServerState()
        protocol = partial(WireProtocol, self._config, state)
        server = await self._loop.create_server(protocol, sock=self._listener, backlog=_BACKLOG)
        await self._ending.wait()
        # No more is accepted. What was, this very moment, is in `state` only once asyncio's tasks for it are done, and
        # those fail if the server is closed under them.
        self._loop.remove_reader(self._listener)
        await _finished(asyncio.all_tasks() - {asyncio.current_task()} - state.tasks)
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        # What still waits, waits for its connection, and ends now that this is lost.
        await _finished(state.tasks)
        # Idle connections have no task to wait for; their sockets are closed in the loop's next turn.
        await asyncio.sleep(0)


async def _finished(tasks: Collection["asyncio.Task[Any] | None"]) -> None:
    await asyncio.gather(*filter(None, tasks), return_exceptions=True)
