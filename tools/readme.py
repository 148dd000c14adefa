"""The parts of the README that are made from code: `python -m tools.readme` writes them anew."""

import re
from pathlib import Path
from typing import Final

from exporter.catalogue.types import load_catalogue
from tests.helpers.fault_matrix import readme_table
from tests.helpers.history_matrix import readme_table as history_table
from tools.reference import reference

README: Final = Path("README.md")


def written_anew(text: str) -> str:
    """`text`, a README, with its generated parts as they should be."""
    parts = {"fault matrix": readme_table(), "history": history_table(), "fields": reference(load_catalogue().values())}
    for name, content in parts.items():
        marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        text, found = marks.subn(lambda match, content=content: f"{match[1]}{content}\n{match[2]}", text)  # type: ignore[misc]
        if found != 1:
            raise ValueError(f"the README needs one part marked {name}")
    return text


if __name__ == "__main__":
    README.write_text(written_anew(README.read_text(encoding="utf-8")), encoding="utf-8")
