"""`init`: two commands from a token to numbers, and never over a file that is there."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.commands import init
from exporter.config.load import load
from tests.helpers.account import KOLKATA, Account, account
from tests.helpers.other_cloud import OTHER, Truth
from tests.helpers.processes import TOKEN, eventually, running, simulated_cloud

NO_ENVIRONMENT: dict[str, str] = {}


@pytest.fixture
def usual(tmp_path: Path) -> Iterator[Account]:
    with account(tmp_path, Truth()) as found:
        found.path.unlink()
        yield found


class Script:
    """Somebody at a terminal who has these answers ready."""

    def __init__(self, secret: str, *lines: str) -> None:
        self.secret = secret
        self.lines = list(lines)
        self.asked: list[str] = []

    @property
    def terminal(self) -> init.Terminal:
        return init.Terminal(self._line, self._secret)

    def _line(self, prompt: str) -> str:
        self.asked.append(prompt)
        return self.lines.pop(0)

    def _secret(self, prompt: str) -> str:
        self.asked.append(prompt)
        return self.secret


def run(found: Account, script: Script | None, options: init.InitOptions | None = None) -> int:
    options = replace(options or init.InitOptions(), base_url=found.url)
    return init.make_config(found.path, options, script.terminal if script else None, NO_ENVIRONMENT, found.clock)


def test_a_token_and_a_data_logger_are_enough(usual: Account, capsys: pytest.CaptureFixture[str]) -> None:
    script = Script(TOKEN, "L1", "")
    assert run(usual, script) == 0
    assert len(script.asked) == 3
    kept = usual.path.parent / init.TOKEN_FILE
    assert kept.read_text() == TOKEN + "\n"
    assert kept.stat().st_mode & 0o777 == 0o600
    config = load(usual.path, NO_ENVIRONMENT)
    assert config.token.reveal() == TOKEN
    assert config.discovery is not None
    assert config.discovery.datalog_sns == ["L1"]
    assert config.api.timezone == "Etc/GMT-7"
    text = usual.path.read_text()
    assert "# pbd: P1, P2, P9" in text
    assert TOKEN not in text
    output = capsys.readouterr().out
    assert TOKEN not in output
    assert f"Start the exporter: atess-exporter --config.file {usual.path}" in output


def test_the_type_of_a_serial_number_is_found(usual: Account) -> None:
    script = Script(TOKEN, "", "P1, C1, hps_central:H1", "Asia/Bangkok")
    assert run(usual, script) == 0
    config = load(usual.path, NO_ENVIRONMENT)
    assert {(device.type, device.sn) for device in config.devices} == {("pbd", "P1"), ("pcs", "C1"), ("hps_central", "H1")}
    assert config.api.timezone == "Asia/Bangkok"
    assert {method for method, _, _ in usual.api.requests} == {"GET"}


def test_what_cannot_be_found_is_told_and_written_all_the_same(usual: Account, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(usual, Script(TOKEN, "", "P1, X9", "")) == 1
    assert "X9: HTTP 200, code 400" in capsys.readouterr().out
    assert {device.sn for device in load(usual.path, NO_ENVIRONMENT).devices} == {"P1", "X9"}


def test_without_a_terminal_every_answer_is_a_flag(usual: Account, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(TOKEN)
    options = init.InitOptions(secret, ["L2"], [], "Asia/Bangkok")
    assert run(usual, None, options) == 0
    config = load(usual.path, NO_ENVIRONMENT)
    assert config.token.reveal() == TOKEN
    assert str(config.api.token_file) == "secret"
    assert not (tmp_path / init.TOKEN_FILE).exists()


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        (init.InitOptions(), "give --token-file, or ATESS_API_TOKEN"),
        (init.InitOptions(token_file=Path("secret")), "give --datalog-sn or --devices"),
    ],
)
def test_a_flag_that_is_missing_is_named(
    usual: Account, options: init.InitOptions, missing: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(usual.path.parent)
    Path("secret").write_text(TOKEN)
    assert run(usual, None, options) == 2
    assert missing in capsys.readouterr().err
    assert not usual.path.exists()


def test_a_token_that_is_refused_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with account(tmp_path, Truth(refused=True)) as found:
        found.path.unlink()
        assert run(found, Script("Basic wrong-one", "L1", "")) == 1
        assert list(tmp_path.iterdir()) == []
        captured = capsys.readouterr()
        assert "What to do first: Compare the token" in captured.out
        assert "nothing was written" in captured.err
        assert "wrong-one" not in captured.out + captured.err


@pytest.mark.parametrize("there", ["config.yaml", init.TOKEN_FILE])
def test_no_file_is_overwritten(usual: Account, there: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = usual.path.parent / there
    file.write_text("mine")
    assert run(usual, Script(TOKEN, "L1", "")) == 1
    assert file.read_text() == "mine"
    assert "exists already" in capsys.readouterr().err
    assert [entry.name for entry in usual.path.parent.iterdir()] == [there]
    assert usual.api.requests == []


@pytest.mark.parametrize("lines", [("", ""), (" , ", " ,, "), ("", "toaster:T1"), ("", "pbd:")])
def test_answers_that_cannot_be(usual: Account, lines: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(usual, Script(TOKEN, *lines)) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not usual.path.exists()


def test_a_zone_that_there_is_not(usual: Account, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = tmp_path / "secret"
    secret.write_text(TOKEN)
    assert run(usual, None, init.InitOptions(secret, ["L1"], [], "Mars/Olympus")) == 1
    assert "expected a time zone's name" in capsys.readouterr().err
    assert run(usual, Script(TOKEN, "L1", "Mars/Olympus")) == 0
    assert load(usual.path, NO_ENVIRONMENT).api.timezone == "Etc/GMT-7"


def test_serial_numbers_stay_as_they_are_typed(tmp_path: Path) -> None:
    from exporter.simulator import SimDevice

    odd = ["0123", "1e5", "NO", "a #b"]
    with account(tmp_path, Truth(), devices=[SimDevice("pbd", sn, "0777") for sn in odd]) as found:
        found.path.unlink()
        assert run(found, Script(TOKEN, "", ",".join(odd), "")) == 0
        assert [device.sn for device in load(found.path, NO_ENVIRONMENT).devices] == odd
        found.path.unlink()
        (tmp_path / init.TOKEN_FILE).unlink()
        assert run(found, Script(TOKEN, "0777", "")) == 0
        discovery = load(found.path, NO_ENVIRONMENT).discovery
        assert discovery is not None
        assert discovery.datalog_sns == ["0777"]


def test_a_zone_that_is_not_sure_is_not_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with account(tmp_path, OTHER, KOLKATA) as found:
        found.path.unlink()
        assert run(found, Script(TOKEN, "L2", "")) == 0
        assert load(found.path, NO_ENVIRONMENT).api.timezone is None
        assert "UTC+05:30 or UTC+05:45 fits 3 devices of 3" in capsys.readouterr().out


def test_two_commands_from_a_token_to_numbers(tmp_path: Path) -> None:
    with simulated_cloud("--site") as cloud:
        environment = {**os.environ, "ATESS_API_TOKEN": TOKEN}
        command = [sys.executable, "-m", "exporter", "init", "--devices", "pbd:UMD0D23202", "--base-url", cloud.url]
        result = subprocess.run(
            command,
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": os.getcwd()},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        daemon = [
            sys.executable,
            "-m",
            "exporter",
            "--config.file",
            str(tmp_path / "config.yaml"),
            "--web.listen-address",
            "127.0.0.1:0",
        ]
        with running(daemon, environment) as process:
            url = process.wait_for(r"address=(https?://\S+)")[1]
            import requests

            assert eventually(
                lambda: re.search(r"^atess_ppv\{.*UMD0D23202", requests.get(f"{url}/metrics", timeout=10).text, re.M)
            )
