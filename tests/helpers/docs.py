"""Examples in the documentation."""

import re
from pathlib import Path


def examples(page: str) -> list[str]:
    """The YAML blocks of a page of docs/."""
    text = (Path("docs") / page).read_text(encoding="utf-8")
    return re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def example(page: str, part: str) -> str:
    """The one YAML block of a page of docs/ that has `part` in it."""
    (found,) = (block for block in examples(page) if part in block)
    return found
