"""The C library's allocator."""

import ctypes
from typing import Final

# Parameters of mallopt(3).
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8

#: Bytes. Setting the thresholds also stops glibc from raising them after the first large block. Larger than a chunk of a scrape,
#: because mapping and clearing fresh memory for each chunk costs more than filling it.
_LARGE: Final = 256 * 1024


def limit_malloc() -> None:
    """Return freed memory to the system: one malloc arena for all threads, fixed thresholds for large blocks.

    glibc gives each thread an arena, and each arena keeps the space of the largest answer it ever held. The arenas avoid
    contention that Python's lock rules out anyway. Does nothing where the C library is not glibc.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_ARENA_MAX, 1)
    mallopt(_M_MMAP_THRESHOLD, _LARGE)
    mallopt(_M_TRIM_THRESHOLD, _LARGE)
