"""The devices as JSON, for scripts. Unknown values are null; the keys are a contract, listed in the README."""

import json
from collections.abc import Iterable
from typing import Any

from exporter.polling.status import DeviceDetail, DeviceStatus, FieldValue, Fleet, PollResult


def fleet_document(fleet: Fleet, devices: Iterable[DeviceStatus], *, simulated: bool) -> bytes:
    """Return the JSON of `devices`, with the counts of the whole fleet."""
    return _encode(
        {
            "simulated": simulated,
            "timestamp_seconds": fleet.at,
            "suspended": fleet.suspended,
            "counts": {str(state): count for state, count in fleet.counts.items()},
            "devices": [_device(status) for status in devices],
        }
    )


def device_document(detail: DeviceDetail, *, simulated: bool) -> bytes:
    """Return the JSON of one device with its reading and its last polls."""
    return _encode(
        {
            "simulated": simulated,
            "timestamp_seconds": detail.at,
            "suspended": detail.suspended,
            **_device(detail.status),
            "title": detail.title,
            "path": detail.path,
            "path_evidence": detail.path_evidence,
            "error": detail.error,
            "fields": [_field(field) for field in detail.fields],
            "texts": [{"field": text.field, "text": text.text} for text in detail.texts],
            "polls": [_poll(poll) for poll in detail.polls],
        }
    )


def error_document(message: str) -> bytes:
    """Return the JSON that says what was wrong with a request."""
    return _encode({"error": message})


def _encode(document: dict[str, Any]) -> bytes:
    # ASCII, because UTF-8 cannot encode a name with a lone surrogate
    return json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()


def _device(status: DeviceStatus) -> dict[str, Any]:
    return {
        "type": status.type,
        "deviceSn": status.sn,
        "info": dict(status.info),
        "state": status.state,
        "reason": status.reason,
        "withheld": status.stale_cause,
        "lost": status.lost,
        "data_time": status.data_time,
        "data_timestamp_seconds": status.data_timestamp,
        "data_age_seconds": status.data_age,
        "last_success_timestamp_seconds": status.last_success,
        "last_poll": _poll(status.last_poll) if status.last_poll else None,
        "interval_seconds": status.interval,
        "next_poll_timestamp_seconds": status.next_poll,
    }


def _poll(poll: PollResult) -> dict[str, Any]:
    return {"timestamp_seconds": poll.at, "duration_seconds": poll.duration, "reason": poll.reason}


def _field(field: FieldValue) -> dict[str, Any]:
    return {
        "field": field.field,
        "metric": field.metric,
        "value": field.value,
        "word": field.word,
        "unit": field.unit,
        "meaning": field.meaning,
        "evidence": field.evidence,
    }
