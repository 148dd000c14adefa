"""The API itself: an ASGI app that answers the documented paths from a `Cloud`."""

from collections.abc import Mapping
from datetime import datetime

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from exporter.simulator.answer import JSON_TYPE, NO_ACCESS, NOT_FOUND, Answer, refusal
from exporter.simulator.cloud import Cloud, UnknownDevice
from exporter.simulator.endpoints import ENDPOINTS, Endpoint, Subject

# The sibling platform's limits for one history query; that this API has the same is a guess, on the safe side.
MAX_PAGE = 100
MAX_DAYS = 7


class BadQuery(ValueError):
    """The query lacks a parameter, or one can't be read."""


class Api:
    """Answers below `prefix`."""

    def __init__(self, cloud: Cloud, prefix: str) -> None:
        self._cloud = cloud
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request: 404 unless its path is documented, 405 unless it is a GET or HEAD."""
        request = Request(scope, receive)
        endpoint = ENDPOINTS.get(scope["path"].removeprefix(self._prefix + "/"))
        if endpoint is None:
            await PlainTextResponse("Not Found", 404)(scope, receive, send)
        elif request.method not in ("GET", "HEAD"):
            await PlainTextResponse("Method Not Allowed", 405, {"Allow": "GET, HEAD"})(scope, receive, send)
        else:
            await self.respond(endpoint, request, send)

    async def respond(self, endpoint: Endpoint, request: Request, send: Send) -> None:
        """Send the answer of an endpoint. Tests override this to answer badly."""
        answer = self.answer(endpoint, request, request.query_params)
        await Response(answer.body(), media_type=JSON_TYPE)(request.scope, request.receive, send)

    def answer(self, endpoint: Endpoint, request: Request, query: Mapping[str, str], at: datetime | None = None) -> Answer:
        """Return what the cloud answers to a request with these parameters at a time, or now: data or a refusal."""
        token = self._cloud.token
        if token is not None and request.headers.get("authorization") != token:
            return refusal(NO_ACCESS, "no access")
        try:
            return self._data(endpoint, query, at)
        except BadQuery as mistake:
            return refusal(NOT_FOUND, str(mistake))
        except UnknownDevice as unknown:
            return refusal(NOT_FOUND, f"not found: {unknown}")

    def _data(self, endpoint: Endpoint, query: Mapping[str, str], at: datetime | None) -> Answer:
        serial = _parameter(query, endpoint.key)
        match endpoint.subject:
            case Subject.LATEST:
                return Answer(self._cloud.reading(endpoint.type, serial, at))
            case Subject.HISTORY:
                start, end = self._instant(query, "startDate"), self._instant(query, "endDate")
                if (end - start).total_seconds() > MAX_DAYS * 86400:
                    raise BadQuery(f"startDate and endDate are more than {MAX_DAYS} days apart")
                page_no, page_size = _count(query, "pageNo"), _count(query, "pageSize", MAX_PAGE)
                return Answer(self._cloud.history(endpoint.type, serial, start, end, page_no, page_size, at))
            case Subject.BASE_INFO:
                return Answer(self._cloud.base_info_list(endpoint.type, serial, at))
            case Subject.SETTINGS:
                return Answer(self._cloud.settings(endpoint.type, serial))

    def _instant(self, query: Mapping[str, str], name: str) -> datetime:
        try:
            naive = datetime.strptime(_parameter(query, name), "%Y-%m-%d %H:%M:%S")
        except ValueError:
            raise BadQuery(f"{name} is not YYYY-MM-DD HH:MM:SS") from None
        return naive.replace(tzinfo=self._cloud.clock.timezone)


def _parameter(query: Mapping[str, str], name: str) -> str:
    value = query.get(name)
    if not value:
        raise BadQuery(f"missing parameter {name}")
    return value


def _count(query: Mapping[str, str], name: str, limit: int | None = None) -> int:
    text = _parameter(query, name)
    if not (text.isascii() and text.isdigit()) or int(text) < 1 or (limit is not None and int(text) > limit):
        raise BadQuery(f"{name} is not a number from 1" + (f" to {limit}" if limit else ""))
    return int(text)
