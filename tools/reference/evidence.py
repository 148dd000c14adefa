"""The table of what is proven about the API, and that of remedies, made from the catalogue."""

import re
from collections.abc import Iterable, Mapping

from exporter.catalogue.evidence import Fact
from exporter.catalogue.remedies import UNKNOWN, Remedies
from tools.reference.table import code, table


def proven(facts: Iterable[Fact]) -> str:
    """Return the table of facts about the API, those that are open in bold."""
    bold = {True: "**", False: ""}
    rows = [(f"{bold[fact.open]}{fact.fact}{bold[fact.open]}", fact.evidence, fact.check) for fact in facts]
    return table(("fact", "evidence", "check of `doctor`"), rows)


def remedies(known: Remedies) -> str:
    """Return the table of what to do about each reason and each suspension."""
    suspensions = {f"suspended, {code(cause)}": found for cause, found in known.suspensions.items()}
    named: Mapping[str, object] = UNKNOWN | {"proxy": "its variable"}
    rows = []
    for name, found in ({code(reason): found for reason, found in known.reasons.items()} | suspensions).items():
        for one in found:
            otherwise = "anything else" if len(found) > 1 else ""
            said = _plain(one.said.pattern) if one.said else otherwise
            rows.append((name, said, one.do.format_map(named)))
    return table(("`reason`", "the error says", "what to do"), rows)


def _plain(pattern: str) -> str:
    """Return what a remedy's regular expression looks for, as words: every alternative, and ... for any text."""
    pattern = re.sub(r"\(\?P<\w+>\.\+\?\)|\.\*", "...", pattern).replace("[Cc]", "c")
    choice = re.search(r"\(\?:(.*?)\)", pattern)
    alternatives = [pattern.replace(choice[0], one) for one in choice[1].split("|")] if choice else pattern.split("|")
    return " or ".join(map(code, alternatives))
