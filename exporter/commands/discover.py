"""The `discover` subcommand: the devices of data loggers as a device list, ready for the config."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
import yaml

from exporter import logs
from exporter.api.errors import EnercloError
from exporter.api.session import open_session
from exporter.catalogue.serials import distinct
from exporter.clock import Clock
from exporter.commands import fail
from exporter.config.load import Config, ConfigError, load
from exporter.polling.discovery import Discovery

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DiscoveredList:
    """The devices found, as a `devices:` block for the config (`yaml`), and how many there are.

    `failures` counts the lists that could not be read; their devices are missing.
    """

    yaml: str
    devices: int
    failures: int


def run(path: Path, datalog_sns: Sequence[str], log_level: str, log_format: str) -> int:
    """Print the device list. Return 1 if the config is wrong, no device was found or a list could not be read."""
    try:
        config = load(path, devices_needed=False)
    except ConfigError as error:
        return fail(error)
    logs.configure(log_level, log_format, config.token.hide_in)
    found = list_devices(config, datalog_sns)
    print(found.yaml, end="")
    return 0 if found.devices and not found.failures else 1


def list_devices(config: Config, datalog_sns: Sequence[str]) -> DiscoveredList:
    """Request the lists of all types once. A list that cannot be read is logged; the others count."""
    session = open_session(config.api, config.token, Clock(), config.api.requests_per_minute)
    discovery = Discovery(session, lambda listings: None)
    lists: dict[str, list[dict[str, object]]] = {}
    seen = set()
    failures = 0
    for device_type in config.types.values():
        for datalog_sn in distinct(sn.strip() for sn in datalog_sns):
            try:
                listings = discovery.read_list(device_type, datalog_sn)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one list, the others are requested
                failures += 1
                _log.warning(
                    "failed to read a list of devices",
                    type=device_type.type,
                    datalog_sn=datalog_sn,
                    reason=error.reason if isinstance(error, EnercloError) else "internal",
                    error=str(error) or type(error).__name__,
                )
                continue
            for listing in listings:
                if listing.key not in seen:
                    seen.add(listing.key)
                    lists.setdefault(listing.type, []).append({"deviceSn": listing.sn, "info": dict(listing.info)})
    session.close()
    return DiscoveredList(yaml.safe_dump({"devices": lists}, sort_keys=False, allow_unicode=True), len(seen), failures)
