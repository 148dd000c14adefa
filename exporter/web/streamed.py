"""An answer that is made while it is sent."""

from collections.abc import Iterable, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send


class Streamed(Response):
    """Sends `length` bytes in `chunks`, each taken when the one before has left.

    So a large page is never in memory as a whole, however slow the client, and the memory of one chunk serves for all: fresh
    memory for a page of some megabytes costs more than to fill it.
    """

    def __init__(self, chunks: Iterable[bytes], length: int, headers: Mapping[str, str]) -> None:
        super().__init__(headers={**headers, "Content-Length": str(length)})
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for chunk in self._chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
