"""gzip at a level that costs less than it saves."""

import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


#: To zlib, a whole gzip member: with its header and its trailer.
_GZIP: Final = zlib.MAX_WBITS + 16

#: Pieces that are joined at a time, to be sent or packed: some 140 kB. It is what a slow client may keep from being freed, and
#: small enough that malloc keeps its memory for the next one (process/malloc.py): fresh memory costs more than to fill it.
_CHUNK: Final = 600


def zlib_compressor() -> _Compressor:
    return zlib.compressobj(1, wbits=_GZIP)


def _choose() -> Callable[[], _Compressor]:
    """Level 1 of either: isal's takes a fifth of the time of zlib's, for the size of zlib's level 6."""
    try:
        from isal import isal_zlib
    except ImportError:
        # a platform for which isal has no wheel
        return zlib_compressor
    return lambda: isal_zlib.compressobj(1, wbits=_GZIP)


library = _choose()


def in_chunks(pieces: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the same bytes in fewer pieces, never all of them at once."""
    for start in range(0, len(pieces), _CHUNK):
        yield b"".join(pieces[start : start + _CHUNK])


def gzip(pieces: Sequence[bytes]) -> bytes:
    """Return `pieces` packed as one member: of several, curl refuses the second, and Chromium leaves it out."""
    compressor = library()
    return b"".join([*map(compressor.compress, in_chunks(pieces)), compressor.flush()])
