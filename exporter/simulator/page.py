"""The page at `/` that says what this server is."""

from collections.abc import Iterable
from html import escape

from exporter.simulator.device import SimDevice
from exporter.simulator.questions import PREFIX, QUESTIONS
from tests.helpers.faulty_cloud.faults import FAULTS

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Simulated cloud</title></head>
<body>
<h1>A simulated cloud</h1>
<p>This is test gear and a demo. It is not ATESS and not Enerclo, and none of its devices exist: every number is made up.</p>
<h2>What it answers</h2>
<p>GET requests with the API's paths below <code>{base}</code>:</p>
<table>{paths}</table>
<h2>Devices</h2>
<table>{devices}</table>
<h2>Control</h2>
<ul>
<li><code>GET</code> or <code>DELETE /_simulator/requests</code>: the log of API requests</li>
<li><code>GET /_simulator/served?type=&amp;deviceSn=</code>: the last readings sent for a device</li>
<li><code>GET</code> or <code>DELETE /_simulator/devices</code></li>
<li><code>PUT</code> or <code>DELETE /_simulator/faults</code>:
<code>{{"type", "deviceSn", "fault", "params"}}</code></li>
<li><code>POST /_simulator/advance</code>: <code>{{"seconds"}}</code></li>
</ul>
<h2>Faults</h2>
<table>{faults}</table>
</body>
</html>
"""


def page(devices: Iterable[SimDevice], origin: str) -> str:
    """The page, for a server at `origin`."""
    return _PAGE.format(
        base=escape(origin.rstrip("/") + PREFIX),
        paths=_rows((path, f"{ask.subject.value}, {ask.type} (by {ask.key})") for path, ask in QUESTIONS.items()),
        devices=_rows((device.sn, f"{device.type}, logger {device.datalog_sn}") for device in devices),
        faults=_rows(FAULTS.items()),
    )


def _rows(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<tr><td><code>{escape(code)}</code></td><td>{escape(text)}</td></tr>\n" for code, text in pairs)
