"""Faults of the envelope: failure codes, and data of the wrong kind."""

from dataclasses import replace

from exporter.simulator.answer import refusal
from tests.helpers.faulty_cloud.exchange import Exchange
from tests.helpers.faulty_cloud.faults.registry import fault


@fault
async def code_500(x: Exchange, *, msg: str = "fail") -> None:
    """Envelope code 500: fail, or what else `msg` says."""
    await x.reply(refusal(500, msg))


@fault
async def code_400(x: Exchange) -> None:
    """Envelope code 400: not found."""
    await x.reply(refusal(400, "not found"))


@fault
async def code_401(x: Exchange) -> None:
    """Envelope code 401: the token has expired, as HTTP has it."""
    await x.reply(refusal(401, "token expired"))


@fault
async def code_407(x: Exchange) -> None:
    """Envelope code 407, which the API does not document."""
    await x.reply(refusal(407, "ACCESS_FREQUENCY_IS_TOO_HIGH"))


@fault
async def code_429(x: Exchange) -> None:
    """Envelope code 429: too many requests, as HTTP has it."""
    await x.reply(refusal(429, "too many requests"))


@fault
async def code_403(x: Exchange) -> None:
    """Envelope code 403: no access."""
    await x.reply(refusal(403, "no access"))


@fault
async def code_10012(x: Exchange) -> None:
    """Envelope code 10012: the sibling platform's "too frequent"."""
    await x.reply(refusal(10012, "too frequent"))


@fault
async def code_text(x: Exchange) -> None:
    """The envelope's code is the text "abc", beside good data."""
    await x.send(replace(x.answer, code="abc").body())


@fault
async def code_text_number(x: Exchange) -> None:
    """The envelope's code is a whole number as text, beside good data."""
    await x.reply(replace(x.answer, code=str(x.answer.code)))


@fault
async def code_text_403(x: Exchange) -> None:
    """Envelope code 403, as text."""
    await x.reply(refusal("403", "no access"))


@fault
async def null_data(x: Exchange) -> None:
    """Success, with null for data."""
    await x.reply(replace(x.answer, data=None))


@fault
async def empty_data(x: Exchange) -> None:
    """Success, with {} for data."""
    await x.reply(replace(x.answer, data={}))


@fault
async def list_data(x: Exchange) -> None:
    """Success, with the data inside a list."""
    await x.reply(replace(x.answer, data=[x.answer.data]))
