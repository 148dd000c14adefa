"""The API's GET endpoints: what each path asks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

PREFIX = "/api/v1"


class Subject(Enum):
    """What a request is about."""

    LATEST = "latest real-time reading"
    HISTORY = "history"
    BASE_INFO = "devices of one data logger"
    SETTINGS = "settings"


@dataclass(frozen=True)
class Endpoint:
    """One endpoint: its subject and device type, and the query parameter that names the device or the data logger."""

    subject: Subject
    type: str

    @property
    def key(self) -> str:
        """Return the name of the query parameter that holds the serial number."""
        return "dataLogSn" if self.subject is Subject.BASE_INFO else "deviceSn"


ENDPOINTS: Mapping[str, Endpoint] = {
    path: Endpoint(subject, kind)
    for kind, paths in {
        "pbd": ("pbd/data-last", "pbd/data-list", "pbd/base-info/list", "pbd/setting"),
        "pcs": ("pcs/data-last", "pcs/data-list", "pcs/base-info/list", "pcs/setting"),
        "hps_central": ("hps/data-last", "hps/data-list", "hps/big-base-info/list", "hps/big-setting"),
        "hps_string": ("hps/data-last-small", "hps/data-list-small", "hps/small-base-info/list", "hps/small-setting"),
        "bcu": ("bms/bcu-data-last", "bms/bcu-data-list", "bms/buc-base-info/list", "bms/bcu-setting"),
        "mbms": ("bms/mbms-data-last", "bms/mbms-data-list", "bms/mbms-base-info/list", "bms/mbms-setting"),
    }.items()
    for subject, path in zip(Subject, paths, strict=True)
}
