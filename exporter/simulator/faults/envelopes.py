"""Faults of the envelope: failure codes, and data of the wrong kind."""

from dataclasses import replace

from exporter.simulator.answer import refusal
from exporter.simulator.exchange import Exchange
from exporter.simulator.faults.registry import fault


@fault
async def code_500(x: Exchange, *, msg: str = "fail") -> None:
    """Envelope code 500: fail, or what else `msg` says."""
    await x.reply(refusal(500, msg))


@fault
async def code_400(x: Exchange) -> None:
    """Envelope code 400: not found."""
    await x.reply(refusal(400, "not found"))


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
