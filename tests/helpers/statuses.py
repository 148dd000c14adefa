"""Statuses of devices for the pages."""

from dataclasses import replace
from typing import Any

from exporter.catalogue.types import Evidence
from exporter.polling.status import DeviceState, DeviceStatus

NOW = 1_790_000_000.0


def status(sn: str, type: str = "pbd", state: DeviceState = DeviceState.UP, **facts: Any) -> DeviceStatus:
    plain = DeviceStatus(
        type=type,
        sn=sn,
        info={},
        path=f"{type}/data-last",
        path_evidence=Evidence.DOCUMENTED,
        state=state,
        reason=None,
        error=None,
        remedy=None,
        stale_cause=None,
        lost=None,
        gone_since=None,
        data_time=None,
        data_time_is_read=True,
        data_timestamp=None,
        data_age=None,
        last_success=None,
        last_poll=None,
        interval=300.0,
        next_poll=None,
        failures=0,
        faults=None,
        running_state=None,
        title=f"The {type.upper()}",
    )
    return replace(plain, **facts)
