"""Faults of the connection and of the answer's head: slow, silent, cut off, odd, or not HTTP at all."""

from exporter.simulator.answer import JSON_TYPE
from tests.helpers.faulty_cloud.exchange import Exchange
from tests.helpers.faulty_cloud.faults.registry import fault

DRIP_SECONDS = 0.05
_CHUNK = bytes(65536).replace(b"\0", b"x")
_HUGE = 50 * 1024 * 1024
_EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"


@fault
async def timeout(x: Exchange) -> None:
    """The request is accepted and never answered."""
    await x.wire.pause()


@fault
async def slow(x: Exchange, *, seconds: float = 1.0) -> None:
    """A good answer after `seconds` (default 1)."""
    await x.wire.pause(seconds)
    await x.reply(x.answer)


@fault
async def reset(x: Exchange) -> None:
    """The connection is reset (TCP RST)."""
    await x.wire.reset()


@fault
async def close(x: Exchange) -> None:
    """The connection is closed without an answer."""
    await x.wire.close()


@fault
async def drip(x: Exchange) -> None:
    """A good answer whose body comes one byte every 50 ms."""
    body = x.answer.body()
    await x.begin(len(body))
    for position in range(len(body) - 1):
        await x.continue_with(body[position : position + 1])
        await x.wire.pause(DRIP_SECONDS)
    x.note(x.answer)
    await x.continue_with(body[-1:], more=False)


@fault
async def drip_headers(x: Exchange) -> None:
    """A good answer whose headers come one byte every 50 ms."""
    body = x.answer.body()
    for byte in _head(f"Content-Length: {len(body)}"):
        x.wire.write(bytes((byte,)))
        await x.wire.pause(DRIP_SECONDS)
    x.note(x.answer)
    x.wire.write(body)
    await x.wire.close()


@fault
async def short_body(x: Exchange) -> None:
    """The connection is closed before as much has come as Content-Length says."""
    body = x.answer.body()
    x.wire.write(_head(f"Content-Length: {len(body) + 100}") + body)
    await x.wire.close()


@fault
async def chunked_garbage(x: Exchange) -> None:
    """Transfer-Encoding: chunked, with chunk sizes that are not numbers."""
    x.wire.write(_head("Transfer-Encoding: chunked") + b"five\r\n" + x.answer.body() + b"\r\n-7\r\n\r\n0x0\r\n\r\n")
    await x.wire.close()


@fault
async def not_http(x: Exchange) -> None:
    """Garbage bytes where the status line should be."""
    x.wire.write(b"\x00\x15\x03\x01\xff\xfe\x80garbage\r\n\r\n" + x.answer.body())
    await x.wire.close()


@fault
async def early_hints(x: Exchange) -> None:
    """A good answer after interim responses: 103 Early Hints, twice, and 100."""
    x.wire.write(_EARLY_HINTS * 2 + b"HTTP/1.1 100 Continue\r\n\r\n")
    await x.reply(x.answer)


@fault
async def endless_hints(x: Exchange) -> None:
    """Interim responses without end."""
    while True:
        x.wire.write(_EARLY_HINTS)
        await x.wire.pause(DRIP_SECONDS)


@fault
async def switching_protocols(x: Exchange) -> None:
    """Status 101, which nobody asked for."""
    x.wire.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    await x.wire.close()


@fault
async def odd_headers(x: Exchange) -> None:
    """A good answer whose headers are folded, doubled, not ASCII and of no meaning."""
    body = x.answer.body()
    odd = (
        "X-Folded: one\r\n  two\r\nX-Text: \u00fc\u00ff\r\nX-Empty:\r\nContent-Type: text/html; charset=no-such\r\n"
        f"Content-Length: {len(body)}\r\nLocation: http://[::1\r\nRetry-After: soon\r\nSet-Cookie: a=b; max-age={'9' * 400}\r\n"
    )
    x.note(x.answer)
    x.wire.write(_head(f"Content-Length: {len(body)}")[:-2] + odd.encode("latin-1") + b"\r\n" + body)
    await x.wire.close()


@fault
async def many_headers(x: Exchange) -> None:
    """1,000 headers before a good answer."""
    await _answer_after(x, b"X-Header: value\r\n" * 1000)


@fault
async def long_header(x: Exchange) -> None:
    """A header of 1 MB before a good answer."""
    await _answer_after(x, b"X-Header: " + b"x" * 1_000_000 + b"\r\n")


@fault
async def two_lengths(x: Exchange) -> None:
    """Two Content-Lengths that contradict each other."""
    await _answer_after(x, b"Content-Length: 7\r\n")


async def _answer_after(x: Exchange, headers: bytes) -> None:
    body = x.answer.body()
    x.wire.write(_head(f"Content-Length: {len(body)}")[:-2] + headers + b"\r\n" + body)
    await x.wire.close()


@fault
async def huge_body(x: Exchange) -> None:
    """A body of 50 MiB."""
    await x.begin(_HUGE)
    await x.continue_with(b'{"code":0,"data":"' + _CHUNK[18:])
    for _ in range(_HUGE // len(_CHUNK) - 2):
        # Sending waits only while the buffers are full; this also lets the other requests have their turn.
        await x.wire.pause(0)
        await x.continue_with(_CHUNK)
    await x.continue_with(_CHUNK[2:] + b'"}', more=False)


def _head(length: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: {JSON_TYPE}\r\n{length}\r\nConnection: close\r\n\r\n".encode("ascii")
