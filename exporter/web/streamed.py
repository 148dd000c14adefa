"""An answer that is made while it is sent."""

from collections.abc import Iterable, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from exporter.metrics.exposition import Snapshot


class Streamed(Response):
    """Sends `length` bytes in `chunks`, each taken when the one before has left.

    So a large page is never in memory as a whole, however slow the client, and the memory of one chunk serves for all: fresh
    memory for a page of some megabytes costs more than to fill it. The chunks are made of `body` and of `own` bytes more, which
    stay in memory until the last one is sent; the message that starts the answer says so, for who counts that.
    """

    def __init__(
        self, chunks: Iterable[bytes], length: int, headers: Mapping[str, str], body: Snapshot | bytes, own: int
    ) -> None:
        super().__init__(headers={**headers, "Content-Length": str(length)})
        self._chunks = chunks
        self._made_of = (body, own)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send({**start, "made_of": self._made_of})
        for chunk in self._chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
