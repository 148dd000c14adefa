"""The C library's allocator."""

import ctypes
from typing import Final

# Parameters of mallopt(3).
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8

#: Bytes. A block of this size or larger has pages of its own, and they go back to the system with it. Smaller than a chunk of a
#: scrape (web/body.py): in the heap, what is allocated next would take a bite of the space that a chunk has left, the next chunk
#: would not fit in there any more, and in minutes holes for a hundred chunks would lie between small blocks that stay.
#: The heap's end goes back when that much of it is free. Both are set because glibc raises them at the first large block, which
#: comes while modules are imported, and lowers them no more.
_LARGE: Final = 64 * 1024


def limit_malloc() -> None:
    """Return freed memory to the system: one malloc arena for all threads, large blocks outside of it.

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
