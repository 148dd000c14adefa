"""A simulated cloud and the real exporter against it in one process, for newcomers; or a capture of a real account."""

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import yaml

from exporter import logs
from exporter.app import App, AppOptions
from exporter.commands import fail
from exporter.config.load import ConfigError, load
from exporter.process.signals import Signals, end
from exporter.simulator import Cloud, Replay, ServedCloud, SimClock, demo_site, serve, serve_replay
from exporter.web import ListenError

#: Seconds between two polls of a device.
INTERVAL: Final = 10

#: Seconds between two requests for a data logger's list, and for a device's settings.
DISCOVERY_INTERVAL: Final = 60
SETTINGS_INTERVAL: Final = 300

#: Seconds after which a reading that no longer changes is stale; short, so that the offline device soon shows how that looks.
STALE_AFTER: Final = 60

#: Hour of the day at which the simulated site starts, so that the sun shines whenever the demo runs.
_SITE_HOUR: Final = 10

#: Made up; the simulated cloud accepts no other.
_TOKEN: Final = "Basic ZGVtbzpub3QtYS1zZWNyZXQ="  # noqa: S105


def run(options: AppOptions, log_level: str, log_format: str, signals: Signals, capture: Path | None = None) -> int:
    """Run the demo until SIGTERM or SIGINT, then end the process; with what `doctor --capture` kept, if that is given.

    Return 1 if it cannot start.
    """
    try:
        if capture is not None:
            replay = Replay(capture)
            told = f"What was captured in {capture}, moved to now."
            code = _run(serve_replay(replay), lambda url: _replayed(url, replay), told, options, log_level, log_format, signals)
        else:
            cloud, offset = _site()
            told = "Simulated data, no real device behind them."
            code = _run(serve(cloud), lambda url: _config(url, cloud, offset), told, options, log_level, log_format, signals)
    except (ConfigError, ListenError, ValueError) as error:
        return fail(error, options.route_prefix)
    return end(code)


def _site() -> tuple[Cloud, int]:
    """Return the simulated site, and by how many hours its clocks are east of UTC."""
    offset = _zone_with_sun(datetime.now(UTC))
    clock = SimClock(
        start=datetime.now(UTC).astimezone(timezone(timedelta(hours=offset))),
        timezone=timezone(timedelta(hours=offset)),
    )
    return Cloud(demo_site(clock.now()), clock, token=_TOKEN, upload_interval=INTERVAL), offset


def _run(
    server: AbstractContextManager[ServedCloud],
    config: Callable[[str], dict[str, Any]],
    told: str,
    options: AppOptions,
    log_level: str,
    log_format: str,
    signals: Signals,
) -> int:
    with server as served, tempfile.TemporaryDirectory(prefix="atess-exporter-demo-") as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(yaml.safe_dump(config(served.url)), encoding="utf-8")
        app = App(load(path, {}), options)
        logs.configure(log_level, log_format, app.hide)
        print(f"{told} Open {app.url}/ or scrape {app.url}{options.telemetry_path}", flush=True)
        print("Ctrl-C ends it.", flush=True)
        return app.run(signals)


def _zone_with_sun(now: datetime) -> int:
    """Return how many hours east of UTC it is _SITE_HOUR now, or as near as time zones go."""
    hours = (_SITE_HOUR - now.hour) % 24
    return hours if hours <= 14 else hours - 24


def _config(url: str, cloud: Cloud, offset: int) -> dict[str, Any]:
    return {
        "api": _api(url, _zone(offset)),
        "poll": {"interval": INTERVAL, "stale_after": STALE_AFTER},
        "discovery": {"datalog_sns": sorted({device.datalog_sn for device in cloud.devices}), "interval": DISCOVERY_INTERVAL},
        "settings": {"interval": SETTINGS_INTERVAL},
    }


def _replayed(url: str, replay: Replay) -> dict[str, Any]:
    keys = {"reading": "path", "history": "history_path", "list": "list_path", "settings": "settings_path"}
    devices: dict[str, list[str]] = {}
    for device_type, sn in replay.devices:
        devices.setdefault(device_type, []).append(sn)
    types = {
        name: {keys[subject]: path for subject, path in paths.items()}
        for name, paths in replay.paths.items()
        if "reading" in paths
    }
    hours, rest = divmod(replay.utc_offset, 3600)
    config: dict[str, Any] = {
        "api": _api(url, _zone(int(hours)) if rest == 0 else None),
        "poll": {"interval": INTERVAL},
        "settings": {"interval": SETTINGS_INTERVAL},
        "types": types,
        "devices": {name: sns for name, sns in devices.items() if name in types},
    }
    if replay.data_loggers:
        config["discovery"] = {"datalog_sns": replay.data_loggers, "interval": DISCOVERY_INTERVAL}
    return config


def _api(url: str, zone: str | None) -> dict[str, Any]:
    return {"base_url": url, "token": _TOKEN, "requests_per_minute": 600} | ({"timezone": zone} if zone else {})


def _zone(hours: int) -> str:
    # in Etc/GMT+n, n counts hours west of Greenwich
    return f"Etc/GMT{-hours:+d}" if hours else "Etc/GMT"
