"""docs/troubleshooting.md has every message that an operator can meet in the log at warning or error."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for path in (ROOT / "exporter").rglob("*.py") if "simulator" not in path.parts)


def _logs(call: ast.Call) -> bool:
    """Return whether the call may log at warning or error: by a logger, or by what was chosen from one's methods."""
    match call.func:
        case ast.Attribute(value=ast.Name(id="log" | "_log"), attr="warning" | "error"):
            return True
        case ast.Name(id="log" | "warn") | ast.IfExp():
            return True
    return False


def _messages(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and _logs(node) and node.args and isinstance(node.args[0], ast.Constant):
            yield str(node.args[0].value)


MESSAGES = sorted({message for module in MODULES for message in _messages(module)})


def test_there_are_messages() -> None:
    assert {"rate limited by the API, halving the request rate", "cannot read a device list", "internal error in a worker"} < {
        *MESSAGES
    }


@pytest.mark.parametrize("message", MESSAGES)
def test_the_page_has_every_message(message: str) -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    assert f"`{message}`" in page
