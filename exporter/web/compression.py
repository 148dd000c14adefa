"""gzip at a level that costs less than it saves."""

import zlib
from collections.abc import Callable
from typing import Final

_GZIP_WINDOW: Final = 16 + zlib.MAX_WBITS


def _choose() -> Callable[[bytes], bytes]:
    try:
        from isal import igzip
    except ImportError:
        # a platform for which isal has no wheel
        return lambda data: zlib.compress(data, 1, wbits=_GZIP_WINDOW)
    return lambda data: igzip.compress(data, 1)


#: Turns bytes into gzip's format.
gzip: Final = _choose()
