"""Faults of the values in a reading: well-formed answers (or nearly) that hold what no meter measures."""

import math

from exporter.simulator.answer import JSON, Reading
from tests.helpers.faulty_cloud.exchange import Exchange
from tests.helpers.faulty_cloud.faults.distort import distort, each_number, extra, some_numbers
from tests.helpers.faulty_cloud.faults.registry import fault


@fault
async def all_null(x: Exchange) -> None:
    """Every numeric field is null, booleans included."""
    await x.reply(distort(x.answer, _without_numbers))


def _without_numbers(reading: Reading) -> Reading:
    return {name: value if isinstance(value, str) else None for name, value in reading.items()}


@fault
async def nan(x: Exchange) -> None:
    """Some fields are the literals NaN, Infinity and -Infinity."""
    await x.reply(distort(x.answer, some_numbers(math.nan, math.inf, -math.inf, math.nan)))


@fault
async def overflow_float(x: Exchange) -> None:
    """Some fields are 1e999, beyond any float."""
    answer = distort(x.answer, some_numbers(math.inf, math.inf, -math.inf))
    await x.reply(answer, answer.body().replace(b"Infinity", b"1e999"))


@fault
async def huge_integers(x: Exchange) -> None:
    """Some fields are integers of 400 digits."""
    await x.reply(distort(x.answer, some_numbers(10**399, 7 * 10**399 + 1, -(10**399))))


@fault
async def text_numbers(x: Exchange) -> None:
    """All numbers come as JSON strings."""
    await x.reply(distort(x.answer, each_number(repr)))


@fault
async def text_values(x: Exchange) -> None:
    """All fields hold words, also those that are true or false in health."""
    await x.reply(distort(x.answer, _words))


def _words(reading: Reading) -> Reading:
    return {name: "normal" if isinstance(value, int | float) else value for name, value in reading.items()}


@fault
async def wrong_device(x: Exchange) -> None:
    """The data carry the serial number of another device."""
    await x.reply(distort(x.answer, _of_another))


def _of_another(reading: Reading) -> Reading:
    sn = reading.get("deviceSn")
    # settings carry none in health
    other = sn[:-1] + ("0" if sn[-1] != "0" else "1") if isinstance(sn, str) else "ANOTHER"
    return reading | {"deviceSn": other}


@fault
async def clock_frozen(x: Exchange) -> None:
    """The data stay as they were when the fault was set, with their old time."""
    await x.reply(x.ask(x.since))


@fault
async def no_time(x: Exchange) -> None:
    """The data have no time."""
    await x.reply(distort(x.answer, lambda reading: {name: value for name, value in reading.items() if name != "time"}))


@fault
async def bad_time(x: Exchange) -> None:
    """The time is "soon"."""
    await x.reply(distort(x.answer, lambda reading: reading | {"time": "soon"}))


@fault
async def zero_time(x: Exchange) -> None:
    """The time is always "0000-00-00 00:00:00"."""
    await x.reply(distort(x.answer, lambda reading: reading | {"time": "0000-00-00 00:00:00"}))


@fault
async def number_time(x: Exchange) -> None:
    """The time is a number, always the same."""
    await x.reply(distort(x.answer, lambda reading: reading | {"time": 1764360000}))


@fault
async def object_time(x: Exchange) -> None:
    """The time is an object."""
    await x.reply(distort(x.answer, lambda reading: reading | {"time": {"date": reading.get("time")}}))


@fault
async def unset_clock(x: Exchange) -> None:
    """The clock was never set: the time is of the year 2000."""
    await x.reply(distort(x.answer, lambda reading: reading | {"time": f"2000{str(reading.get('time'))[4:]}"}))


@fault
async def iso_time(x: Exchange) -> None:
    """The time has a T and a fraction of a second."""
    await x.reply(distort(x.answer, _with_iso_time))


def _with_iso_time(reading: Reading) -> Reading:
    return reading | {"time": f"{str(reading.get('time')).replace(' ', 'T')}.0"}


@fault
async def hex_codes(x: Exchange) -> None:
    """Codes come as hexadecimal text, some of which looks like a number."""
    await x.reply(distort(x.answer, _with_hex_codes))


def _with_hex_codes(reading: Reading) -> Reading:
    codes = [name for name in reading if name.endswith(("Status", "status", "Model"))]
    texts = ("12E4", "00E4", "1685E6", "1A2B")
    return reading | {name: texts[number % len(texts)] for number, name in enumerate([*codes, "alarmCode9"])}


@fault
async def text_identities(x: Exchange) -> None:
    """More serial numbers and ids come, as text of digits and as numbers."""
    await x.reply(distort(x.answer, extra({"loggerSn": "123456789012", "plantId": "100200300400", "stationId": 100200300400})))


@fault
async def some_words(x: Exchange) -> None:
    """Some fields hold words, one a script, and one has a name and a text without end."""
    words = some_numbers("idle", "--", "<script>window.harm=1</script>", "a\tb\x00c")
    await x.reply(distort(distort(x.answer, words), extra({"w" * 1000: "x" * 5000})))


@fault
async def other_spelling(x: Exchange) -> None:
    """The serial number comes in small letters and with space around it."""
    await x.reply(distort(x.answer, _respelled))


def _respelled(reading: Reading) -> Reading:
    sn = reading.get("deviceSn")
    return reading | {"deviceSn": f" {sn.lower()} "} if isinstance(sn, str) else reading


@fault
async def odd_lost(x: Exchange, *, true: JSON = 1, false: JSON = "false") -> None:
    """In a list, lost is `true` (default 1) or `false` (default the text "false") instead of a boolean."""
    answer = x.answer
    if isinstance(answer.data, list):
        answer = distort(answer, lambda entry: entry | {"lost": true if entry.get("lost") else false})
    await x.reply(answer)
