"""Faults of HTTP: statuses other than 200, redirects, and bodies that are no JSON at all."""

from http import HTTPStatus

from exporter.simulator.endpoints import PREFIX
from tests.helpers.faulty_cloud.exchange import Exchange
from tests.helpers.faulty_cloud.faults.registry import FaultFunction, fault

#: Where redirects lead to: the same API, without faults.
ELSEWHERE = "/elsewhere/api/v1"

_LOGIN = b"""<!DOCTYPE html>
<html><head><title>Login</title></head>
<body><form method="post" action="/login"><input name="user"><input name="password" type="password"></form></body></html>
"""


def _status(status: HTTPStatus) -> FaultFunction:
    async def answer(x: Exchange) -> None:
        await x.send(status.phrase.encode(), status=status, content_type="text/plain")

    answer.__name__ = f"http_{status}"
    answer.__doc__ = f"HTTP status {status} {status.phrase}."
    return answer


for _code in (401, 403, 404, 407, 500, 502, 503, 504):
    fault(_status(HTTPStatus(_code)))


@fault
async def http_429(x: Exchange, *, retry_after: str | int = "2") -> None:
    """HTTP status 429 with `retry_after` (default "2", seconds or an HTTP date) as Retry-After."""
    await x.send(b"Too Many Requests", status=429, content_type="text/plain", headers={"retry-after": str(retry_after)})


@fault
async def retry_after_overflow(x: Exchange) -> None:
    """HTTP status 429 whose Retry-After is a date that no clock holds."""
    await http_429(x, retry_after="Mon, 01 Jan 99999999999999999999 00:00:00 GMT")


@fault
async def redirect(x: Exchange) -> None:
    """HTTP status 302 to another path of this server, which would answer well."""
    target = f"{ELSEWHERE}{x.path.removeprefix(PREFIX)}?{x.query}"
    await x.send(b"", status=302, headers={"location": target})


@fault
async def bad_redirect(x: Exchange) -> None:
    """HTTP status 302 to something that is no URL."""
    await x.send(b"", status=302, headers={"location": "http://[::1"})


@fault
async def html(x: Exchange) -> None:
    """An HTML login page with status 200."""
    await x.send(_LOGIN, content_type="text/html;charset=UTF-8")


@fault
async def empty_body(x: Exchange) -> None:
    """Status 200 and no body."""
    await x.send(b"")
