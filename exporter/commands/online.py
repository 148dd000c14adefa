"""`--config.check --online`: one reading of each device, and what to do about each that does not answer."""

import sys
from collections import Counter
from typing import Final

from exporter import logs
from exporter.api.errors import EnercloError
from exporter.api.reading import Reading, read
from exporter.api.session import CircuitOpenError, Session, open_session
from exporter.catalogue.kinds import BY_NAME
from exporter.catalogue.types import Device
from exporter.clock import Clock
from exporter.config.load import Config
from exporter.doctor.check import counted

_HEAD: Final = ("TYPE", "DEVICESN", "ANSWER", "REASON", "WHAT TO DO")


def ask_devices(config: Config, clock: Clock) -> int:
    """Ask for one reading of each device that the config lists, within its budget, and print a table. Return 1 if any fails."""
    logs.configure("error", "logfmt", config.token.hide_in)
    seconds = 60 * len(config.devices) / config.requests_per_minute
    print(f"Sending {counted(len(config.devices), 'request')}, which takes some {seconds:.0f} s.", file=sys.stderr, flush=True)
    session = open_session(config.api, config.token, clock, config.requests_per_minute)
    session.base_url, session.types = config.api.base_url, tuple(config.types)
    session.circuit_breaker.configure(len(config.devices))
    try:
        rows = [_ask(device, config, session) for device in config.devices]
    finally:
        session.close()
    widths = [max(len(row[column]) for row in (_HEAD, *rows)) for column in range(len(_HEAD) - 1)]
    for row in (_HEAD, *rows):
        print("  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip())
    counts = Counter(reason or "reading" for _, _, _, reason, _ in rows)
    print(f"\n{', '.join(f'{count} {outcome}' for outcome, count in counts.items()) or 'no device is listed'}.")
    return 1 if any(reason for _, _, _, reason, _ in rows) else 0


def _ask(device: Device, config: Config, session: Session) -> tuple[str, str, str, str, str]:
    kinds = config.kinds.get(device.type, BY_NAME)

    def reading(data: object) -> Reading:
        return read(data, device.sn, kinds, config.token.hide_in)

    try:
        answer: Reading = session.get(device.type, device.path, device.query, reading)
    except CircuitOpenError:
        return (device.type, device.sn, "not asked", "suspended", session.suspension_remedy or "")
    except EnercloError as error:
        session.record(device.key, error)
        remedy = session.advise(device, error.reason, str(error))
        return (device.type, device.sn, config.token.hide_in(str(error)), error.reason, remedy)
    session.record(device.key, None)
    return (device.type, device.sn, f"a reading with {len(answer.fields)} fields", "", "")
