"""What a check found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Check:
    """What was `seen`, and the `remedy` where something is to be done, each as plain sentences.

    Both may hold serial numbers, which a report replaces; neither holds values, texts or messages of the cloud. `detail` is for
    the user's own terminal only. `settles` has answers to open facts by their id in the catalogue's evidence, `config` the
    values that the config should have, by the path of their keys.
    """

    name: str
    outcome: Outcome
    seen: str
    remedy: str = ""
    detail: str = ""
    settles: Mapping[str, str] = field(default_factory=dict)
    config: Mapping[tuple[str, ...], Any] = field(default_factory=dict)


def listed(items: list[str], most: int = 8) -> str:
    """Return the items as text, at most `most` of them, with how many more there are."""
    shown = ", ".join(items[:most])
    return f"{shown} and {len(items) - most} more" if len(items) > most else shown


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is 1."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
