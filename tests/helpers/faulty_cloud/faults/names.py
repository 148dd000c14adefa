"""Faults of the field names in a reading: too many, never the same, colliding, or hardly names at all."""

import itertools
import secrets
from dataclasses import replace
from functools import lru_cache

from exporter.simulator.answer import Reading
from tests.helpers.faulty_cloud.exchange import Exchange
from tests.helpers.faulty_cloud.faults.distort import distort, extra, planted
from tests.helpers.faulty_cloud.faults.registry import fault

_fresh = itertools.count(1)


@fault
async def many_fields(x: Exchange) -> None:
    """200,000 numeric fields."""
    await x.send(planted(x.answer, _many()))


@lru_cache(maxsize=1)
def _many() -> bytes:
    return b"0" + b"".join(b',"extra%d":%d' % (number, number) for number in range(1, 200_000))


@fault
async def too_many_fields(x: Exchange) -> None:
    """513 more numeric fields than a normal reading has."""
    await x.reply(distort(x.answer, extra({f"more{number}": number for number in range(513)})))


@fault
async def fresh_fields(x: Exchange) -> None:
    """Every answer has 100 new field names that never come again."""
    fields: Reading = {f"fresh{next(_fresh)}x{secrets.token_hex(4)}": 1 for _ in range(100)}
    await x.reply(distort(x.answer, extra(fields)))


@fault
async def odd_names(x: Exchange) -> None:
    """Extra numeric fields with names that no metric could have: empty, quoted, very long, reserved."""
    names = (
        "deviceSn2",
        "__name__",
        "le",
        "",
        "a b",
        "a-b",
        "ünïcode",
        'quote"back\\slash',
        "line\nbreak",
        "x" * 5000,
    )
    await x.reply(distort(x.answer, extra({name: number for number, name in enumerate(names)})))


@fault
async def colliding_names(x: Exchange) -> None:
    """Extra numeric fields that collide with each other in snake_case, or with the exporter's own metrics."""
    await x.reply(distort(x.answer, extra({"foo_bar": 1, "fooBar": 2, "deviceUp": 7, "exporterDevices": 8})))


@fault
async def surrogates(x: Exchange) -> None:
    """Lone surrogates, escaped, in a field name, a text value and the message."""
    answer = distort(x.answer, extra({"ppv\ud800": 1, "note": "half \udc00"}))
    await x.reply(replace(answer, msg="operate \ud83d successfully"))
