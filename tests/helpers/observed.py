"""Observations of doctor made by hand: answers without a cloud."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from exporter.config.load import load
from exporter.doctor.exchange import Exchange, Subject
from exporter.doctor.observations import LATEST, PAGE, WATCH, Observations
from exporter.doctor.plan import DoctorOptions, make_plan
from tests.helpers.processes import TOKEN, write_config

#: The moment of the last answer, UTC.
NOW = datetime.fromisoformat("2026-05-05T12:00:00+00:00").timestamp()


class Observed:
    """An account with devices `D1`, `D2`, ... of one type, and what they answered."""

    def __init__(
        self, folder: Path, device_type: str = "pcs", devices: int = 1, zone: str | None = None, watch: float = 0
    ) -> None:
        path = folder / "config.yaml"
        api: dict[str, Any] = {"token": TOKEN} | ({"timezone": zone} if zone else {})
        self.type = device_type
        self.sns = [f"D{number}" for number in range(1, devices + 1)]
        write_config(path, {"api": api, "devices": {device_type: self.sns}})
        config = load(path, {})
        plan = make_plan(config, DoctorOptions(watch=watch))
        self.seen = Observations(config, plan, list(plan.devices), now=NOW)

    def answer(
        self, subject: Subject, data: Any, sn: str = "D1", purpose: str = LATEST, at: float = NOW, **query: str
    ) -> "Observed":
        known = self.seen.config.types[self.type].paths
        path = known.realtime.path if subject is Subject.READING else known.history.path if known.history else ""
        exchange = Exchange(subject, self.type, sn, path, query, purpose, at, 0.1, 200, 0, data)
        self.seen.exchanges.append(exchange)
        return self

    def reading(self, time: str | None, sn: str = "D1", at: float = NOW, purpose: str = LATEST, **fields: Any) -> "Observed":
        data = {"deviceSn": sn, "capacity": 50} | ({"time": time} if time is not None else {}) | fields
        return self.answer(Subject.READING, data, sn, purpose, at)

    def watched(self, time: str, at: float = NOW, sn: str = "D1") -> "Observed":
        return self.reading(time, sn, at, WATCH)

    def listed(self, **lost: bool) -> "Observed":
        data = [{"deviceSn": sn, "lost": off} for sn, off in lost.items()]
        return self.answer(Subject.LIST, data, "L1")

    def history(self, rows: Sequence[Mapping[str, Any]], every: float = 300, begin: str = "2026-05-04 20:00:00") -> "Observed":
        """Add a page of rows that follow each other."""
        start = datetime.fromisoformat(begin)
        timed = [
            {"deviceSn": "D1", "time": str(start + timedelta(seconds=number * every)), **row} for number, row in enumerate(rows)
        ]
        data = {"datas": timed, "total": len(timed)}
        return self.reading(timed[-1]["time"]).answer(Subject.HISTORY, data, purpose=PAGE, pageSize="100", pageNo="1")
