"""One API request and its answer: all that a fault gets to work with."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property

from starlette.types import Send

from exporter.simulator.answer import JSON_TYPE, Answer, Reading
from tests.helpers.faulty_cloud.wire import Wire

Asker = Callable[[datetime | None, Mapping[str, str]], Answer]


class Exchange:
    """A request that waits for its answer.

    `ask` gives what a healthy cloud would answer (refusals included) at a time, or now, to the request with other parameters;
    `serve` notes a reading that is sent; `path` and `query` are the request's, `history` its parameters if it asks for history;
    `wire` is the connection, for answers that are not HTTP; `since` is the simulated time at which the fault that is about to
    answer was set, `before` how often it answered this very request before.
    """

    def __init__(
        self,
        *,
        ask: Asker,
        serve: Callable[[Reading], None],
        wire: Wire,
        send: Send,
        path: str,
        query: str,
        history: Mapping[str, str] | None,
        since: datetime | None,
    ) -> None:
        self._ask = ask
        self.before = 0
        self.history = history
        self.wire = wire
        self.path = path
        self.query = query
        self.since = since
        self._serve = serve
        self._send = send

    def ask(self, at: datetime | None = None, **query: str) -> Answer:
        """Return what a healthy cloud would answer at that time, or now, to the request with other parameters."""
        return self._ask(at, query)

    @cached_property
    def answer(self) -> Answer:
        """Return what a healthy cloud would answer now."""
        return self.ask()

    async def reply(self, answer: Answer, body: bytes | None = None) -> None:
        """Send an answer with status 200, as `body` if its JSON is to be other than the plain one."""
        self.note(answer)
        await self.send(answer.body() if body is None else body)

    def note(self, answer: Answer) -> None:
        """Note the reading in an answer, if it holds one, as served."""
        if isinstance(answer.data, dict):
            self._serve(answer.data)

    async def send(
        self, body: bytes, *, status: int = 200, content_type: str = JSON_TYPE, headers: dict[str, str] | None = None
    ) -> None:
        """Send a complete HTTP response with its Content-Length."""
        await self.begin(len(body), status=status, content_type=content_type, headers=headers)
        await self.continue_with(body, more=False)

    async def begin(
        self, length: int, *, status: int = 200, content_type: str = JSON_TYPE, headers: dict[str, str] | None = None
    ) -> None:
        """Send the head of a response whose body will be `length` bytes."""
        fields = {"content-type": content_type, "content-length": str(length), **(headers or {})}
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": raw})

    async def continue_with(self, part: bytes, *, more: bool = True) -> None:
        """Send a part of the body, waiting while the client does not read."""
        await self._send({"type": "http.response.body", "body": part, "more_body": more})
