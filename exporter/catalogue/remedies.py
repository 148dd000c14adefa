"""What to do about a failed request or a suspension: one place for pages, documents, logs and doctor."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Final

import yaml
from pydantic import BaseModel, ConfigDict

#: What stands where a fact is not known, or for all cases in the documentation.
UNKNOWN: Final = {
    "token": "the config or ATESS_API_TOKEN",
    "type": "the one that is configured",
    "others": "the other types",
    "url": "the cloud's address",
}


class Remedy(BaseModel):
    """What to `do` where `said`, a regular expression, is found in the error (None: in any)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    said: re.Pattern[str] | None = None
    do: str


class Remedies(BaseModel):
    """All of them, by the reason of a failure and by the cause of a suspension."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reasons: Mapping[str, Sequence[Remedy]]
    suspensions: Mapping[str, Sequence[Remedy]]


@cache
def load_remedies() -> Remedies:
    """Return what words/remedies.yaml holds."""
    text = (resources.files("exporter.catalogue") / "words" / "remedies.yaml").read_text(encoding="utf-8")
    return Remedies.model_validate(yaml.safe_load(text))


def remedy_for(reason: str, error: str = "", **facts: str) -> str:
    """Return what to do about a failure for `reason`, whose message was `error`; `facts` are those that the words name."""
    return _choose(load_remedies().reasons[reason], error, facts)


def remedy_for_suspension(cause: str, **facts: str) -> str:
    """Return what to do about a suspension."""
    return _choose(load_remedies().suspensions[cause], "", facts)


def _choose(remedies: Sequence[Remedy], error: str, facts: Mapping[str, str]) -> str:
    for one in remedies:
        match = one.said.search(error) if one.said else None
        if one.said is None or match:
            return one.do.format_map({**UNKNOWN, **facts, **(match.groupdict() if match else {})})
    # the last of each has no condition, which a test holds
    return ""
