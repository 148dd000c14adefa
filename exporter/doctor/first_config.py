"""The first config of a user: what there is to ask with, which types the devices are, and the text of the file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import yaml

from exporter.catalogue.serials import distinct, serial_key
from exporter.config.load import Config
from exporter.config.schema import ApiSection
from exporter.doctor.check import Check
from exporter.doctor.exchange import Subject
from exporter.doctor.observations import Observations
from exporter.documentation import SITE

#: Of the serial number alone the type is not known.
UNKNOWN: Final = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a user said. `devices` are pairs of type, or UNKNOWN, and serial number; `token_file` as the config is to have it."""

    datalog_sns: Sequence[str] = ()
    devices: Sequence[tuple[str, str]] = ()
    timezone: str | None = None
    base_url: str | None = None
    token_file: str | None = None

    def asked(self, types: Sequence[str]) -> list[tuple[str, str]]:
        """Return each device with its type; one of unknown type with every type."""
        return [(name, sn) for given, sn in self.devices for name in ([given] if given != UNKNOWN else types)]

    def to_ask(self) -> str:
        """Return the config that the account is asked with."""
        api = {"base_url": self.base_url, "timezone": self.timezone}
        return yaml.safe_dump({"api": {key: value for key, value in api.items() if value}})


def drop_wrong_types(seen: Observations, answers: Answers) -> None:
    """Forget what was asked of devices of unknown type under types that they are not of.

    A device that answers under no type stays with the first one, so that its failure is told.
    """
    wrong = set()
    for sn in distinct(sn for given, sn in answers.devices if given == UNKNOWN):
        types = [device.type for device in seen.devices if serial_key(device.sn) == serial_key(sn)]
        right = [name for name in types if any(serial_key(one.sn) == serial_key(sn) for one, _ in seen.good(name))]
        wrong |= {(name, serial_key(sn)) for name in types if name != (right or types)[0]}
    seen.devices = [device for device in seen.devices if device.key not in wrong]
    seen.exchanges = [
        exchange
        for exchange in seen.exchanges
        if exchange.subject is Subject.LIST or (exchange.type, serial_key(exchange.sn)) not in wrong
    ]
    seen.plan = replace(seen.plan, devices=tuple(device for device in seen.plan.devices if device.key not in wrong))


def config_text(config: Config, answers: Answers, seen: Observations, checks: Sequence[Check]) -> str:
    """Return the text of the config file, with comments."""
    lines = [
        "# Made by `atess-exporter init`; `atess-exporter doctor` checks all of this. Every key:",
        f"# {SITE}configure/keys/",
        "api:",
    ]
    if answers.base_url and answers.base_url != ApiSection().base_url:
        lines += [f"  base_url: {_value(answers.base_url)}", ""]
    if answers.token_file:
        lines += ["  # The file that holds the token, and nothing else.", f"  token_file: {_value(answers.token_file)}", ""]
    else:
        lines += ["  # The token comes from the environment variable ATESS_API_TOKEN.", ""]
    lines += [
        "  # For the whole account. The vendor publishes no limit: ask for yours.",
        f"  requests_per_minute: {config.api.requests_per_minute:g}",
        "",
        *_zone(answers, checks),
    ]
    if answers.datalog_sns:
        loggers = list(answers.datalog_sns)
        lines += [
            "",
            "# The devices are found in the lists of these data loggers.",
            *_dump({"discovery": {"datalog_sns": loggers}}),
        ]
        found: dict[str, list[str]] = {}
        for listing in seen.listed():
            found.setdefault(listing.type, []).append(listing.sn)
        lines += [f"# {name}: {', '.join(_plain(sn) for sn in sns)}" for name, sns in found.items()]
    devices: dict[str, list[str]] = {}
    for device in seen.plan.devices:
        devices.setdefault(device.type, []).append(device.sn)
    if devices:
        lines += ["", "# The devices, by type.", *_dump({"devices": devices})]
    changes = {keys: value for check in checks for keys, value in check.config.items() if keys[0] == "types"}
    if changes:
        types: dict[str, dict[str, Any]] = {}
        for keys, value in changes.items():
            types.setdefault(keys[1], {})[keys[2]] = value
        lines += ["", "# Paths that were found elsewhere than they are expected.", *_dump({"types": types})]
    return "\n".join(lines) + "\n"


def proposed_zone(checks: Sequence[Check]) -> str | None:
    """Return a zone that is sure to fit the devices' clocks now; None if that is not known."""
    return next((check.config["api", "timezone"] for check in checks if ("api", "timezone") in check.config), None)


def relative(file: Path, config: Path) -> str:
    """Return how the config at `config` names a file."""
    file, folder = file.resolve(), config.parent.resolve()
    return str(file.relative_to(folder)) if file.is_relative_to(folder) else str(file)


def _zone(answers: Answers, checks: Sequence[Check]) -> list[str]:
    if answers.timezone:
        return ["  # The zone of the clocks in the devices.", f"  timezone: {_value(answers.timezone)}"]
    if zone := proposed_zone(checks):
        return [
            "  # Fits the clocks in the devices now. If clocks change there, name the place: Europe/Berlin.",
            f"  timezone: {zone}",
        ]
    return [
        "  # The zone of the clocks in the devices: without it the age of their data is not known.",
        "  # timezone: Europe/Berlin",
    ]


def _dump(data: Mapping[str, Any]) -> list[str]:
    return yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True).splitlines()


def _value(text: str) -> str:
    return str(yaml.safe_dump(text, allow_unicode=True, width=10_000)).removesuffix("\n...\n").rstrip("\n")


def _plain(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text)
