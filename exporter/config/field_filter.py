"""Which fields of a type become series, for users who pay by the series."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final


class FieldFilter:
    """Keeps the fields whose API name matches a glob of `include` and none of `exclude`. Case matters."""

    def __init__(self, include: Sequence[str] = ("*",), exclude: Sequence[str] = ()) -> None:
        self._include = tuple(include)
        self._exclude = tuple(exclude)
        self._everything = "*" in self._include and not self._exclude

    def of(self, fields: Mapping[str, int | float]) -> Mapping[str, int | float]:
        """Return those of `fields` that the filter keeps."""
        if self._everything:
            return fields
        return {name: value for name, value in fields.items() if self._matches(name)}

    def _matches(self, name: str) -> bool:
        included = any(fnmatchcase(name, pattern) for pattern in self._include)
        return included and not any(fnmatchcase(name, pattern) for pattern in self._exclude)


EVERYTHING: Final = FieldFilter()
