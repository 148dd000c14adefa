import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from exporter import logs

SECRET = "Basic bWFkZTp1cA=="


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
    logs.configure("info", "logfmt", lambda: None)
    structlog.get_logger().info("device is up", device_sn="A B", duration=0.5, type="pbd", nothing=None)
    structlog.get_logger().debug("not at this level")
    (line,) = stderr.getvalue().splitlines()
    assert line.startswith("ts=20")
    assert line.endswith('level=info msg="device is up" device_sn="A B" duration=0.5 type=pbd nothing=')


def test_json_has_the_same_keys(stderr: Output) -> None:
    logs.configure("debug", "json", lambda: None)
    structlog.get_logger().warning("x", device_sn="A", n=1)
    line = json.loads(stderr.getvalue())
    assert line.pop("ts")
    assert line == {"level": "warning", "msg": "x", "device_sn": "A", "n": 1}


@pytest.mark.parametrize("form", logs.FORMATS)
@pytest.mark.parametrize("text", ["two\nlines", "level=error msg=forged", "\x1b[31m", "\u202e", "\ud800", '"', "\r\n"])
def test_no_text_can_break_a_line_or_forge_another(stderr: Output, form: str, text: str) -> None:
    logs.configure("info", form, lambda: None)
    structlog.get_logger().info("x", error=text, other=[text])
    assert len(stderr.getvalue().splitlines()) == 1
    assert "\x1b" not in stderr.getvalue()
    assert "\u202e" not in stderr.getvalue()
    assert not stderr.getvalue().startswith("level=error")
    stderr.getvalue().encode()


@pytest.mark.parametrize("form", logs.FORMATS)
def test_the_secret_is_never_among_them(stderr: Output, form: str) -> None:
    logs.configure("debug", form, lambda: SECRET)

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
    logs.configure("info", "logfmt", lambda: None)
    logging.getLogger("uvicorn.error").info("chatter")
    logging.getLogger("uvicorn.error").warning("trouble %d", 5)
    (line,) = stderr.getvalue().splitlines()
    assert line.endswith('level=warning msg="trouble 5"')


def test_a_full_disk_costs_the_line_and_not_the_program(monkeypatch: pytest.MonkeyPatch, stderr: Output) -> None:
    class Full(io.StringIO):
        def write(self, text: Any) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stderr", Full())
    logs.configure("info", "logfmt", lambda: None)
    structlog.get_logger().info("x")
