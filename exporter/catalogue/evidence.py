"""What is proven about the API, and what is not: data/evidence.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources

import yaml
from pydantic import TypeAdapter


@dataclass(frozen=True)
class Fact:
    """A fact, how well it is known, and the check of doctor that settles it by answers whose ids are `settled_by` (globs)."""

    fact: str
    evidence: str
    check: str
    open: bool = False
    settled_by: tuple[str, ...] = ()

    def answers(self, settled: Mapping[str, list[str]]) -> list[str]:
        """Return those of the answers, by id, that are about this fact."""
        return [
            answer
            for key, answers in settled.items()
            if any(fnmatchcase(key, pattern) for pattern in self.settled_by)
            for answer in answers
        ]


@cache
def load_facts() -> tuple[Fact, ...]:
    """Return all facts, in the order of the file."""
    text = (resources.files("exporter.catalogue") / "data" / "evidence.yaml").read_text(encoding="utf-8")
    return tuple(TypeAdapter(list[Fact]).validate_python(yaml.safe_load(text)))
