"""Metric names: how a field's name becomes one, and those that no field may have."""

import re
from collections.abc import Mapping
from typing import Final

#: Characters that a field's name may have; the longest documented one has 41.
_MAX_NAME: Final = 120
_NAME: Final = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
_WORD_START: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def metric_name(field: str) -> str | None:
    """Return the metric of `field`: `atess_` and its name in snake_case; None if that is not a valid metric name.

    The spelling is never corrected, so that the API's name stays recognisable.
    """
    if len(field) > _MAX_NAME or not _NAME.fullmatch(field):
        return None
    return "atess_" + _WORD_START.sub("_", field).lower()


#: The metrics of the devices themselves, with their HELP.
DEVICE_FAMILIES: Final[Mapping[str, str]] = {
    "atess_device_up": "1 if the last poll of the device gave a usable reading, else 0.",
    "atess_device_stale": (
        "1 if the device's values are stale and no longer shown: cause failing, no usable reading came; cause frozen, readings "
        "come but their own time, or all of them where that is no time, no longer moves."
    ),
    "atess_device_last_success_timestamp_seconds": "Unix time of the last poll that gave a usable reading.",
    "atess_device_data_timestamp_seconds": "The latest reading's own time, read in the configured zone, as Unix time.",
    "atess_device_poll_interval_seconds": "Interval between two polls of the device, in seconds, after pacing.",
    "atess_device_info": "Always 1; the labels describe the device, from the config and from its data logger's list.",
    "atess_device_fault_active": (
        "1 for each fault of the device that is active; code is word.bit in the vendor's device protocol, fault unknown a bit "
        "that nobody has described."
    ),
    "atess_device_faults": "How many faults of the device are active; absent where it reports no fault words.",
    "atess_device_lost": "1 if the list of its data logger says that the device is offline, else 0.",
    "atess_device_gone": (
        "1 if the device was discovered and is in no data logger's list any more; absent otherwise. It is polled on for up to 7 "
        "days, and then dropped with all its series."
    ),
}

#: The prefix of the exporter's own metrics.
RESERVED_PREFIX: Final = "atess_exporter_"

#: The prefix of settings, and of nothing else: a device's reading and its settings have the same labels, so they must never
#: share a family.
SETTING_PREFIX: Final = "atess_setting_"
