"""The page at `/` that says what this server is."""

from collections.abc import Iterable
from html import escape

from exporter.simulator.device import SimDevice
from exporter.simulator.endpoints import ENDPOINTS, PREFIX

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
{more}</body>
</html>
"""


def page(devices: Iterable[SimDevice], origin: str, more: str = "") -> str:
    """Return the page for a server at `origin`, with `more` HTML at its end."""
    return _PAGE.format(
        base=escape(origin.rstrip("/") + PREFIX),
        paths=rows(
            (path, f"{endpoint.subject.value}, {endpoint.type} (by {endpoint.key})") for path, endpoint in ENDPOINTS.items()
        ),
        devices=rows((device.sn, f"{device.type}, logger {device.datalog_sn}") for device in devices),
        more=more,
    )


def rows(pairs: Iterable[tuple[str, str]]) -> str:
    """Return rows of a table, each a code and a text."""
    return "".join(f"<tr><td><code>{escape(code)}</code></td><td>{escape(text)}</td></tr>\n" for code, text in pairs)
