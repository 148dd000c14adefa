"""The `discover` subcommand: the devices of data loggers as a device list, ready for the config."""

from argparse import Namespace

import structlog
import yaml

from exporter import logs
from exporter.api.device_list import ListedDevice
from exporter.api.errors import EnercloError
from exporter.api.session import open_session
from exporter.catalogue.serials import distinct
from exporter.clock import Clock
from exporter.commands import fail
from exporter.config.load import ConfigError, load
from exporter.polling.discovery import list_request

_log = structlog.get_logger()


def run(options: Namespace) -> int:
    """Request the lists of all types once, and print the devices as a `devices:` block for the config.

    A list that cannot be read is logged; the others count. Return 1 if the config is wrong, no device was found or a list could
    not be read.
    """
    try:
        config = load(options.config, devices_needed=False)
    except ConfigError as error:
        return fail(error)
    logs.configure(options.log_level, options.log_format, config.token.hide_in)
    session = open_session(config.api, config.token, Clock(), config.api.requests_per_minute)
    lists: dict[str, list[dict[str, object]]] = {}
    seen = set()
    failures = 0
    paths = {device_type.type: device_type.paths.list for device_type in config.types.values() if device_type.paths.list}
    for device_type, path in paths.items():
        for datalog_sn in distinct(sn.strip() for sn in options.datalog_sns):
            try:
                listings: list[ListedDevice] = session.get(*list_request(path, device_type, datalog_sn))
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one list, the others are requested
                failures += 1
                _log.warning(
                    "failed to read a list of devices",
                    type=device_type,
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
    print(yaml.safe_dump({"devices": lists}, sort_keys=False, allow_unicode=True), end="")
    return 0 if seen and not failures else 1
