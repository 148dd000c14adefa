"""The types of the fixtures in tests/conftest.py."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

Value = TypeVar("Value")


class Sized(Protocol):
    """Gives `short` in a usual run, and `long` in one with --long."""

    def __call__(self, *, short: Value, long: Value) -> Value: ...


#: Makes a certificate for a name, good for so many days (negative: no longer good); returns its chain, key and authority.
Certificates = Callable[[str, int], tuple[Path, Path, Path]]
