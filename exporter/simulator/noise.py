"""Repeatable chance: the same parts always give the same number, in any process."""

import math
from functools import lru_cache
from hashlib import blake2b


def digest(*parts: str | int) -> int:
    """Return a 64-bit number that depends on all parts and on nothing else."""
    text = "/".join(map(str, parts)).encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


@lru_cache(maxsize=4096)
def unit(*parts: str | int) -> float:
    """Return a number from 0 up to but not including 1, evenly spread over different parts."""
    return digest(*parts) / 2**64


def smooth(position: float, *parts: str | int) -> float:
    """Return noise from 0 to 1 that runs smoothly through a different random height at every whole `position`."""
    whole = math.floor(position)
    share = position - whole
    eased = share * share * (3 - 2 * share)
    return unit(*parts, whole) * (1 - eased) + unit(*parts, whole + 1) * eased
