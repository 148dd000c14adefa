"""All checks of a run, in order, and what they settle."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from exporter.catalogue.evidence import load_facts
from exporter.doctor import (
    battery,
    connection,
    durations,
    fields,
    grid,
    history,
    lists,
    paths,
    power,
    rate,
    times,
    timezone,
    token,
)
from exporter.doctor.check import Check, Outcome
from exporter.doctor.observations import Observations

_CHECKS: Final[tuple[Callable[[Observations], Iterator[Check]], ...]] = (
    connection.check,
    token.check,
    paths.check,
    fields.check,
    times.check,
    timezone.check,
    power.check,
    durations.check,
    battery.check,
    grid.check,
    lists.check,
    history.check,
    rate.check,
)

#: Those of a quick run, which has no history to conclude from.
_QUICK: Final = (connection.check, token.check, paths.check, times.check, timezone.check, lists.check, rate.check)


@dataclass(frozen=True, slots=True)
class Settled:
    """A fact about the API, and what this run says of it."""

    fact: str
    answers: tuple[str, ...]


def examine(seen: Observations) -> list[Check]:
    """Return what the checks found, in order. A check that fails itself is one that failed."""
    found: list[Check] = []
    for check in _QUICK if seen.plan.options.quick else _CHECKS:
        try:
            found += check(seen)
        except Exception as error:  # noqa: BLE001 - answers that nobody foresaw must not cost the other checks
            name = check.__module__.rpartition(".")[2]
            remedy = "Please report this: the answers have a form that doctor does not know."
            found.append(Check(name, Outcome.FAIL, f"internal error: {type(error).__name__}", remedy))
    if seen.stopped and not any(one.outcome is Outcome.FAIL for one in found):
        found.append(Check("run", Outcome.FAIL, f"ended early: {seen.stopped}", "Run doctor again later."))
    return found


def settled(checks: Sequence[Check]) -> list[Settled]:
    """Return the open facts that the checks settle, in the order of the project's list."""
    types: dict[tuple[str, str], list[str]] = {}
    for check in checks:
        for key, answer in check.settles.items():
            types.setdefault((key, answer), []).append(check.name.rpartition(" ")[2] if " " in check.name else "")
    by_id: dict[str, list[str]] = {}
    for (key, answer), names in types.items():
        named = ", ".join(filter(None, names))
        by_id.setdefault(key, []).append(f"{answer} ({named})" if named else answer)
    found = [(fact, fact.answers(by_id)) for fact in load_facts() if fact.open]
    return [Settled(fact.fact, tuple(dict.fromkeys(answers))) for fact, answers in found if answers]


def remedy(checks: Sequence[Check]) -> str:
    """Return what to do first: the remedy of the first failure, or of the first warning; empty if there is nothing to do."""
    for outcome in (Outcome.FAIL, Outcome.WARN):
        for check in checks:
            if check.outcome is outcome and check.remedy:
                return check.remedy
    return ""
