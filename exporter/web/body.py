"""Bodies of answers: a page of metrics in chunks made while they are sent, and gzip at a level that costs less than it saves."""

import io
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from types import ModuleType
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from exporter.metrics.exposition import Snapshot

#: What packs: zlib itself on platforms for which isal has no wheel. isal's level 1 takes a fifth of the time of zlib's, for the
#: size of zlib's level 6.
library: ModuleType = zlib
with suppress(ImportError):
    from isal import isal_zlib as library

#: To zlib, a whole gzip member: with its header and its trailer.
_GZIP: Final = zlib.MAX_WBITS + 16

#: Pieces that are joined at a time, to be sent: some 240 kB. It is what a slow client may keep from being freed, and large enough
#: to leave the heap alone (process/malloc.py).
_CHUNK: Final = 1_000

#: Pieces that are packed at a time, some 1.2 MB, in one buffer that serves for all of a page. Packing gives Python's lock away,
#: and while devices are updated, to get it back takes as long as to pack a small chunk.
_PACKED: Final = 5_000


def in_chunks(pieces: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in fewer pieces, never all of them at once."""
    for start in range(0, len(pieces), _CHUNK):
        yield b"".join(pieces[start : start + _CHUNK])


def gzip(pieces: Sequence[bytes], rest: bytes = b"") -> bytes:
    """Return `pieces` and `rest` packed as one member: of several, curl refuses the second, and Chromium leaves it out."""
    compressor, buffer, packed = library.compressobj(1, wbits=_GZIP), io.BytesIO(), io.BytesIO()
    for start in range(0, len(pieces), _PACKED):
        buffer.seek(0)
        buffer.writelines(pieces[start : start + _PACKED])
        with buffer.getbuffer() as view, view[: buffer.tell()] as filled:
            packed.write(compressor.compress(filled))
    packed.write(compressor.compress(rest))
    packed.write(compressor.flush())
    return packed.getvalue()


class Streamed(Response):
    """Send `page` and `rest` in chunks, each joined when the one before has left.

    So a large page is never in memory as a whole, however slow the client. What it is made of stays in memory until the last
    chunk is sent; the message that starts the answer says so, for what counts that.
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
