"""`python -m exporter.simulator` as a process."""

import signal

import pytest

from tests.helpers import bare_http
from tests.helpers.processes import cloud_process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_a_signal_and_says_no_more_than_where(number: signal.Signals) -> None:
    with cloud_process("exporter.simulator", "--site") as (running, origin):
        good = bare_http.parse(bare_http.exchange(origin, bare_http.target("hps/data-last", deviceSn="TND0D20233")))
        assert good.json["code"] == 0
        running.send_signal(number)
        assert running.communicate(timeout=30) == ("", "")
        assert running.returncode == 0


def test_options() -> None:
    options = ["--devices", "pbd:A1,pcs:B2", "--start", "2026-05-05T12:00:00", "--timezone", "Europe/Berlin"]
    with cloud_process("exporter.simulator", *options, "--token", "secret", "--upload-interval", "10", "--speed", "0") as (
        _,
        origin,
    ):
        target = bare_http.target("pbd/data-last", deviceSn="A1")
        assert bare_http.parse(bare_http.exchange(origin, target)).json["code"] == 403
        data = bare_http.parse(bare_http.exchange(origin, target, {"Authorization": "secret"})).data
        assert "2026-05-05 11:59:50" < data["time"] <= "2026-05-05 12:00:00"
        other = bare_http.target("pcs/data-last", deviceSn="B2")
        assert bare_http.parse(bare_http.exchange(origin, other, {"Authorization": "secret"})).data["deviceSn"] == "B2"


def test_fleet() -> None:
    with cloud_process("exporter.simulator", "--fleet", "30", "--seed", "5") as (_, origin):
        page = bare_http.parse(bare_http.exchange(origin, "/")).body.decode()
        assert page.count(", logger DLD") == 30
