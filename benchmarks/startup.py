"""How soon the exporter answers: `--version`, and the first byte of the metrics."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import requests

from benchmarks.figures import Row, alternately, ms, ratio
from benchmarks.programs import TOKEN, running
from benchmarks.verdict import Target
from benchmarks.workload import TYPE, serial

_ROUNDS = 9


def measure() -> tuple[list[Row], list[Target]]:
    """Measure. Return the rows of the table, and the targets."""
    # what pip installs has its byte code beside it; this checkout may have none yet
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run([sys.executable, "-c", "import exporter.commands.serve"], check=True, env=environment)
    command = [str(Path(sys.executable).with_name("atess-exporter")), "--version"]
    version, library, first, many = alternately(
        _ROUNDS,
        lambda: _run(command),
        lambda: _run([sys.executable, "-c", "import requests"]),
        lambda: _first_byte(1),
        lambda: _first_byte(1000),
    )
    table: list[Row] = [
        ('`python -c "import requests"`', ms(library), "1"),
        ("`atess-exporter --version`", ms(version), f"{ratio(version, library):.2f}"),
        ("start to the first byte of /metrics, 1 device", ms(first), f"{ratio(first, library):.2f}"),
        ("start to the first byte of /metrics, 1,000 devices", ms(many), f"{ratio(many, library):.2f}"),
    ]
    return table, [
        Target('`--version` / `python -c "import requests"`, wall', ratio(version, library), 2),
        Target('start to the first byte of /metrics, 1 device / `python -c "import requests"`, wall', ratio(first, library), 3.5),
    ]


def _run(command: Sequence[str]) -> float:
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def _first_byte(devices: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.yaml"
        # a cloud that refuses every connection: the first answer must not wait for it
        lists = {TYPE: [serial(device) for device in range(devices)]}
        config.write_text(json.dumps({"api": {"base_url": "http://127.0.0.1:9/", "token": TOKEN}, "devices": lists}))
        command = [sys.executable, "-m", "exporter", "--config.file", str(config), "--web.listen-address", "127.0.0.1:0"]
        # structlog imports rich wherever it is installed, which takes 30 ms: the linters bring it along, and no user has it of us
        (Path(folder) / "rich.py").write_text("raise ImportError\n")
        begin = time.perf_counter()
        with running(command, PYTHONPATH=folder) as program:
            url = program.wait_for(r"address=(http://\S+)")
            with requests.get(f"{url}/metrics", stream=True, timeout=30) as answer:
                answer.raw.read(1)
                return time.perf_counter() - begin
