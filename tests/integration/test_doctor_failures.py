"""Each way in which a first contact fails ends with one plain sentence on what to do."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.doctor.check import Check, Outcome
from tests.helpers.account import Account, account
from tests.helpers.fixtures import Certificates
from tests.helpers.other_cloud import Truth
from tests.helpers.processes import nobody_listens
from tests.helpers.site import DEVICES
from tests.helpers.tls_server import tls_server


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "requests_ca_bundle", "curl_ca_bundle", "ssl_cert_file"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def usual(tmp_path: Path) -> Iterator[Account]:
    with account(tmp_path, Truth()) as found:
        yield found


def only_failure(found: Account, **options: object) -> Check:
    """The one check that failed, whose remedy is one sentence; the command says the same last."""
    checks = found.look(**options)[1]
    failed = [check for check in checks if check.outcome is Outcome.FAIL]
    assert len(failed) >= 1, checks
    assert failed[0].remedy.endswith(".")
    assert "\n" not in failed[0].remedy
    return failed[0]


def test_a_wrong_token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with account(tmp_path, Truth(refused=True)) as found:
        check = only_failure(found)
        assert check.name == "token"
        assert (
            f"Compare the token in api.token of {tmp_path / 'config.yaml'} with the one that the vendor gave you" in check.remedy
        )
        # three are enough to know
        assert len(found.api.requests) == 3
        assert found.command() == 1
        assert capsys.readouterr().out.rstrip().endswith(f"What to do first: {check.remedy}")


def test_a_dead_name(usual: Account) -> None:
    usual.configure(api={"base_url": "http://nowhere.invalid/api/v1"})
    check = only_failure(usual)
    assert check.name == "connection"
    assert check.remedy == "Check the host in api.base_url and this machine's DNS: its name does not resolve."


def test_nobody_listens(usual: Account) -> None:
    with nobody_listens() as address:
        usual.configure(api={"base_url": f"http://{address}/api/v1"})
        assert "nobody listens there" in only_failure(usual).remedy


@contextmanager
def refusing_proxy(status: str) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@pytest.mark.parametrize(
    ("status", "remedy"),
    [("403 Forbidden", "let this machine reach the cloud"), ("407 Proxy Authentication Required", "user name and a password")],
)
def test_a_proxy_that_refuses(usual: Account, monkeypatch: pytest.MonkeyPatch, status: str, remedy: str) -> None:
    usual.configure(api={"base_url": "https://cloud.invalid/api/v1"})
    with refusing_proxy(status) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        check = only_failure(usual)
    assert check.name == "connection"
    assert "HTTPS_PROXY" in check.seen
    assert remedy in check.remedy
    assert "HTTPS_PROXY" in check.remedy


def test_an_expired_certificate(usual: Account, certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, key, authority = certificates("localhost", -1)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with tls_server(chain, key) as port:
        usual.configure(api={"base_url": f"https://localhost:{port}/api/v1"})
        check = only_failure(usual)
    assert check.name == "connection"
    assert "certificate has run out" in check.remedy


def test_a_certificate_that_soon_expires(usual: Account, certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, key, authority = certificates("localhost", 5)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with tls_server(chain, key) as port:
        usual.configure(api={"base_url": f"https://localhost:{port}/api/v1"})
        seen, checks = usual.look()
    assert seen.wire.certificate is not None
    assert next(check for check in checks if check.name == "tls").seen.startswith("TLSv1.")


@pytest.mark.parametrize(("drift", "words"), [(3600.0, "60 min behind"), (-3600.0, "60 min ahead of")])
def test_a_clock_that_is_an_hour_off(tmp_path: Path, drift: float, words: str) -> None:
    with account(tmp_path, Truth(drift=drift)) as found:
        check = only_failure(found, quick=True)
        assert check.name == "clock"
        assert words in check.seen
        assert "Set this machine's clock" in check.remedy
        # nothing is concluded from a clock that may be wrong
        assert found.checks(quick=True)["timezone"].outcome is Outcome.SKIP


def test_an_empty_account(tmp_path: Path) -> None:
    with account(tmp_path, Truth(), devices=[DEVICES[-1]]) as found:
        found.configure(devices={}, discovery={"datalog_sns": ["L9"]})
        check = only_failure(found)
        assert check.name == "account"
        assert "Check the data loggers' serial numbers" in check.remedy
        found.configure(devices={"pbd": ["X1", "X2"]}, discovery=None)
        check = only_failure(found)
        assert "none of 2 devices is known to the cloud" in check.seen


def test_a_config_that_is_missing_or_wrong(usual: Account, capsys: pytest.CaptureFixture[str]) -> None:
    usual.path.write_text("api: {timezone: Mars}\n")
    assert usual.command() == 1
    assert "expected a time zone's name" in capsys.readouterr().out
    usual.path.unlink()
    assert usual.command() == 1
    assert "What to do first: Run `atess-exporter init` to make one" in capsys.readouterr().out
    assert usual.api.requests == []


def test_the_limit_is_not_looked_for(tmp_path: Path) -> None:
    """The second answer that asks for fewer requests is the last one."""
    with account(tmp_path, replace(Truth(), throttled_after=5)) as found:
        seen, checks = found.look()
        # each was paused for a minute after the first
        assert len(found.api.requests) == 7
        assert seen.wire.throttled == 2
        by_name = {check.name: check for check in checks}
        assert by_name["rate"].outcome is Outcome.WARN
        assert "Lower api.requests_per_minute" in by_name["rate"].remedy


def test_an_unknown_type_among_the_devices(usual: Account, capsys: pytest.CaptureFixture[str]) -> None:
    assert usual.command(devices=[("toaster", "T1")]) == 1
    assert "unknown type; expected one of bcu" in capsys.readouterr().out


def test_devices_and_data_loggers_of_the_command_line(usual: Account) -> None:
    usual.configure(devices={}, discovery=None)
    checks = usual.checks(datalog_sns=["L2"], quick=True)
    assert {name.split()[1] for name in checks if name.startswith("reading ")} == {"hps_string", "bcu", "mbms"}
    seen, _ = usual.look(devices=[("pbd", "p1")], quick=True)
    assert [device.sn for device in seen.devices] == ["p1"]


@pytest.mark.parametrize("path", ["/api/v2", "/nothing"])
def test_a_base_url_that_is_not_the_apis(usual: Account, path: str) -> None:
    usual.configure(api={"base_url": usual.url.replace("/api/v1", path)})
    check = only_failure(usual)
    assert check.name == "account"
    assert check.remedy == "Check api.base_url: what answers there has none of the API's paths."


def test_a_token_that_is_refused_for_the_first_devices(tmp_path: Path) -> None:
    """Three that are refused are of three types, and it is said that others were not asked."""
    with account(tmp_path, Truth(forbidden=frozenset({"P1", "C1", "H1"}))) as found:
        found.configure(discovery=None)
        check = only_failure(found)
        assert check.name == "token"
        assert "3 of 8 devices" in check.seen
        assert {path.split("/")[0] for _, path, _ in found.api.requests} == {"pbd", "pcs", "hps"}
