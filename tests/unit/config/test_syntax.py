from pathlib import Path

import pytest

from exporter.config.errors import ConfigError
from exporter.config.yaml import read_yaml

QUOTE = "a quote opens here and is not closed"
LIKE_ABOVE = "indent this line like the one above"
COLON = "put a colon after this key"
START = "put this value in quotes: YAML takes its first character for something else"


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ('api:\n  token: "Basic abc\ndevices:\n  pbd:\n    - A\n', 2, QUOTE),
        ("api:\n  token: 'Basic abc\ndevices:\n  pbd:\n    - A\n", 2, QUOTE),
        ('api:\n  token: "abc\n  timezone: "Asia/Bangkok"\n', 2, "a quote opens here and closes only on line 3"),
        ("api:\n    token: a\n  timezone: b\n", 3, LIKE_ABOVE),
        ("api:\n  token: a\n    timezone: b\n", 3, LIKE_ABOVE),
        ("api:\n  token: a\n  # in between\n\n    timezone: b\n", 5, LIKE_ABOVE),
        ("devices:\n  pbd:\n    - A\n   - B\n", 4, LIKE_ABOVE),
        ("devices:\n  pbd:\n    - A\n  - B\n", 4, LIKE_ABOVE),
        ("devices:\n  pbd:\n    - deviceSn: A\n     interval: 3\n", 4, LIKE_ABOVE),
        ("devices:\n  pbd:\n    - deviceSn: A\n    interval: 3\n", 4, "indent this line like the text after the dash above"),
        ("api\n  token: a\n", 1, COLON),
        ("devices:\n  pbd:\n    - A\n  pcs\n    - B\n", 4, COLON),
        ("devices:\n  pbd:\n    - A\n    -B\n", 4, "put a space after the dash"),
        ("api:\n  token:a\n  timezone: b\n", 2, "put a space after the colon"),
        (" api:\n  token: a\ndevices: {}\n", 1, "remove the space at the beginning of this line"),
        ("api:\n  token: @abc\n", 2, START),
        ("api:\n  token: %abc\n", 2, START),
        ("api:\n  token: a: b\n", 2, "put the value in quotes: it has a colon and a space in it"),
        ("devices:\n  pbd: [A, B\napi: {}\n", 2, "a bracket opens here and is not closed: did not find expected ',' or ']'"),
        ("devices: [\n", 2, "did not find expected node content (while parsing a flow node)"),
    ],
)
def test_a_mistake_is_told_where_it_was_made(tmp_path: Path, text: str, line: int, told: str) -> None:
    for ends in ("\n", "\r\n"):
        path = tmp_path / "config.yaml"
        path.write_bytes(text.replace("\n", ends).encode())
        with pytest.raises(ConfigError) as caught:
            read_yaml(path)
        assert caught.value.problems == [f"{path}:{line}: not YAML: {told}"]
