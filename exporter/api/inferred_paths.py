"""Paths that the catalogue only infers and the cloud does not know: they are switched off."""

import threading
from collections.abc import Hashable
from typing import Final

import structlog

from exporter.catalogue.types import ApiPath, Evidence

_log = structlog.get_logger()

#: Devices (or all of a type, where there are fewer) that must be not found before it is the path that is wrong.
ENOUGH_DEVICES: Final = 3


class InferredPaths:
    """What was not found under inferred paths that never answered. `setting` is the key in `types.<type>` for the right path.

    Safe to use from several threads.
    """

    def __init__(self, setting: str) -> None:
        self._setting = setting
        self._lock = threading.Lock()
        self._answered: set[ApiPath] = set()
        self._not_found: dict[ApiPath, set[Hashable]] = {}

    def is_off(self, path: ApiPath, enough: int) -> bool:
        """Return whether `path` is inferred, never answered, and `enough` devices or lists were not found under it."""
        return len(self._not_found.get(path, ())) >= enough

    def record_answer(self, path: ApiPath) -> None:
        """Note that `path` answered: it is the right one, whatever is not found there."""
        with self._lock:
            self._answered.add(path)
            self._not_found.pop(path, None)

    def record_not_found(self, device_type: str, path: ApiPath, asked: Hashable, enough: int) -> bool:
        """Note that `asked` was not found. Return whether `path` is off now, which is logged once."""
        with self._lock:
            if path.evidence is not Evidence.INFERRED or path in self._answered:
                return False
            before = self.is_off(path, enough)
            self._not_found.setdefault(path, set()).add(asked)
            off = self.is_off(path, enough)
        if off and not before:
            _log.warning(
                "inferred path not found, switching it off: set the right one",
                type=device_type,
                path=path.path,
                key=f"types.{device_type}.{self._setting}",
            )
        return off
