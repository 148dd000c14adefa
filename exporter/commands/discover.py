"""The `discover` subcommand: the devices of data loggers as a device list, ready for the config."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
import yaml

from exporter import __version__
from exporter.api.circuit_breaker import CircuitBreaker
from exporter.api.client import Client
from exporter.api.errors import REASONS, EnercloError
from exporter.api.rate_limiter import RateLimiter
from exporter.api.session import Session
from exporter.catalogue.serials import distinct
from exporter.clock import Clock
from exporter.config.load import Config
from exporter.metrics.self_metrics import SelfMetrics
from exporter.polling.discovery import Discovery

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Found:
    """`yaml` is a `devices:` block that the config takes as it is; `devices` how many there are in it.

    `failures` counts the lists that could not be read: what they have is missing.
    """

    yaml: str
    devices: int
    failures: int


def device_list(config: Config, datalog_sns: Sequence[str]) -> Found:
    """Ask the lists of all types once. A list that cannot be read is a line in the log and loses nothing else."""
    clock, api = Clock(), config.api
    client = Client(api.base_url, config.token, language=api.language, timeout=api.timeout, concurrency=1)
    cloud = Session(
        client,
        config.token,
        RateLimiter(api.requests_per_minute, clock),
        CircuitBreaker(clock),
        SelfMetrics(__version__, REASONS, []),
    )
    discovery = Discovery(cloud, lambda listings: None)
    lists: dict[str, list[dict[str, object]]] = {}
    seen = set()
    failures = 0
    for device_type in config.types.values():
        for datalog_sn in distinct(sn.strip() for sn in datalog_sns):
            try:
                listings = discovery.ask(device_type, datalog_sn)
            except Exception as error:  # noqa: BLE001 - whatever one list has, the others are asked
                failures += 1
                _log.warning(
                    "a list could not be read",
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
    client.close()
    return Found(yaml.safe_dump({"devices": lists}, sort_keys=False, allow_unicode=True), len(seen), failures)
