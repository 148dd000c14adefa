"""The README's reference of all known fields, and its table of what is proven, made from the catalogue."""

from collections.abc import Iterable, Mapping

from exporter.catalogue.evidence import Fact
from exporter.catalogue.kinds import IDENTITY_FIELDS
from exporter.catalogue.remedies import UNKNOWN, Remedies
from exporter.catalogue.types import DeviceType, FieldInfo, setting_key
from exporter.metrics.names import metric_name


def reference(types: Iterable[DeviceType]) -> str:
    """Return a table a type with its fields, and one with its settings where they are known."""
    parts = []
    for device_type in sorted(types, key=lambda known: known.type):
        parts.append(
            _table(
                f"<code>{device_type.type}</code>: {len(device_type.fields)} known fields",
                {name: (name, field) for name, field in device_type.fields.items()},
            )
        )
        if device_type.settings:
            settings = {name: (setting_key(name, field), field) for name, field in device_type.settings.items()}
            parts.append(_table(f"<code>{device_type.type}</code>: {len(settings)} known settings", settings))
    return "\n\n".join(parts)


def proven(facts: Iterable[Fact]) -> str:
    """Return the table of facts about the API, those that are open in bold."""
    lines = ["| fact | how well it is known | check of `doctor` |", "|---|---|---|"]
    for fact in facts:
        bold = "**" if fact.open else ""
        lines.append(f"| {bold}{fact.fact}{bold} | {fact.evidence} | {fact.check} |")
    return "\n".join(lines)


def remedies(known: Remedies) -> str:
    """Return the table of what to do about each reason and each suspension."""
    lines = ["| `reason` | the error says | what to do |", "|---|---|---|"]
    suspensions = {f"suspended, `{cause}`": found for cause, found in known.suspensions.items()}
    for name, found in ({f"`{reason}`": found for reason, found in known.reasons.items()} | suspensions).items():
        for one in found:
            said = (
                f"`{one.said.pattern}`".replace("|", "\\|").replace("(?P<proxy>.+?)", "...")
                if one.said
                else "anything else"
                if len(found) > 1
                else ""
            )
            lines.append(f"| {name} | {said} | {one.do.format_map(UNKNOWN | {'proxy': 'its variable'})} |")
    return "\n".join(lines)


def _table(title: str, fields: Mapping[str, tuple[str, FieldInfo]]) -> str:
    lines = [
        f"<details><summary>{title}</summary>",
        "",
        "| field | metric | meaning | unit | kind | field known |",
        "|---|---|---|---|---|---|",
    ]
    for name, (key, known) in sorted(fields.items(), key=lambda item: item[0].casefold()):
        metric = "none" if name in IDENTITY_FIELDS else f"`{metric_name(key)}`"
        cells = (name, metric, known.words, known.unit or "", known.kind.replace("_", " "), known.evidence.words)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", "</details>"])
