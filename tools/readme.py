"""The parts of the README that are made from code: `python -m tools.readme` writes them anew."""

import re
from pathlib import Path
from typing import Final

from exporter.catalogue.evidence import load_facts
from exporter.catalogue.remedies import load_remedies
from exporter.catalogue.types import load_catalogue
from tests.helpers import fault_matrix, history_matrix
from tools.reference import proven, reference, remedies

README: Final = Path("README.md")


def written_anew(text: str) -> str:
    """Return `text`, a README, with its generated parts made anew. Raises ValueError if one is not marked in it."""
    parts = {
        "fault matrix": fault_matrix.readme_table(),
        "remedies": remedies(load_remedies()),
        "history": history_matrix.readme_table(),
        "proven": proven(load_facts()),
        "fields": reference(load_catalogue().values()),
    }
    for name, content in parts.items():
        marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        text, found = marks.subn(lambda match, content=content: f"{match[1]}{content}\n{match[2]}", text)  # type: ignore[misc]
        if found != 1:
            raise ValueError(f"README: expected one part between the marks of {name!r}")
    return text


if __name__ == "__main__":
    README.write_text(written_anew(README.read_text(encoding="utf-8")), encoding="utf-8")
