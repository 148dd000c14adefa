"""The API itself: an ASGI app that answers the documented paths from a `Cloud`, with whatever faults are set."""

import time
from collections.abc import Callable
from datetime import datetime
from urllib.parse import parse_qsl

from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from exporter.simulator.answer import NO_ACCESS, NOT_FOUND, Answer, refusal
from exporter.simulator.cloud import Cloud, UnknownDevice
from exporter.simulator.jsontypes import Reading
from exporter.simulator.questions import QUESTIONS, Question, Subject
from tests.helpers.faulty_cloud.exchange import Asker, Exchange
from tests.helpers.faulty_cloud.traffic import RequestRecord
from tests.helpers.faulty_cloud.wire import ClientGone

# The sibling platform's limits for one history query; that this API has the same is a guess, on the safe side.
MAX_PAGE = 100
MAX_DAYS = 7


class BadQuery(ValueError):
    """The query lacks a parameter, or one can't be read."""


class Api:
    """Answers below `prefix`; `faulty` is whether faults apply there."""

    def __init__(self, cloud: Cloud, prefix: str, *, faulty: bool) -> None:
        self._cloud = cloud
        self._prefix = prefix
        self._faulty = faulty

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record the request, then answer it."""
        record = _record(scope)
        flight = self._cloud.traffic.arrived(record)
        try:
            question = QUESTIONS.get(record.path.removeprefix(self._prefix + "/"))
            if question is None:
                flight.land()
                await PlainTextResponse("Not Found", 404)(scope, receive, send)
            elif record.method not in ("GET", "HEAD"):
                flight.land()
                await PlainTextResponse("Method Not Allowed", 405, {"Allow": "GET, HEAD"})(scope, receive, send)
            else:
                serial = record.query.get(question.key, "")
                fault = self._cloud.faults.find(question.type, serial) if self._faulty else None
                exchange = Exchange(
                    ask=self._asker(question, record),
                    serve=self._server(question, serial),
                    flight=flight,
                    wire=scope["state"]["wire"],
                    send=send,
                    path=record.path,
                    query=scope["query_string"].decode("ascii"),
                    history=record.query if question.subject is Subject.HISTORY else None,
                    since=fault.since if fault else None,
                )
                await (fault.answer(exchange) if fault else exchange.reply(exchange.answer))
        except ClientGone:
            pass
        finally:
            flight.land()

    def _asker(self, question: Question, record: RequestRecord) -> Asker:
        return lambda at, query: self._answer(question, record, {**record.query, **query}, at)

    def _server(self, question: Question, serial: str) -> Callable[[Reading], None]:
        if question.subject is Subject.LATEST:
            return lambda data: self._cloud.traffic.serve((question.type, serial), data)
        return lambda data: None

    def _answer(self, question: Question, record: RequestRecord, query: dict[str, str], at: datetime | None) -> Answer:
        """What a healthy cloud would answer at a time, or now: data or a refusal."""
        token = self._cloud.token
        if token is not None and record.authorization != token:
            return refusal(NO_ACCESS, "no access")
        try:
            return self._data(question, query, at)
        except BadQuery as mistake:
            return refusal(NOT_FOUND, str(mistake))
        except UnknownDevice as unknown:
            return refusal(NOT_FOUND, f"not found: {unknown}")

    def _data(self, question: Question, query: dict[str, str], at: datetime | None) -> Answer:
        serial = _parameter(query, question.key)
        match question.subject:
            case Subject.LATEST:
                return Answer(self._cloud.reading(question.type, serial, at))
            case Subject.HISTORY:
                start, end = self._instant(query, "startDate"), self._instant(query, "endDate")
                if (end - start).total_seconds() > MAX_DAYS * 86400:
                    raise BadQuery(f"startDate and endDate are more than {MAX_DAYS} days apart")
                page_no, page_size = _count(query, "pageNo"), _count(query, "pageSize", MAX_PAGE)
                return Answer(self._cloud.history(question.type, serial, start, end, page_no, page_size, at))
            case Subject.BASE_INFO:
                return Answer(self._cloud.base_info_list(question.type, serial, at))
            case Subject.SETTINGS:
                return Answer(self._cloud.settings(question.type, serial))

    def _instant(self, query: dict[str, str], name: str) -> datetime:
        try:
            naive = datetime.strptime(_parameter(query, name), "%Y-%m-%d %H:%M:%S")
        except ValueError:
            raise BadQuery(f"{name} is not YYYY-MM-DD HH:MM:SS") from None
        return naive.replace(tzinfo=self._cloud.clock.timezone)


def _record(scope: Scope) -> RequestRecord:
    headers = dict(scope["headers"])
    authorization, language = headers.get(b"authorization"), headers.get(b"accept-language")
    return RequestRecord(
        at=time.monotonic(),
        method=scope["method"],
        path=scope["path"],
        query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
        authorization=None if authorization is None else authorization.decode("latin-1"),
        accept_language=None if language is None else language.decode("latin-1"),
    )


def _parameter(query: dict[str, str], name: str) -> str:
    value = query.get(name)
    if not value:
        raise BadQuery(f"missing parameter {name}")
    return value


def _count(query: dict[str, str], name: str, limit: int | None = None) -> int:
    text = _parameter(query, name)
    if not (text.isascii() and text.isdigit()) or int(text) < 1 or (limit is not None and int(text) > limit):
        raise BadQuery(f"{name} is not a number from 1" + (f" to {limit}" if limit else ""))
    return int(text)
