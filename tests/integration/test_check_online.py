"""`--config.check --online` against a cloud: each device's answer, and what to do about it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.helpers.processes import TOKEN, simulated_cloud


def check(folder: Path, config: dict[str, Any], token: str = TOKEN) -> tuple[int, list[list[str]], str]:
    """Exit code, the table's lines by their columns, and all that was printed."""
    path = folder / "config.yaml"
    path.write_text(json.dumps(config))
    command = [sys.executable, "-m", "exporter", "--config.file", str(path), "--config.check", "--online"]
    environment = {**os.environ, "ATESS_API_TOKEN": token}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    lines = done.stdout.splitlines()
    table = lines[next(number for number, line in enumerate(lines) if "WHAT TO DO" in line) :]
    return done.returncode, [line.split("  ") for line in table], done.stdout + done.stderr


def words(row: list[str]) -> list[str]:
    return [cell.strip() for cell in row if cell.strip()]


def config(url: str, devices: dict[str, list[str]]) -> dict[str, Any]:
    return {"api": {"base_url": url, "timezone": "Asia/Bangkok", "requests_per_minute": 6000}, "devices": devices}


def test_each_device_is_asked_once_and_each_failure_has_its_remedy(tmp_path: Path) -> None:
    with simulated_cloud("--devices", "pbd:GOOD,pbd:BAD,pcs:OTHER") as cloud:
        cloud.fault("http_502", "pbd", "BAD")
        code, table, output = check(tmp_path, config(cloud.url, {"pbd": ["GOOD", "BAD", "OTHER"]}))
        asked = [entry["query"]["deviceSn"] for entry in cloud.requests()]
    assert code == 1
    assert words(table[0]) == ["TYPE", "DEVICESN", "ANSWER", "REASON", "WHAT TO DO"]
    good, bad, other = (words(row) for row in table[1:4])
    assert good[:2] == ["pbd", "GOOD"]
    assert good[2].startswith("a reading with ")
    assert len(good) == 3
    url = f"{cloud.url}/pbd/data-last"
    assert bad == [
        *("pbd", "BAD", "HTTP status 502", "http_status"),
        f"Wait: the cloud has trouble at {url}; if it stays so, ask the vendor.",
    ]
    assert other[3] == "not_found"
    assert "of another type than pbd: bcu, hps_central, hps_string, mbms, pcs." in other[4]
    assert "1 reading, 1 http_status, 1 not_found." in output
    # a good one once; one that answers 502 is tried twice, as in a poll
    assert (asked.count("GOOD"), asked.count("BAD")) == (1, 2)
    assert TOKEN.partition(" ")[2] not in output


def test_all_is_well(tmp_path: Path) -> None:
    with simulated_cloud("--devices", "pbd:A,pcs:B") as cloud:
        code, _, output = check(tmp_path, config(cloud.url, {"pbd": ["A"], "pcs": ["B"]}))
    assert code == 0
    assert "2 reading." in output


def test_a_refused_token_is_asked_with_three_times_and_says_where_it_came_from(tmp_path: Path) -> None:
    devices = [f"S{number}" for number in range(9)]
    with simulated_cloud("--devices", ",".join(f"pbd:{sn}" for sn in devices)) as cloud:
        code, table, output = check(tmp_path, config(cloud.url, {"pbd": devices}), token="Basic b3RoZXI=")
        assert len(cloud.requests()) == 3
    assert code == 1
    assert output.count("unauthorized") >= 3
    rows = [words(row) for row in table[1:10]]
    assert [row[3] for row in rows] == ["unauthorized"] * 3 + ["suspended"] * 6
    assert all("Compare the token in ATESS_API_TOKEN with" in row[4] for row in rows)
    assert "b3RoZXI" not in output
