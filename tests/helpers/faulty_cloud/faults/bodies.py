"""Faults of the body: JSON that is cut, deep, doubled, or in the wrong encoding, and a gzip bomb."""

import json
import zlib
from functools import lru_cache

from tests.helpers.faulty_cloud.exchange import Exchange
from tests.helpers.faulty_cloud.faults.distort import distort, each_number, planted
from tests.helpers.faulty_cloud.faults.registry import fault

_DEPTH = 100_000
_MEBIBYTE = 1024 * 1024
_BOMB_MEBIBYTES = 500
_GZIP_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


@fault
async def truncated_json(x: Exchange) -> None:
    """The JSON is cut in half, with a Content-Length that fits the half."""
    body = x.answer.body()
    await x.send(body[: len(body) // 2])


@fault
async def deep_json(x: Exchange) -> None:
    """A field holds lists nested 100,000 deep."""
    await x.send(planted(x.answer, b"[" * _DEPTH + b"]" * _DEPTH))


@fault
async def duplicate_keys(x: Exchange) -> None:
    """Every field comes twice: first with its number made one larger, then as it is."""
    before = distort(x.answer, each_number(lambda number: number + 1))
    if not isinstance(before.data, dict):
        await x.reply(x.answer)
        return
    first = json.dumps(before.data)[1:-1]
    good = x.answer.text()
    await x.reply(x.answer, good.replace('"data":{', f'"data":{{{first}, ', 1).encode("ascii"))


@fault
async def invalid_utf8(x: Exchange) -> None:
    """A text field and the message hold bytes that are not UTF-8."""
    body = planted(x.answer, b'"\xff\xfe\xc3("')
    await x.send(body.replace(b"operate successfully", b"operate \xed\xa0\x80 successfully"))


@fault
async def utf16(x: Exchange) -> None:
    """The whole body is UTF-16 with a byte order mark."""
    await x.reply(x.answer, x.answer.text().encode("utf-16"))


@fault
async def not_gzip(x: Exchange) -> None:
    """Content-Encoding gzip, and a body that is not compressed."""
    await x.send(x.answer.body(), headers={"content-encoding": "gzip"})


@fault
async def gzip_bomb(x: Exchange) -> None:
    """Content-Encoding gzip: some 500 KB that inflate to 500 MB of blanks before a good answer."""
    await x.send(_bomb(x.answer.body()), headers={"content-encoding": "gzip"})


def _bomb(answer: bytes) -> bytes:
    blanks, checksum = _blanks()
    end = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    size = _BOMB_MEBIBYTES * _MEBIBYTE + len(answer)
    trailer = zlib.crc32(answer, checksum).to_bytes(4, "little") + size.to_bytes(4, "little")
    return _GZIP_HEADER + blanks + end.compress(answer) + end.flush() + trailer


@lru_cache(maxsize=1)
def _blanks() -> tuple[bytes, int]:
    """Return the compressed blanks, and the CRC of the blanks themselves."""
    mebibyte = b" " * _MEBIBYTE
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    # A full flush ends on a byte and forgets what came before, so the same block can follow itself.
    block = packer.compress(mebibyte) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(_BOMB_MEBIBYTES):
        checksum = zlib.crc32(mebibyte, checksum)
    return block * _BOMB_MEBIBYTES, checksum
