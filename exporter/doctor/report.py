"""A report of a run for the project, in Markdown: what was found, and nothing that tells whose site it is."""

import platform
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from exporter import __version__
from exporter.catalogue.types import DeviceType, load_catalogue
from exporter.config.schema import ApiSection
from exporter.doctor.check import Check
from exporter.doctor.examination import settled
from exporter.doctor.fields import answered_fields, plain
from exporter.doctor.identities import Aliases
from exporter.doctor.observations import Observations

_HEAD = """# What doctor found

Serial numbers are replaced, and there is no token, address, host, name or text of the cloud in this file. Please read it all the
same before you send it."""


def as_markdown(seen: Observations, checks: Sequence[Check]) -> str:
    """Return the report."""
    lines = [_HEAD, "", *_versions(seen), "", "## Checks", "", "| check | outcome | seen |", "|---|---|---|"]
    lines += [f"| {one.name} | {one.outcome.value} | {_cell(one.seen)} |" for one in checks]
    lines += ["", "## Paths", "", "| what | path | answers |", "|---|---|---|", *_paths(seen)]
    for known in seen.types:
        if any(seen.good(known.type)):
            lines += [
                "",
                f"## Fields of {known.type}",
                "",
                "| field | JSON | unit | known |",
                "|---|---|---|---|",
                *_fields(seen, known),
            ]
    if facts := settled(checks):
        lines += ["", "## Facts", "", *(f"- {fact.fact}: {'; '.join(fact.answers)}" for fact in facts)]
    return _hidden("\n".join(lines) + "\n", seen)


def _hidden(text: str, seen: Observations) -> str:
    """Return `text` without what tells whose site it is, wherever it may have come from."""
    api = seen.config.api
    host = urlsplit(api.base_url).hostname or ""
    if host and host != urlsplit(ApiSection().base_url).hostname:
        text = text.replace(host, "HOST")
    if api.timezone:
        text = text.replace(api.timezone, "the zone of the config")
    own = [name for name in seen.config.types if name not in load_catalogue()]
    return Aliases(seen, own).hide_in(text)


def _versions(seen: Observations) -> Iterator[str]:
    own = seen.config.api.base_url == ApiSection().base_url
    yield f"- atess-exporter {__version__}, Python {platform.python_version()}, {platform.system()}"
    yield f"- api.base_url: {'the default' if own else 'another one'}"
    yield f"- {len(seen.devices)} devices asked, {len(seen.plan.datalog_sns)} data loggers, {seen.wire.requests} requests"


def _paths(seen: Observations) -> Iterator[str]:
    found: dict[tuple[str, str], dict[str, int]] = {}
    for exchange in seen.exchanges:
        answer = exchange.answer if exchange.error or seen.answers(exchange) else "not what is documented"
        answers = found.setdefault((f"{exchange.subject} {exchange.type}", exchange.path), {})
        answers[answer] = answers.get(answer, 0) + 1
    for (what, path), answers in found.items():
        # the path of a type of the user's own is the user's too
        shown = path if what.split()[1] in load_catalogue() else "of the config"
        yield f"| {what} | {shown} | {'; '.join(f'{answer}: {count}' for answer, count in answers.items())} |"


def _fields(seen: Observations, known: DeviceType) -> Iterator[str]:
    answered = answered_fields(seen, known.type)
    for name in sorted(filter(plain, answered)):
        info = known.fields.get(name)
        kinds = ", ".join(sorted(answered[name]))
        how = info.evidence.value if info else "a fault word" if name in known.faults else "no"
        yield f"| {name} | {kinds} | {(info.unit if info else None) or ''} | {how} |"
    if odd := sum(not plain(name) for name in answered):
        yield f"| ({odd} names that cannot be a metric's) | | | |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
