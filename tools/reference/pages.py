"""Which generated part stands on which page of docs/."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from exporter.catalogue.evidence import load_facts
from exporter.catalogue.remedies import load_remedies
from exporter.catalogue.types import load_catalogue, load_fault_groups
from exporter.cli import parser
from tests.helpers import fault_matrix, history_matrix
from tools.reference import evidence, faults, fields, flags, keys, metrics

DOCS: Final = Path("docs")
RESULTS: Final = Path("benchmarks/results.md")


def parts() -> Mapping[str, Mapping[str, str]]:
    """Return the generated parts of each page, by the name in the marks around them."""
    types = load_catalogue().values()
    return {
        "benchmarks.md": {"results": _one_level_down(RESULTS.read_text(encoding="utf-8"))},
        "configure/keys.md": {"keys": keys.keys()},
        "evidence.md": {"proven": evidence.proven(load_facts())},
        "history.md": {"history": history_matrix.table()},
        "reference/fault-matrix.md": {"fault matrix": fault_matrix.table()},
        "reference/faults.md": {"faults": faults.faults(load_fault_groups(), types), "states": faults.states(types)},
        "reference/fields/index.md": {"fields": fields.index(types)},
        "reference/flags.md": {"flags": flags.flags(parser())},
        "reference/metrics.md": {"device metrics": metrics.device_metrics(), "own metrics": metrics.own_metrics()},
        "reference/settings.md": {"settings": fields.settings(types)},
        "troubleshooting.md": {"remedies": evidence.remedies(load_remedies())},
    }


def current() -> Mapping[Path, str]:
    """Return every page that is generated or has generated parts, as it should be."""
    pages = {DOCS / name: _filled(DOCS / name, of_page) for name, of_page in parts().items()}
    whole = {DOCS / "reference" / "fields" / f"{one.type}.md": fields.page(one) for one in load_catalogue().values()}
    return pages | whole


def _filled(path: Path, of_page: Mapping[str, str]) -> str:
    """Return the page with its parts made anew. Raises ValueError if one is not marked in it."""
    text = path.read_text(encoding="utf-8")
    for name, content in of_page.items():
        marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
        # the blank lines keep a table or a heading from being read as part of the mark
        text, found = marks.subn(lambda match, content=content: f"{match[1]}\n{content}\n\n{match[2]}", text)  # type: ignore[misc]
        if found != 1:
            raise ValueError(f"{path}: expected one part between <!-- {name} --> and <!-- end {name} -->")
    return text


def _one_level_down(text: str) -> str:
    """Return a document without its title, to stand below another."""
    return re.sub(r"^# .*\n+", "", text).rstrip("\n")
