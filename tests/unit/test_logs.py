import asyncio
import io
import json
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from exporter import logs
from exporter.config.token import Token
from exporter.logs import LogOnce

SECRET = "Basic bWFkZTp1cA=="


#: What a device's name or a message of the cloud may hold: markup, quotes, line ends of all kinds, what steers a terminal or
#: turns the direction of writing, and what is harmless.
HOSTILE = [
    "two\nlines",
    "\r\n",
    "a\u2028b\u2029c\x85d\x0b\x0c",
    "level=error msg=forged",
    'a" level=error msg="forged',
    'a\\" level=error msg="forged',
    "a\tlevel",
    "\\",
    '"',
    "<script>alert(1)</script>",
    "\x1b[31m\x1b]0;title\x07",
    "\x9b31m",
    "\u202e\u2066\u200f\u061c",
    "\ud800",
    "\x00\x7f",
    "\ufeff\U000e0041",
    "🔋 ละติจูด",
]


class Output:
    """What was written to standard error."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self._text = ""

    def getvalue(self) -> str:
        self._text += self._capsys.readouterr().err
        return self._text


@pytest.fixture
def stderr(capsys: pytest.CaptureFixture[str]) -> Iterator[Output]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield Output(capsys)
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    structlog.reset_defaults()


def test_logfmt_is_one_line_an_event(stderr: Output) -> None:
    logs.configure("info", "logfmt", str)
    structlog.get_logger().info("device is up", device_sn="A B", duration=0.5, type="pbd", nothing=None)
    structlog.get_logger().debug("not at this level")
    (line,) = stderr.getvalue().splitlines()
    assert line.startswith("ts=20")
    assert line.endswith('level=info msg="device is up" device_sn="A B" duration=0.5 type=pbd nothing=')


def test_json_has_the_same_keys(stderr: Output) -> None:
    logs.configure("debug", "json", str)
    structlog.get_logger().warning("x", device_sn="A", n=1)
    line = json.loads(stderr.getvalue())
    assert line.pop("ts")
    assert line == {"level": "warning", "msg": "x", "device_sn": "A", "n": 1}


@pytest.mark.parametrize("form", logs.FORMATS)
@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_can_break_a_line_or_forge_another(stderr: Output, form: str, text: str) -> None:
    logs.configure("info", form, str)
    structlog.get_logger().info(text, error=text, other=[text], path=Path(text), cause=ValueError(text))
    line = stderr.getvalue().removesuffix("\n")
    assert len(line.splitlines()) == 1
    assert line.isprintable()
    line.encode()
    assert parsed(line, form).keys() == {"ts", "level", "msg", "error", "other", "path", "cause"}
    assert parsed(line, form)["level"] == "info"


@pytest.mark.parametrize("form", logs.FORMATS)
def test_what_is_harmless_can_be_read_as_it_is(stderr: Output, form: str) -> None:
    logs.configure("info", form, str)
    text = 'say "🔋" <b>\\o/</b> a=b'
    structlog.get_logger().info("x", error=text)
    assert parsed(stderr.getvalue(), form)["error"] == text


def parsed(line: str, form: str) -> dict[str, str]:
    """The keys and values of a line, as a program reads them."""
    if form == "json":
        return dict(json.loads(line))
    found = {}
    rest = line.strip()
    while rest:
        match = re.match(r'([a-z_]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)(?:\s+|$)', rest)
        assert match, f"not logfmt: {rest}"
        value = match[2]
        found[match[1]] = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        rest = rest[match.end() :]
    return found


def test_loops_that_are_not_ours_do_not_chatter(stderr: Output) -> None:
    logs.configure("debug", "logfmt", str)
    asyncio.run(asyncio.sleep(0))
    assert stderr.getvalue() == ""


def test_an_error_in_a_callback_of_asyncio_is_one_line(stderr: Output) -> None:
    logs.configure("info", "logfmt", Token(value=SECRET).hide_in)

    async def fail() -> None:
        asyncio.get_running_loop().call_soon(int, SECRET)
        await asyncio.sleep(0)

    asyncio.run(fail())
    (line,) = stderr.getvalue().splitlines()
    assert parsed(line, "logfmt")["level"] == "error"
    assert "invalid literal for int()" in line
    assert "bWFkZTp1cA" not in line


@pytest.mark.parametrize("form", logs.FORMATS)
def test_the_secret_is_never_among_them(stderr: Output, form: str) -> None:
    logs.configure("debug", form, Token(value=SECRET).hide_in)

    def log_everything() -> None:
        logger = structlog.get_logger()
        logger.info(f"message with {SECRET}", error=f"failed: {SECRET!r}", nested={"Authorization": SECRET}, other=[SECRET])
        try:
            raise ValueError(SECRET)
        except ValueError:
            logger.exception("it raised")
        logging.getLogger("urllib3").error("header %s", SECRET)
        logging.getLogger("uvicorn.error").error("half of it: %s", SECRET.split()[1])

    log_everything()
    assert "bWFkZTp1cA" not in stderr.getvalue()
    assert stderr.getvalue().count("<redacted>") >= 7
    assert "ValueError: <redacted>" in stderr.getvalue()
    assert "Traceback" not in stderr.getvalue()


def test_logs_of_others_take_the_same_form(stderr: Output) -> None:
    logs.configure("info", "logfmt", str)
    logging.getLogger("uvicorn.error").info("chatter")
    logging.getLogger("uvicorn.error").warning("trouble %d", 5)
    (line,) = stderr.getvalue().splitlines()
    assert line.endswith('level=warning msg="trouble 5"')


def test_a_full_disk_costs_the_line_and_not_the_program(monkeypatch: pytest.MonkeyPatch, stderr: Output) -> None:
    class Full(io.StringIO):
        def write(self, text: Any) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Full())
    logs.configure("info", "logfmt", str)
    structlog.get_logger().info("x")


def test_a_reason_is_new_once_and_again_when_it_changes() -> None:
    once = LogOnce()
    assert [once.is_new("list", reason) for reason in ("timeout", "timeout", "connection", "connection", "timeout")] == [
        True,
        False,
        True,
        False,
        True,
    ]


def test_subjects_are_apart() -> None:
    once = LogOnce()
    assert once.is_new("a", "timeout")
    assert once.is_new("b", "timeout")


def test_what_is_over_is_new_when_it_comes_back() -> None:
    once = LogOnce()
    once.is_new("list", "timeout")
    assert once.over("list")
    assert not once.over("list")
    assert once.is_new("list", "timeout")
