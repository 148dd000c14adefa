"""What a run prints: lines for people, or JSON."""

import json
from collections.abc import Sequence

from exporter import __version__
from exporter.doctor.check import Check, Outcome
from exporter.doctor.examination import Settled, remedy
from exporter.logs import printable


def as_text(checks: Sequence[Check], facts: Sequence[Settled], proposal: str) -> str:
    """Return the checks as lines, then what is settled, the config to copy if it should change, and what to do first."""
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{check.outcome.value:4}  {check.name:{width}}  {check.seen}")
        lines += [f"{'':6}{'':{width}}  {line}" for line in check.detail.splitlines()]
        if check.remedy:
            lines.append(f"{'':6}{'':{width}}  -> {check.remedy}")
    if facts:
        lines += ["", "Open facts of the project that this run has settled, for this account:"]
        lines += [f"- {fact.fact}: {'; '.join(fact.answers)}" for fact in facts]
    if proposal:
        lines += ["", "The config that follows from this, ready to copy:", "", proposal.rstrip("\n")]
    counts = {outcome: sum(check.outcome is outcome for check in checks) for outcome in Outcome}
    lines += ["", ", ".join(f"{count} {outcome.value}" for outcome, count in counts.items() if count) + "."]
    if advice := remedy(checks):
        lines.append(f"What to do first: {advice}")
    return "\n".join(printable(line) for text in lines for line in text.split("\n"))


def as_json(checks: Sequence[Check], facts: Sequence[Settled], proposal: str, requests: int) -> str:
    """Return the same as JSON."""
    return json.dumps(
        {
            "version": __version__,
            "requests": requests,
            "checks": [
                {"name": one.name, "outcome": one.outcome.value, "seen": one.seen, "remedy": one.remedy, "detail": one.detail}
                for one in checks
            ],
            "settled": [{"fact": fact.fact, "answers": list(fact.answers)} for fact in facts],
            "config": proposal,
        },
        ensure_ascii=False,
        indent=2,
    )
