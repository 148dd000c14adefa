"""The YAML and PromQL of a page, read by what will read it: the exporter's own loaders, or promtool."""

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

import trustme

from exporter.config.errors import ConfigError
from exporter.config.load import load
from exporter.config.token import TOKEN_VARIABLE
from exporter.config.yaml import read_yaml
from exporter.web import webconfig
from tools.blocks.block import Block
from tools.blocks.shell import programs

#: Stand for the reader's own.
_TOKEN: Final = "Basic bWFkZTp1cA=="
_ZONE: Final = {"timezone": "Asia/Bangkok"}
_DEVICES: Final = {"pbd": ["MADEUP1"]}
_DEVICES_ELSEWHERE: Final = ("devices", "device_files", "discovery")

_TOKEN_FILE: Final = re.compile(r'(?<=token_file: )[^\s,}]+|(?<="token_file": )"[^"]*"')
_WEB_FILE: Final = re.compile(r"\b(cert|key|client_ca)_file: *[^\s,}]+")


class Wrong(Exception):
    """A block is not what its mark says. The message says why."""


def check(block: Block) -> None:
    """Check a block by its mark, or by its language. Raises Wrong."""
    kind = block.mark if block.language == "yaml" else block.language
    with tempfile.TemporaryDirectory(prefix="check-") as scratch:
        folder = Path(scratch)
        try:
            match kind:
                case "config":
                    _load(block.text, folder)
                case "config part":
                    _load(_completed(block.text, folder), folder)
                case "device file":
                    (folder / "devices.yaml").write_text(block.text, encoding="utf-8")
                    _load(json.dumps({"api": _ZONE, "device_files": ["devices.yaml"]}), folder)
                case "web-config":
                    _load_web_config(block.text, folder)
                case "prometheus":
                    _promtool("config --syntax-only", block.text, folder)
                case "rules":
                    _promtool("rules --lint=all --lint-fatal", block.text, folder)
                case "promql":
                    queries = [{"record": "a:query", "expr": query} for query in re.split(r"\n\s*\n", block.text.strip())]
                    _promtool("rules --lint=none", json.dumps({"groups": [{"name": "queries", "rules": queries}]}), folder)
        except ConfigError as mistake:
            raise Wrong(f"{block}: {mistake}") from None
        except Wrong as mistake:
            raise Wrong(f"{block}: {mistake}") from None


def _load(text: str, folder: Path) -> None:
    """Load a config. Raises ConfigError, and Wrong for one that is valid but warned of."""
    (folder / "token").write_text(_TOKEN)
    path = folder / "config.yaml"
    path.write_text(_TOKEN_FILE.sub(json.dumps(str(folder / "token")), text), encoding="utf-8")
    for pattern in read_yaml(path).data.get("device_files", []):
        listed = folder / pattern.replace("*", "any")
        listed.parent.mkdir(parents=True, exist_ok=True)
        if not listed.exists():
            listed.write_text(json.dumps(_DEVICES))
    given = {} if re.search(r"\btoken(_file)?\b", text) else {TOKEN_VARIABLE: _TOKEN}
    if warnings := load(path, given).warnings:
        raise Wrong("\n".join(warnings))


def _completed(text: str, folder: Path) -> str:
    """Return a part of a config with what a whole one needs."""
    path = folder / "part.yaml"
    path.write_text(text, encoding="utf-8")
    part: dict[str, Any] = read_yaml(path).data
    part["api"] = _ZONE | part.get("api", {})
    if not part.keys() & _DEVICES_ELSEWHERE:
        part["devices"] = _DEVICES
    return json.dumps(part)


def _load_web_config(text: str, folder: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    for name, pem in (("cert", issued.cert_chain_pems[0]), ("key", issued.private_key_pem), ("client_ca", authority.cert_pem)):
        pem.write_to_path(folder / f"{name}.pem")
    path = folder / "web.yaml"
    path.write_text(_WEB_FILE.sub(lambda found: f"{found[1]}_file: {found[1]}.pem", text), encoding="utf-8")
    webconfig.load(path)


def _promtool(check: str, text: str, folder: Path) -> None:
    promtool = shutil.which("promtool", path=programs())
    assert promtool, "no promtool: run this by make"
    path = folder / "file.yaml"
    path.write_text(text, encoding="utf-8")
    found = subprocess.run([promtool, "check", *check.split(), str(path)], capture_output=True, text=True, check=False)
    if found.returncode:
        raise Wrong(f"{found.stdout}{found.stderr}")
