"""The page of metrics, put together while it is sent."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from exporter.metrics.exposition import Snapshot
from exporter.web.compression import in_chunks


class Streamed(Response):
    """Sends `page` and `rest` in chunks, each joined when the one before has left.

    So a large page is never in memory as a whole, however slow the client, and the memory of one chunk serves for all: fresh
    memory for a page of some megabytes costs more than to fill it. What it is made of stays in memory until the last chunk is
    sent; the message that starts the answer says so, for who counts that.
    """

    def __init__(self, page: Snapshot, rest: bytes, headers: Mapping[str, str]) -> None:
        super().__init__(headers={**headers, "Content-Length": str(page.length + len(rest))})
        self._page = page
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        await send({**start, "made_of": (self._page, len(self._rest))})
        for chunk in in_chunks(self._page.pieces):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": self._rest, "more_body": False})
