"""gzip at a level that costs less than it saves, and of what did not change only once.

A scrape is one gzip member in two parts: the devices' lines, which many scrapes may have in common, and the exporter's own
metrics, which differ every time. The first part is packed up to a byte's boundary and left open. The second is packed by itself,
refers to nothing in the first, and ends the member. Two members in a row would be simpler, but curl
refuses the second and Chromium leaves it out.
"""

import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final, Protocol

from exporter.metrics.exposition import Snapshot


class _Compressor(Protocol):
    def compress(self, data: bytes | memoryview, /) -> bytes: ...
    def flush(self, mode: int = ..., /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Library:
    compressor: Callable[[], _Compressor]
    crc: Callable[[bytes | memoryview, int], int]


_ZLIB: Final = _Library(lambda: zlib.compressobj(1, wbits=-zlib.MAX_WBITS), zlib.crc32)


def _choose() -> _Library:
    """Level 1 of either: isal's takes a fifth of the time of zlib's, for the size of zlib's level 6."""
    try:
        from isal import isal_zlib
    except ImportError:
        # a platform for which isal has no wheel
        return _ZLIB
    return _Library(lambda: isal_zlib.compressobj(1, wbits=-zlib.MAX_WBITS), isal_zlib.crc32)


_library = _choose()

#: RFC 1952: deflated, no flags, no time, unknown system.
_HEADER: Final = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"

#: Pieces that are joined at a time to be sent, some 150 kB: what a slow client may keep from being freed.
_SENT: Final = 256

#: Pieces that are put together at a time to be packed, some 5 MB. To pack them is to give Python's lock away and to wait for it
#: again, behind whoever takes in readings; with chunks as small as those that are sent that would be most of a scrape.
_PACKED: Final = 8192


def in_chunks(pieces: Sequence[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer pieces, never all of them at once."""
    for start in range(0, len(pieces), _SENT):
        yield b"".join(pieces[start : start + _SENT])


def _gathered(pieces: Sequence[bytes], buffer: BytesIO) -> Iterator[memoryview]:
    """The same bytes in parts, each in the memory of the one before: to have it fresh costs more than to fill it."""
    for start in range(0, len(pieces), _PACKED):
        buffer.seek(0)
        buffer.writelines(pieces[start : start + _PACKED])
        with buffer.getbuffer() as whole, whole[: buffer.tell()] as part:
            yield part


@dataclass(frozen=True, slots=True)
class Opening:
    """The beginning of a gzip member, to which more can be added; `crc` and `length` are those of what is packed in it."""

    packed: bytes
    crc: int
    length: int

    def close(self, rest: bytes) -> list[bytes]:
        """The whole member, with `rest` at its end."""
        compressor = _library.compressor()
        crc = _library.crc(rest, self.crc)
        length = self.length + len(rest) & 0xFFFFFFFF
        trailer = crc.to_bytes(4, "little") + length.to_bytes(4, "little")
        return [self.packed, compressor.compress(rest) + compressor.flush() + trailer]


def open_gzip(chunks: Iterable[bytes | memoryview]) -> Opening:
    """A gzip member with `chunks` in it."""
    compressor = _library.compressor()
    packed = [_HEADER]
    crc = length = 0
    for chunk in chunks:
        packed.append(compressor.compress(chunk))
        crc = _library.crc(chunk, crc)
        length += len(chunk)
    packed.append(compressor.flush(zlib.Z_SYNC_FLUSH))
    return Opening(b"".join(packed), crc, length)


def gzip(data: bytes) -> bytes:
    """`data` packed by itself."""
    return b"".join(open_gzip([data]).close(b""))


class Latest:
    """Keeps the page that was packed last, for those who ask for the same again or wait for it now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._generation = -1
        self._opening: Opening | None = None
        self._buffer = BytesIO()

    def of(self, page: Snapshot) -> Opening:
        """`page` packed, or a later one."""
        with self._lock:
            if self._opening is None or self._generation < page.generation:
                # not two of them in memory
                self._opening = None
                self._opening = open_gzip(_gathered(page.pieces, self._buffer))
                self._generation = page.generation
            return self._opening
