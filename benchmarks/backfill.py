"""A backfill's memory and speed, and its CPU against a bare loop that only fetches and parses the same pages.

Run from the project's folder: python -m benchmarks.backfill [DEVICES] [DAYS] [FIELDS]. The pages come from a process that makes
each once and then only sends it: all devices have the same readings, one every five minutes, with FIELDS numeric fields (default:
all 76 of a PBD). The simulated cloud would be slower than what is measured.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import requests

from benchmarks.programs import running
from exporter.backfill.plan import Range, local_seconds
from exporter.simulator import Cloud, SimClock, SimDevice
from exporter.simulator.answer import Reading

START = datetime(2024, 5, 1)
STEP = 300
SN = "UMD%07d"


class Pages(BaseHTTPRequestHandler):
    """Answers history pages; `fields` is how many fields a reading has."""

    protocol_version = "HTTP/1.1"
    # head and body in one piece: else the client's late ACK holds every body back
    wbufsize = -1
    fields = 76

    def do_GET(self) -> None:
        """Send the page that was asked for."""
        query = dict(parse_qsl(urlsplit(self.path).query))
        body = page(query["startDate"], query["endDate"], int(query["pageNo"]), int(query["pageSize"]), self.fields)
        body = body.replace(b"@", query["deviceSn"].encode())
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


@lru_cache(maxsize=1)
def cloud() -> Cloud:
    """Return one device's readings."""
    return Cloud([SimDevice("pbd", "@")], SimClock(datetime.now().astimezone(), 0), upload_interval=STEP)


@lru_cache(maxsize=4096)
def page(start: str, end: str, number: int, size: int, fields: int) -> bytes:
    """Return one page's JSON, with @ for the serial number."""
    first, last = (datetime.fromisoformat(text).astimezone() for text in (start, end))
    data = cloud().history("pbd", "@", first, last, number, size)
    rows = data["datas"]
    assert isinstance(rows, list)
    kept = [shortened(row, fields) for row in rows if isinstance(row, dict)]
    return json.dumps({"code": 0, "data": {**data, "datas": kept}, "msg": "ok"}, separators=(",", ":")).encode()


def shortened(row: Reading, fields: int) -> Reading:
    """Return a row with so many of its numbers."""
    numbers = [name for name, value in row.items() if not isinstance(value, str)][:fields]
    return {"deviceSn": row["deviceSn"], "time": row["time"], **{name: row[name] for name in numbers}}


def serve(fields: int) -> None:
    """Serve until killed."""
    Pages.fields = fields
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    server.daemon_threads = True
    print(f"pages on http://127.0.0.1:{server.server_address[1]}/api/v1", flush=True)
    server.serve_forever()


def bare(url: str, sns: list[str], days: int) -> tuple[int, float]:
    """Fetch and parse all pages and keep nothing. Return the pages and the seconds of CPU."""
    begin, pages = time.process_time(), 0
    session = requests.Session()
    for sn in sns:
        for window in Range(local_seconds(START), local_seconds(START + timedelta(days=days))).windows(604800, UTC):
            number = 0
            while True:
                number += 1
                query = {"deviceSn": sn, **window.query, "pageNo": str(number), "pageSize": "100"}
                rows = session.get(f"{url}/pbd/data-list", params=query, timeout=15).json()["data"]["datas"]
                pages += 1
                if len(rows) < 100:
                    break
    return pages, time.process_time() - begin


def main(devices: int = 100, days: int = 30, fields: int = 76) -> None:
    """Print the figures."""
    sns = [SN % number for number in range(devices)]
    program = [sys.executable, "-m", "benchmarks.backfill", "serve", str(fields)]
    with running(program, TZ="UTC") as server, tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as name:
        url = server.wait_for(r"pages on (\S+)")
        folder = Path(name)
        api = {"base_url": url, "requests_per_minute": 100_000, "timezone": "UTC", "token": "made-up", "concurrency": 4}
        (folder / "config.yaml").write_text(json.dumps({"api": api, "devices": {"pbd": sns}}))
        # the bare loop sees a slice that is enough to measure, twice: the first has the server make the pages
        some = sns[: max(1, min(10, devices))]
        bare(url, some[:1], days)
        pages, cpu = bare(url, some, days)
        command = [
            *(sys.executable, "-m", "exporter", "backfill", "--config.file", str(folder / "config.yaml")),
            *(
                "--from",
                str(START.date()),
                "--to",
                str((START + timedelta(days=days)).date()),
                "--output",
                str(folder / "out.om"),
            ),
        ]
        spilled = [0]
        done = threading.Event()

        def watch() -> None:
            while not done.wait(1):
                spilled[0] = max(spilled[0], size(folder))

        watcher = threading.Thread(target=watch)
        watcher.start()
        begin = time.monotonic()
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - begin
        done.set()
        watcher.join()
        if result.returncode:
            sys.exit(result.stderr)
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        match = re.search(r"backfill written.* samples=(\d+)", result.stderr)
        samples = int(match[1]) if match else 0
        rows = devices * days * 86400 // STEP
        ours = (usage.ru_utime + usage.ru_stime) / devices * len(some)
        print(f"{devices} devices x {days} days: {rows} readings of {fields} fields, {samples} samples")
        print(f"{seconds:.0f} s, {samples / seconds:.0f} samples a second, {rows / seconds:.0f} readings a second")
        print(f"peak resident memory {usage.ru_maxrss / 1024:.0f} MB, at most {spilled[0] / 1e9:.2f} GB of disk")
        print(f"output {size(folder / 'out.om') / 1e9:.2f} GB")
        print(f"CPU {usage.ru_utime + usage.ru_stime:.0f} s; a page {ours / pages * 1e3:.2f} ms, bare {cpu / pages * 1e3:.2f} ms")
        print(f"ratio {ours / cpu:.2f}")


def size(path: Path) -> int:
    """Return bytes of all files in a folder, or of a file."""
    total = 0
    for file in [path, *path.rglob("*")]:
        try:
            total += file.stat().st_size if file.is_file() else 0
        except FileNotFoundError:
            continue
    return total


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(int(sys.argv[2]))
    else:
        main(*(int(argument) for argument in sys.argv[1:]))
