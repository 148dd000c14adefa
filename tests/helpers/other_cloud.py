"""A second stand-in for the cloud, of which everything that no document settles is otherwise than in the simulator."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from exporter.simulator.answer import JSON_TYPE, NOT_FOUND, Answer, refusal
from exporter.simulator.api import Api, BadQuery
from exporter.simulator.cloud import Cloud, UnknownDevice
from exporter.simulator.endpoints import ENDPOINTS, PREFIX, Endpoint, Subject
from exporter.simulator.server import ServedCloud, serve_app

#: The active powers of the simulator, which are in W there.
POWERS = frozenset(
    {
        *(f"ppv{number}" for number in range(1, 6)),
        "bActivePower",
        "loadActivePower",
        "outPower",
        "pac",
        "pac1",
        "pacToBattery",
        "pacToGrid",
        "pcsActivePower",
        "powerGird",
        "toPowerGird",
    }
)

#: Times in total, which are in hours in the simulator.
TOTAL_TIMES = "TimeTotal"


@dataclass
class Truth:
    """How the cloud is. By default as the simulator; OTHER is otherwise in everything.

    `moved` has the paths that are somewhere else, `gone` those that are nowhere, `forbidden` the devices that the token may not
    read. `canary` is put into every text and header; `drift` is by how many seconds the cloud's clock is ahead.
    """

    kilowatts: frozenset[str] = frozenset()
    minutes: bool = False
    moved: Mapping[str, str] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    page_size: int | None = None
    end_included: bool = True
    newest_first: bool = False
    wrong_total: bool = False
    turned: frozenset[str] = frozenset()
    swapped: bool = False
    forbidden: frozenset[str] = frozenset()
    refused: bool = False
    missing: frozenset[str] = frozenset()
    added: Mapping[str, Any] = field(default_factory=dict)
    canary: str = ""
    drift: float = 0.0
    history_days: float | None = None
    throttled_after: int | None = None


OTHER = Truth(
    kilowatts=POWERS,
    minutes=True,
    moved={"pcs/data-last": "pcs/pcs-data-last", "pcs/data-list": "pcs/pcs-data-list"},
    gone=frozenset({"pcs/setting", "pbd/base-info/list"}),
    page_size=50,
    end_included=False,
    newest_first=True,
    wrong_total=True,
    turned=frozenset({"ibat", "pacToBattery"}),
    swapped=True,
    missing=frozenset({"bvbus", "minTemp"}),
    added={"newPower": 12.5, "newText": "word", "newObject": {"a": 1}, "temp1": 6523.6},
    history_days=40,
)


class OtherApi(Api):
    """Answers as the truth has it."""

    def __init__(self, cloud: Cloud, truth: Truth) -> None:
        super().__init__(cloud, PREFIX)
        self._cloud_of_all = cloud
        self.truth = truth
        self.requests: list[tuple[str, str, dict[str, str]]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        path = scope["path"].removeprefix(PREFIX + "/")
        self.requests.append((request.method, path, dict(request.query_params)))
        back = {new: old for old, new in self.truth.moved.items()}
        endpoint = ENDPOINTS.get(back.get(path, path))
        if endpoint is None or path in self.truth.moved or path in self.truth.gone or request.method != "GET":
            await PlainTextResponse("Not Found", 404, self._headers())(scope, receive, send)
        else:
            await self.respond(endpoint, request, send)

    async def respond(self, endpoint: Endpoint, request: Request, send: Send) -> None:
        limit = self.truth.throttled_after
        if limit is not None and len(self.requests) > limit:
            await Response(b"", 429, self._headers())(request.scope, request.receive, send)
            return
        answer = self._changed(endpoint, self._safe(endpoint, request))
        await Response(answer.body(), headers=self._headers(), media_type=JSON_TYPE)(request.scope, request.receive, send)

    def _headers(self) -> dict[str, str]:
        now = self._cloud_of_all.clock.now().timestamp() + self.truth.drift
        headers = {"Date": format_datetime(datetime.fromtimestamp(now, UTC), usegmt=True)}
        if self.truth.canary:
            headers |= {"Server": self.truth.canary, "X-Owner": self.truth.canary, "Set-Cookie": f"id={self.truth.canary}"}
        return headers

    def _safe(self, endpoint: Endpoint, request: Request) -> Answer:
        query = dict(request.query_params)
        if self.truth.refused or query.get("deviceSn") in self.truth.forbidden:
            return refusal(403, "no access for " + (self.truth.canary or "you"))
        try:
            return (
                self.answer(endpoint, request, query) if endpoint.subject is not Subject.HISTORY else self._page(endpoint, query)
            )
        except (UnknownDevice, BadQuery):
            return refusal(NOT_FOUND, "not found")

    def _page(self, endpoint: Endpoint, query: dict[str, str]) -> Answer:
        start, end = self._instant(query, "startDate"), self._instant(query, "endDate")
        asked, number = int(query["pageSize"]), int(query["pageNo"])
        now = self._cloud_of_all.clock.now()
        if self.truth.history_days is not None and (now - end).total_seconds() > self.truth.history_days * 86400:
            return Answer({"datas": [], "total": 0})
        if self.truth.page_size is None and asked > 100:
            return refusal(NOT_FOUND, "pageSize")
        every = self._cloud_of_all.history(endpoint.type, query["deviceSn"], start, end, 1, 10_000)["datas"]
        rows: list[Any] = list(every) if isinstance(every, list) else []
        if not self.truth.end_included:
            rows = [row for row in rows if row["time"] != query["endDate"]]
        if self.truth.newest_first:
            rows.reverse()
        size = min(asked, self.truth.page_size or asked)
        page = rows[(number - 1) * size : number * size]
        return Answer({"datas": page, "total": len(rows) + 7 if self.truth.wrong_total else len(rows)})

    def _changed(self, endpoint: Endpoint, answer: Answer) -> Answer:
        data: Any = answer.data
        if endpoint.subject is Subject.HISTORY and isinstance(data, dict):
            data = data | {"datas": [self._reading(row) for row in data["datas"]]}
        elif endpoint.subject is Subject.LATEST and isinstance(data, dict):
            data = self._reading(data)
        elif self.truth.canary and isinstance(data, list):
            data = [entry | {"plantName": self.truth.canary, "firmwareVersion": self.truth.canary} for entry in data]
        elif self.truth.canary and isinstance(data, dict):
            data = data | {"remark": self.truth.canary}
        return Answer(data, answer.code, answer.msg + self.truth.canary)

    def _reading(self, reading: dict[str, Any]) -> dict[str, Any]:
        truth = self.truth
        found: dict[str, Any] = {}
        for name, value in reading.items():
            if name in truth.missing:
                continue
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if number and name in truth.kilowatts:
                value = round(value / 1000, 2)
            if number and truth.minutes and name.endswith(TOTAL_TIMES):
                value = round(value * 60)
            if number and name in truth.turned:
                value = -value
            found[name] = value
        if truth.swapped:
            for one, other in (("gridToday", "toGridToday"), ("gridTotal", "toGridTotal"), ("gridTimeToday", "toGridTimeToday")):
                if one in found and other in found:
                    found[one], found[other] = found[other], found[one]
        if truth.canary:
            found |= {f"text{number}": truth.canary for number in range(3)} | {"ownerPhone": 1234567890, "plantId": truth.canary}
            found["nested"] = {
                "name": truth.canary,
                truth.canary: 1,
                f"{truth.canary}2": {"a": truth.canary},
                "list": [truth.canary],
            }
            found["list"] = [truth.canary, {f"{truth.canary}3": 1}]
            found[f"{truth.canary} {truth.canary}"] = 1
        return found | dict(truth.added)


@contextmanager
def other_cloud(cloud: Cloud, truth: Truth) -> Iterator[tuple[ServedCloud, OtherApi]]:
    """Serve `cloud` as `truth` has it. Gives where, and the API with the requests that came."""
    api = OtherApi(cloud, truth)
    with serve_app(api, "127.0.0.1", 0) as served:
        yield served, api
