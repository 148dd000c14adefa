"""`python -m tools.fault_rules`: write the texts of faults, which alerts show, from the catalogue into prometheus/rules.yml."""

import json
from pathlib import Path
from typing import Final

from exporter.catalogue.types import load_fault_groups

FILE: Final = Path("prometheus/rules.yml")

#: The line of the file from which on it is written by this program.
MARK: Final = "  # ---- Made by `make rules` from the catalogue of faults: edit that, not these.\n"


def rules(text: str) -> str:
    """Return the file's `text` with the rules of this program as they should be."""
    by_hand, _, _ = text.partition(MARK)
    bits = (bit for group in load_fault_groups().values() for word in group.words.values() for bit in word.values())
    texts = {(bit.name, bit.severity): bit.text for bit in bits}
    lines = [
        f"      - record: atess:fault_text:info\n        expr: vector(1)\n"
        f"        labels: {{fault: {name}, severity: {severity}, text: {json.dumps(text, ensure_ascii=False)}}}\n"
        for (name, severity), text in sorted(texts.items())
    ]
    return by_hand + MARK + "  - name: atess-fault-texts\n    interval: 1m\n    rules:\n" + "".join(lines)


if __name__ == "__main__":
    FILE.write_text(rules(FILE.read_text(encoding="utf-8")), encoding="utf-8")
