"""`python -m tests.helpers.faulty_cloud` as a process."""

import signal

import pytest

from tests.helpers import bare_http
from tests.helpers.processes import cloud_process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_a_signal_and_says_no_more_than_where(number: signal.Signals) -> None:
    with cloud_process("tests.helpers.faulty_cloud", "--site", "--api-fault", "pbd:UMD0D23202=timeout") as (running, origin):
        good = bare_http.parse(bare_http.exchange(origin, bare_http.target("hps/data-last", deviceSn="TND0D20233")))
        assert good.json["code"] == 0
        with bare_http.dial(origin) as stalled:
            stalled.sendall(bare_http.request_bytes(bare_http.target("pbd/data-last", deviceSn="UMD0D23202"), {}))
            running.send_signal(number)
            assert running.communicate(timeout=30) == ("", "")
        assert running.returncode == 0


def test_takes_the_flags_of_the_simulator() -> None:
    with cloud_process(
        "tests.helpers.faulty_cloud", "--devices", "pbd:A1,pcs:B2", "--token", "secret", "--api-fault", "pcs:B2=http_503"
    ) as (_, origin):
        devices = bare_http.parse(bare_http.exchange(origin, "/_simulator/devices")).json
        assert [(device["type"], device["sn"]) for device in devices] == [("pbd", "A1"), ("pcs", "B2")]
        assert bare_http.parse(bare_http.exchange(origin, bare_http.target("pbd/data-last", deviceSn="A1"))).json["code"] == 403
        assert bare_http.parse(bare_http.exchange(origin, bare_http.target("pcs/data-last", deviceSn="B2"))).status == 503


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--devices", "toaster:1"],
        ["--site", "--api-fault", "pbd:UMD0D23202=nonsense"],
        ["--site", "--api-fault", "pbd:UMD0D23202"],
    ],
)
def test_mistakes_end_with_exit_2_and_no_traceback(options: list[str]) -> None:
    from tests.helpers.faulty_cloud.__main__ import main

    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    with pytest.raises(SystemExit) as ended:
        main(options)
    assert ended.value.code == 2
    # or whatever the caller starts afterwards would be deaf to SIGTERM
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
