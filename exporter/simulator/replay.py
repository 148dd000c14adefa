"""Serving what `doctor --capture` kept from a real account, with its times moved to now.

What was asked again and again is answered in the same order and at the same pace. After that each device goes on as if it
uploaded its last reading once a minute, but for those that were offline.
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time as now_in_unix_time
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from exporter.simulator.answer import JSON_TYPE, NOT_FOUND, Answer, refusal
from exporter.simulator.endpoints import PREFIX
from exporter.simulator.server import ServedCloud, serve_app

# Seconds between two uploads that are made up once the capture is over, and the age from which on a device counts as offline.
_UPLOAD = 60
_OFFLINE = 3600

_TIME = re.compile(r"(\d{4})([-/])(\d\d)\2(\d\d)([ T])(\d\d):(\d\d):(\d\d)")
_TIME_FIELDS = ("time", "updateTime")


@dataclass(frozen=True)
class Kept:
    """One answer of the capture: `at` is when it came, in Unix time."""

    subject: str
    type: str
    path: str
    sn: str
    at: float
    status: int
    code: Any
    data: Any


class Replay:
    """A capture, served from `now()` on, which returns Unix time. Raises ValueError where `folder` holds none."""

    def __init__(self, folder: Path, now: Callable[[], float] = now_in_unix_time) -> None:
        self._now = now
        self._began = now()
        self._kept: dict[tuple[str, str], list[Kept]] = {}
        try:
            self.paths: Mapping[str, Mapping[str, str]] = json.loads((folder / "capture.json").read_text("utf-8"))["paths"]
            for file in sorted(folder.glob("[0-9]*.json")):
                kept = _read(json.loads(file.read_text("utf-8")))
                self._kept.setdefault((kept.path, kept.sn.casefold()), []).append(kept)
        except OSError as error:
            raise ValueError(f"{folder}: not a capture of doctor: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ValueError(f"{folder}: not a capture of doctor, or a damaged one") from None
        everything = [kept for answers in self._kept.values() for kept in answers]
        if not everything:
            raise ValueError(f"{folder}: the capture has no answer")
        self._first = min(kept.at for kept in everything)
        # by how much local time was ahead of the moment at which it was answered, where it was most
        self._ahead = max((age for kept in everything if (age := _ahead(kept)) is not None), default=0.0)

    @property
    def devices(self) -> list[tuple[str, str]]:
        """Return type and serial number of each device with a reading."""
        answers = [kept for kept in self._all("reading") if isinstance(kept.data, dict)]
        return list(dict.fromkeys((kept.type, kept.sn) for kept in answers))

    @property
    def data_loggers(self) -> list[str]:
        """Return the data loggers whose lists were read."""
        return list(dict.fromkeys(kept.sn for kept in self._all("list") if kept.data))

    @property
    def utc_offset(self) -> float:
        """Return by how many seconds the devices' clocks are ahead of UTC, if the newest reading was less than 15 minutes old."""
        return math.ceil(self._ahead / 900) * 900

    def answer(self, path: str, query: Mapping[str, str]) -> Answer | int:
        """Return the answer to a request below the API's prefix: an HTTP status where that is all there was."""
        if all(known != path for known, _ in self._kept):
            return 404
        sn = (query.get("deviceSn") or query.get("dataLogSn") or "").casefold()
        answers = self._kept.get((path, sn))
        if not answers:
            return refusal(NOT_FOUND, "not found")
        if answers[0].subject == "history":
            return self._history(answers, query)
        passed = self._now() - self._began
        kept = next((one for one in reversed(answers) if one.at - self._first <= passed), answers[0])
        if kept.status != 200:
            return kept.status
        if kept.code not in (0, 200):
            return refusal(kept.code if isinstance(kept.code, int | str) else 500, "")
        return Answer(_moved(kept.data, self._shift(kept)))

    def _all(self, subject: str) -> list[Kept]:
        return [kept for answers in self._kept.values() for kept in answers if kept.subject == subject]

    def _shift(self, kept: Kept) -> int:
        """Return by how many seconds the times in an answer are moved."""
        ahead = _ahead(kept)
        started = round(self._began - self._first)
        if ahead is not None and ahead < self._ahead - _OFFLINE:
            return started
        since = max(0.0, self._now() - self._began - (kept.at - self._first))
        return started + int(since // _UPLOAD) * _UPLOAD

    def _history(self, answers: list[Kept], query: Mapping[str, str]) -> Answer:
        rows: dict[str, Any] = {}
        shift = round(self._began - self._first)
        for kept in answers:
            for row in (kept.data or {}).get("datas") or [] if isinstance(kept.data, dict) else []:
                moved = _moved(row, shift)
                if isinstance(moved, dict) and isinstance(moved.get("time"), str):
                    rows[moved["time"]] = moved
        if not rows and (refused := next((kept.code for kept in answers if kept.code not in (0, 200, None)), None)) is not None:
            return refusal(refused, "")
        start, end = query.get("startDate", ""), query.get("endDate", "")
        wanted = [rows[time] for time in sorted(rows) if start <= time <= end]
        number, size = _count(query.get("pageNo"), 1), _count(query.get("pageSize"), 100)
        first = (number - 1) * size
        return Answer(
            {"datas": wanted[first : first + size], "offset": first, "pageNo": number, "pageSize": size, "total": len(wanted)}
        )


def serve_replay(replay: Replay, host: str = "127.0.0.1", port: int = 0) -> AbstractContextManager[ServedCloud]:
    """Serve a capture until the context ends; port 0 takes a free one."""

    async def api(request: Request) -> Response:
        found = replay.answer(request.path_params["path"], request.query_params)
        if isinstance(found, int):
            return PlainTextResponse("", found)
        return Response(found.body(), media_type=JSON_TYPE)

    return serve_app(Starlette(routes=[Route(PREFIX + "/{path:path}", api, methods=["GET"])]), host, port)


def _read(record: Any) -> Kept:
    query = record["query"]
    sn = query.get("deviceSn") or query["dataLogSn"]
    return Kept(
        record["subject"],
        record["type"],
        record["path"],
        sn,
        float(record["at"]),
        record["status"],
        record["code"],
        record["data"],
    )


def _ahead(kept: Kept) -> float | None:
    """Return by how many seconds a reading's own time, taken as UTC, is ahead of the moment of the answer."""
    time = kept.data.get("time") if kept.subject == "reading" and isinstance(kept.data, dict) else None
    match = _TIME.match(time) if isinstance(time, str) else None
    try:
        return _local(match).timestamp() - kept.at if match else None
    except ValueError:
        return None


def _local(match: re.Match[str]) -> datetime:
    return datetime(*(int(match[group]) for group in (1, 3, 4, 6, 7, 8)), tzinfo=UTC)  # type: ignore[arg-type, misc]


def _moved(data: Any, seconds: int) -> Any:
    """Return `data` with its times `seconds` later."""
    if isinstance(data, list):
        return [_moved(one, seconds) for one in data]
    if not isinstance(data, dict):
        return data
    return {name: _later(value, seconds) if name in _TIME_FIELDS else _moved(value, seconds) for name, value in data.items()}


def _later(time: Any, seconds: int) -> Any:
    match = _TIME.match(time) if isinstance(time, str) else None
    if match is None:
        return time
    try:
        later = _local(match) + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return time
    form = f"%Y{match[2]}%m{match[2]}%d{match[5]}%H:%M:%S"
    return later.strftime(form) + time[match.end() :]


def _count(text: str | None, default: int) -> int:
    return max(1, int(text)) if text and text.isascii() and text.isdigit() else default
