"""The devices whose history is read where none are named."""

import structlog

from exporter.api.errors import EnercloError, NotFound
from exporter.api.session import Session, open_session
from exporter.backfill.plan import BackfillError
from exporter.catalogue.types import ApiPath
from exporter.clock import Clock
from exporter.config.load import Config
from exporter.polling.discovery import list_request

_log = structlog.get_logger()


def find_devices(config: Config, clock: Clock) -> list[tuple[str, str]]:
    """Return type and deviceSn of the config's devices, and of those in the lists of its data loggers, which are read once.

    Raises BackfillError if a list cannot be read: its devices would be missing, and nobody would notice.
    """
    found = [(device.type, device.sn) for device in config.devices]
    if config.discovery is None:
        return found
    _log.info("reading the lists of data loggers", datalog_sns=config.discovery.datalog_sns)
    session = open_session(config.api, config.token, clock, config.api.requests_per_minute)
    try:
        paths = {known.type: known.paths.list for known in config.discovered_types if known.paths.list}
        for name, path in paths.items():
            for datalog_sn in config.discovery.datalog_sns:
                found += [(name, sn) for sn in _read_list(session, path, name, datalog_sn)]
    finally:
        session.close()
    return found


def _read_list(session: Session, path: ApiPath, name: str, datalog_sn: str) -> list[str]:
    try:
        return [listing.sn for listing in session.get(*list_request(path, name, datalog_sn))]
    except NotFound as error:
        # the exporter goes on without this type, too
        _log.warning("cannot read a device list", datalog_sn=datalog_sn, type=name, reason=error.reason, error=str(error))
        return []
    except EnercloError as error:
        raise BackfillError(
            f"cannot read the list of {name} devices of {datalog_sn}: {error.reason}: {error}; "
            "try again, or name the devices with --devices"
        ) from None
