"""Statuses of devices for the pages."""

from dataclasses import replace
from typing import Any

from exporter.polling.status import DeviceState, DeviceStatus

NOW = 1_790_000_000.0


def status(sn: str, type: str = "pbd", state: DeviceState = DeviceState.UP, **facts: Any) -> DeviceStatus:
    plain = DeviceStatus(type, sn, {}, state, None, None, None, None, None, None, None, None, 300.0, None)
    return replace(plain, **facts)
