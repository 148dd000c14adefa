"""The devices as JSON, for scripts. Unknown values are null; the keys are a contract, listed in docs/reference/json.md."""

import json
from collections.abc import Iterable
from typing import Any

from exporter.catalogue.types import BATTERY_FIELD, CHARGE_FIELD, MODE_FIELD
from exporter.polling.faults import ActiveFault
from exporter.polling.status import DeviceStatus, FieldValue, PollResult, count_states
from exporter.polling.zone_watch import ZoneFit


def fleet_document(devices: Iterable[DeviceStatus], found: Iterable[DeviceStatus], fit: ZoneFit) -> dict[str, Any]:
    """Return the document of the `found` ones of all `devices`, with the counts of all and the zones that fit their times."""
    counts = {str(state): count for state, count in count_states(devices).items()}
    return {"counts": counts, "timezone": _timezone(fit), "devices": [_device(device) for device in found]}


def device_document(device: DeviceStatus) -> dict[str, Any]:
    """Return the document of one device with its reading and its last polls."""
    return {
        **_device(device),
        "title": device.title,
        "path": device.path,
        "path_evidence": device.path_evidence.words,
        "fields": [_field(field) for field in device.fields],
        "operation_mode": _state(device.value(MODE_FIELD)),
        "battery_state": _state(device.value(BATTERY_FIELD)),
        "state_of_charge": _state(device.value(CHARGE_FIELD)),
        "powers": {power.field: power.value for power in map(device.value, device.powers) if power},
        "texts": [{"field": field, "text": text} for field, text in device.texts],
        "polls": [_poll(poll) for poll in device.polls],
        "settings": [_field(setting) for setting in device.settings],
    }


def encode(document: dict[str, Any]) -> bytes:
    """Return the document as JSON in ASCII, because UTF-8 cannot encode a name with a lone surrogate."""
    return json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()


def _device(device: DeviceStatus) -> dict[str, Any]:
    return {
        "type": device.type,
        "deviceSn": device.sn,
        "info": dict(device.info),
        "state": device.state,
        "reason": device.reason,
        "error": device.error,
        "remedy": device.remedy,
        "withheld": device.stale_cause,
        "lost": device.lost,
        "gone_since_timestamp_seconds": device.gone_since,
        "data_time": device.data_time,
        "data_timestamp_seconds": device.data_timestamp,
        "data_age_seconds": device.data_age,
        "fitting_timezone": device.zone.name if device.zone else None,
        "last_success_timestamp_seconds": device.last_success,
        "last_poll": _poll(device.last_poll) if device.last_poll else None,
        "interval_seconds": device.interval,
        "next_poll_timestamp_seconds": device.next_poll,
        "running_state": _state(device.running_state),
        "faults": None if device.faults is None else [_fault(active) for active in device.faults],
    }


def _timezone(fit: ZoneFit) -> dict[str, Any]:
    return {
        "configured": fit.configured,
        "fits": fit.most.name if fit.most else None,
        "offset_seconds": fit.most.shift if fit.most and fit.configured else None,
        "devices": fit.devices,
        "fitting": [{"timezone": zone.name, "utc_offset": zone.utc, "devices": zone.devices} for zone in fit.groups],
    }


def _state(field: FieldValue | None) -> dict[str, Any] | None:
    return {"value": field.value, "word": field.word} if field else None


def _fault(active: ActiveFault) -> dict[str, Any]:
    fault = active.fault
    return {
        "fault": fault.name,
        "severity": fault.severity,
        "code": fault.code,
        "text": fault.text,
        "since_timestamp_seconds": active.since,
    }


def _poll(poll: PollResult) -> dict[str, Any]:
    return {"timestamp_seconds": poll.at, "duration_seconds": poll.duration, "reason": poll.reason}


def _field(field: FieldValue) -> dict[str, Any]:
    known = field.known
    return {
        "field": field.field,
        "metric": field.metric,
        "value": field.value,
        "word": field.word,
        "word_evidence": field.word_evidence.words if field.word_evidence else None,
        "unit": field.unit,
        "meaning": known.words if known else None,
        "evidence": known.evidence.words if known else None,
        "group": known.group if known else None,
    }
