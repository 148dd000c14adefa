"""Paths that the catalogue only infers and the cloud does not know: they are switched off."""

from typing import Final

import structlog

from exporter.catalogue.types import ApiPath, Evidence

_log = structlog.get_logger()

#: Devices (or all of a type, where there are fewer) that must be not found before it is the path that is wrong.
ENOUGH_DEVICES: Final = 3


class InferredPaths:
    """Counts the "not found" answers under inferred paths. `setting` is the key in `types.<type>` for the right path.

    Not safe to use from several threads.
    """

    def __init__(self, setting: str) -> None:
        self._setting = setting
        self._not_found: dict[ApiPath, int] = {}
        self._told: set[ApiPath] = set()

    def is_off(self, path: ApiPath, enough: int) -> bool:
        """Return whether `path` is inferred and was not found `enough` times."""
        return self._not_found.get(path, 0) >= enough

    def record_not_found(self, device_type: str, path: ApiPath, enough: int) -> bool:
        """Count a "not found" answer. Return whether `path` is off now, which is logged once."""
        if path.evidence is not Evidence.INFERRED:
            return False
        self._not_found[path] = self._not_found.get(path, 0) + 1
        off = self.is_off(path, enough)
        if off and path not in self._told:
            self._told.add(path)
            _log.warning(
                "inferred path not found, switching it off: set the right one",
                type=device_type,
                path=path.path,
                key=f"types.{device_type}.{self._setting}",
            )
        return off
