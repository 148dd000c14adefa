"""Metric names: the API's field names in snake_case, and the prefixes that are taken."""

import re
from collections.abc import Mapping
from typing import Final

#: Characters of a field's name that are still taken for a name; the longest documented one has 41.
MAX_NAME: Final = 120
_NAME: Final = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
_WORD_START: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def metric_name(field: str) -> str | None:
    """The metric that holds `field`: its name in snake_case behind `atess_`; None where that cannot be a metric's name.

    Letters are only lowered and parted, so the API's spelling stays recognisable.
    """
    if len(field) > MAX_NAME or not _NAME.fullmatch(field):
        return None
    return "atess_" + _WORD_START.sub("_", field).lower()


#: The families about the devices themselves, with their HELP.
DEVICE_FAMILIES: Final[Mapping[str, str]] = {
    "atess_device_up": "1 if the last poll of the device gave a usable reading, else 0.",
    "atess_device_stale": (
        "1 if the device's values are withheld because they are too old: cause failing, no usable reading came; cause "
        "frozen, readings come but their own time, or all of them where that is no time, no longer moves."
    ),
    "atess_device_last_success_timestamp_seconds": "Unix time of the last poll that gave a usable reading.",
    "atess_device_data_timestamp_seconds": "The latest reading's own time, read in the configured zone, as Unix time.",
    "atess_device_poll_interval_seconds": "Interval between two polls of the device that is in force, after pacing.",
    "atess_device_info": "Always 1; the labels describe the device, from the config and from its data logger's list.",
    "atess_device_lost": "1 if the list of its data logger says that the device is offline, else 0.",
}

#: Names under this prefix are the exporter's own.
RESERVED_PREFIX: Final = "atess_exporter_"

#: Names under this prefix are for settings, and settings have no others: a device's reading and its settings are two rows
#: with the same labels, which must never meet in one family.
SETTING_PREFIX: Final = "atess_setting_"


def escape_label(text: str) -> str:
    """`text` as it stands between the quotes of a label's value; what UTF-8 cannot carry is spelled out."""
    plain = text.encode("utf-8", "backslashreplace").decode()
    return plain.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
