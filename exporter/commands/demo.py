"""A simulated cloud and the real exporter against it in one process, for newcomers."""

import tempfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Final

import yaml

from exporter import logs
from exporter.app import App, AppOptions, pin_timezone
from exporter.commands import fail
from exporter.config.load import ConfigError, load
from exporter.process.signals import Signals, end
from exporter.simulator import Cloud, SimClock, demo_site, serve
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


def run(options: AppOptions, log_level: str, log_format: str, signals: Signals) -> int:
    """Run the demo until SIGTERM or SIGINT, then end the process. Return 1 if it cannot start."""
    try:
        code = _run(options, log_level, log_format, signals)
    except (ConfigError, ListenError) as error:
        return fail(error)
    return end(code)


def _run(options: AppOptions, log_level: str, log_format: str, signals: Signals) -> int:
    pin_timezone()
    offset = _zone_with_sun(datetime.now(UTC))
    clock = SimClock(
        start=datetime.now(UTC).astimezone(timezone(timedelta(hours=offset))),
        timezone=timezone(timedelta(hours=offset)),
    )
    cloud = Cloud(demo_site(clock.now()), clock, token=_TOKEN, upload_interval=INTERVAL)
    with serve(cloud) as served, tempfile.TemporaryDirectory(prefix="atess-exporter-demo-") as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(_config(served.url, cloud, offset), encoding="utf-8")
        app = App(load(path, {}), options)
        logs.configure(log_level, log_format, app.hide)
        print(
            f"Simulated data, no real device behind them. Open {app.url}/ or scrape {app.url}{options.telemetry_path}",
            flush=True,
        )
        print("Ctrl-C ends it.", flush=True)
        return app.run(signals)


def _zone_with_sun(now: datetime) -> int:
    """Return how many hours east of UTC it is _SITE_HOUR now, or as near as time zones go."""
    hours = (_SITE_HOUR - now.hour) % 24
    return hours if hours <= 14 else hours - 24


def _config(url: str, cloud: Cloud, offset: int) -> str:
    # in Etc/GMT+n, n counts hours west of Greenwich
    zone = f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"
    return yaml.safe_dump(
        {
            "api": {"base_url": url, "token": _TOKEN, "requests_per_minute": 600, "timezone": zone},
            "poll": {"interval": INTERVAL, "stale_after": STALE_AFTER},
            "discovery": {"datalog_sns": sorted({device.datalog_sn for device in cloud.devices}), "interval": DISCOVERY_INTERVAL},
            "settings": {"interval": SETTINGS_INTERVAL},
        }
    )
