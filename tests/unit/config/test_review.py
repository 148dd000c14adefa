from pathlib import Path

import pytest

from exporter.commands import check
from exporter.config.load import load
from exporter.config.sharding import Shard

ENVIRONMENT = {"ATESS_API_TOKEN": "made-up-token"}
ZONE = "api: {timezone: Asia/Bangkok}\n"


def warnings(folder: Path, text: str, environment: dict[str, str] | None = None) -> list[str]:
    path = folder / "config.yaml"
    path.write_text(text)
    found = load(path, ENVIRONMENT if environment is None else environment).warnings
    return [warning.replace(f"{folder}/", "") for warning in found]


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("deviceSn:UMD1", "begins with a key; put a space after the colon, or give the serial number alone"),
        ("sn=UMD1", "begins with a key; put a space after the colon, or give the serial number alone"),
        ("UMD1, UMD2", "looks like several serial numbers; give each a line of its own"),
        ("UMD1;UMD2", "looks like several serial numbers; give each a line of its own"),
        ("UMD1\n      -UMD2", "looks like several lines that became one; indent their dashes alike, with a space after each"),
        ("UMD1 UMD2", "has a space in it; give each serial number a line of its own"),
        ("UMD1:3", "has a colon in it, which is hardly part of it"),
        ("UMD1'", "has a quote in it, which is hardly part of it"),
        ('UMD"1', "has a quote in it, which is hardly part of it"),
    ],
)
def test_a_serial_number_that_is_hardly_one(tmp_path: Path, entry: str, told: str) -> None:
    (found,) = warnings(tmp_path, f"{ZONE}devices:\n  pbd:\n    - {entry}\n")
    sn = " ".join(entry.split())
    assert found == f"config.yaml:4: deviceSn {sn!r} {told}"
    if "\n" not in entry:
        text = f"{ZONE}devices: {{pbd: [A]}}\ndiscovery:\n  datalog_sns:\n    - {entry}\n"
        assert warnings(tmp_path, text) == [f"config.yaml:5: dataLogSn {sn!r} {told}"]


@pytest.mark.parametrize("entry", ["UMD0D23202", "0123", "1e5", "NO", "abc_def.4-5", "ÄÖ1"])
def test_other_serial_numbers_are_taken_without_a_word(tmp_path: Path, entry: str) -> None:
    assert warnings(tmp_path, f"{ZONE}devices:\n  pbd:\n    - {entry}\n") == []


def test_a_device_of_two_types(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text("pcs:\n  - umd1\n")
    text = f"{ZONE}devices:\n  pbd: [UMD1]\ndevice_files: [m*.yaml]\n"
    assert warnings(tmp_path, text) == [
        "more.yaml:2: deviceSn 'umd1' is listed under pcs, and under pbd too (at config.yaml:3)",
    ]


def test_a_pattern_that_matches_nothing_and_a_zone_that_is_not_set(tmp_path: Path) -> None:
    assert warnings(tmp_path, "devices: {pbd: [A]}\ndevice_files: ['d/*.yaml']\n") == [
        "config.yaml:2: device_files[0]: matches no file: d/*.yaml",
        "config.yaml:1: api.timezone: not set, so how old the data are is not known; name the zone of the devices' clocks, "
        "such as Asia/Bangkok",
    ]


@pytest.mark.parametrize(
    ("token", "told"),
    [
        ("Basic", "is the word before a token alone; give both, with a space between"),
        ("Authorization: Basic c2VzYW1l", "begins with the name of the header; give only what comes after it"),
    ],
)
def test_a_token_that_is_hardly_one(tmp_path: Path, token: str, told: str) -> None:
    devices = "devices: {pbd: [A]}\n"
    file = tmp_path / "secret"
    file.write_text(token)
    assert warnings(tmp_path, ZONE + devices, {"ATESS_API_TOKEN": token}) == [f"ATESS_API_TOKEN {told}"]
    written = f"api: {{timezone: Asia/Bangkok, token: '{token}'}}\n{devices}"
    assert warnings(tmp_path, written, {}) == [f"api.token of config.yaml {told}"]
    written = f"api: {{timezone: Asia/Bangkok, token_file: secret}}\n{devices}"
    assert warnings(tmp_path, written, {}) == [f"secret {told}"]


def test_strict_fails_for_a_warning_and_a_schedule_that_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ATESS_API_TOKEN", "made-up-token")
    path = tmp_path / "config.yaml"

    def run(text: str, *, strict: bool) -> tuple[int, str]:
        path.write_text(text)
        return check.run(path, Shard(), None, strict=strict), capsys.readouterr().err

    good = f"{ZONE}devices: {{pbd: [A, B]}}\n"
    tight = "api: {timezone: Asia/Bangkok, requests_per_minute: 1}\npoll: {interval: 60}\ndevices: {pbd: [A, B]}\n"
    assert run(good, strict=True) == (0, "")
    told = f"warning: {path}: the schedule does not fit: 2 requests a minute are asked for, the budget is 1\n"
    assert run(tight, strict=False) == (0, told)
    assert run(tight, strict=True) == (1, told)
