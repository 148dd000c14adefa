"""The C library's memory: what Python frees goes back to the system."""

import ctypes
from typing import Final

# Parameters of mallopt(3).
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8

#: Bytes. Set at all, glibc no longer raises them by itself after the first large answer was freed. More than a chunk of a scrape
#: has, whose memory is better kept for the next: to map it anew, and have the system clear it, costs more than to fill it.
_LARGE: Final = 256 * 1024


def limit_malloc() -> None:
    """Return freed memory to the system: one malloc arena for all threads, fixed thresholds for large blocks.

    glibc gives every thread a heap of its own, against a contention that Python's lock rules out, and each keeps the space of
    the largest answer that ever passed through it. Does nothing where the C library is another.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_ARENA_MAX, 1)
    mallopt(_M_MMAP_THRESHOLD, _LARGE)
    mallopt(_M_TRIM_THRESHOLD, _LARGE)
