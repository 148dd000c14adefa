"""A simulated cloud and the real exporter against it in one process, for newcomers."""

import tempfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Final

import yaml

from exporter import logs
from exporter.app import App, Options, pin_timezone
from exporter.config.load import load
from exporter.process.signals import Signals
from exporter.simulator import Cloud, SimClock, demo_site, serve

#: Seconds between two polls of a device.
INTERVAL: Final = 10

#: Seconds between two looks at the lists of the data loggers, and at the settings.
DISCOVERY_INTERVAL: Final = 60
SETTINGS_INTERVAL: Final = 300

#: Seconds after which a reading that no longer moves is withheld; short, so that the offline device soon shows how.
STALE_AFTER: Final = 60

#: Hour of the day at which the simulated site starts, so that there is sun on it whenever the demo is run.
_SITE_HOUR: Final = 10

#: Made up; the simulated cloud accepts no other.
_TOKEN: Final = "Basic ZGVtbzpub3QtYS1zZWNyZXQ="  # noqa: S105


def run(
    listen: tuple[str, int], telemetry_path: str, web_config: Path | None, log_level: str, log_format: str, signals: Signals
) -> int:
    """Run until SIGTERM or SIGINT. Returns the exit code. Raises ListenError, and ConfigError for a bad web config."""
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
        app = App(load(path, {}), Options(listen, telemetry_path, web_config, simulated=True))
        logs.configure(log_level, log_format, lambda: app.token)
        print(
            f"Simulated data, no real device behind them. Open {app.url}/ or scrape {app.url}{telemetry_path}",
            flush=True,
        )
        print("Ctrl-C ends it.", flush=True)
        return app.run(signals)


def _zone_with_sun(now: datetime) -> int:
    """Hours east of UTC where it is _SITE_HOUR now, or as near as time zones go."""
    hours = (_SITE_HOUR - now.hour) % 24
    return hours if hours <= 14 else hours - 24


def _config(url: str, cloud: Cloud, offset: int) -> str:
    # the zone names of this family count west of Greenwich as positive
    zone = f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"
    return yaml.safe_dump(
        {
            "api": {"base_url": url, "token": _TOKEN, "requests_per_minute": 600, "timezone": zone},
            "poll": {"interval": INTERVAL, "stale_after": STALE_AFTER},
            "discovery": {"datalog_sns": sorted({device.datalog_sn for device in cloud.devices}), "interval": DISCOVERY_INTERVAL},
            "settings": {"interval": SETTINGS_INTERVAL},
        }
    )
