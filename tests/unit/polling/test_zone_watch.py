"""Fleets whose devices upload every 5 minutes and are polled every 5 minutes, on a fake clock."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import structlog

from exporter.metrics.self_metrics import SelfMetrics
from exporter.polling.zone_watch import FittingZone, ZoneFit, ZoneWatch
from tests.helpers.fakes import FakeClock, samples

INTERVAL = 300.0
BANGKOK = ZoneInfo("Asia/Bangkok")
METRIC = "atess_exporter_timezone_offset_seconds"


class Device:
    """Uploads every 5 minutes, `late` seconds late, what its clock shows, which is `fast` seconds fast."""

    def __init__(self, number: int, zone: ZoneInfo, late: float = 0.0, fast: float = 0.0) -> None:
        self.key = ("pbd", f"D{number}")
        self.zone, self.late, self.fast = zone, late, fast
        self.online = True
        #: When it uploads, and when it is polled, within the interval.
        self.phase, self.polled = number * 37 % 300, number * 83 % 300
        self.time: str | None = None

    def answer(self, wall: float) -> str | None:
        """The time of its latest reading that has reached the cloud."""
        if self.online or self.time is None:
            upload = (wall - self.late - self.phase) // INTERVAL * INTERVAL + self.phase
            local = datetime.fromtimestamp(upload, UTC).astimezone(self.zone) + timedelta(seconds=self.fast)
            self.time = local.strftime("%Y-%m-%d %H:%M:%S")
        return self.time


class Site:
    def __init__(self, clock: FakeClock, zone: str | None, *devices: Device, at: str = "2026-06-01 12:00:00") -> None:
        self.clock = clock
        clock.wall_offset = datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() - clock.moment
        self.metrics = SelfMetrics("0", [], [])
        self.watch = ZoneWatch(self.metrics, clock)
        self.watch.configure(ZoneInfo(zone) if zone else None)
        self.devices = list(devices)

    def run(self, minutes: float) -> None:
        for _ in range(round(minutes * 60)):
            self.clock.advance(1)
            wall = self.clock.wall()
            for device in self.devices:
                if wall % INTERVAL == device.polled:
                    self.watch.observe(device.key, device.answer(wall), INTERVAL)
        self.watch.expire()

    def fit(self) -> ZoneFit:
        return self.watch.fit()

    def metric(self) -> dict[str, float]:
        shown = samples(self.metrics.render(openmetrics=False))
        return {name.removeprefix(METRIC): value for name, value in shown.items() if name.startswith(METRIC)}


def fleet(count: int, zone: str, first: int = 0, **facts: float) -> list[Device]:
    return [Device(first + number, ZoneInfo(zone), **facts) for number in range(count)]


@pytest.mark.parametrize(
    ("configured", "real", "at", "shift", "fits"),
    [
        ("Europe/London", "Asia/Bangkok", "2026-06-01 12:00:00", 6 * 3600, "Etc/GMT-7"),
        ("Asia/Tokyo", "Asia/Bangkok", "2026-06-01 12:00:00", -2 * 3600, "Asia/Bangkok"),
        # whoever forgets that these count hours west
        ("Etc/GMT+7", "Asia/Bangkok", "2026-06-01 12:00:00", 14 * 3600, "Etc/GMT-7"),
        ("America/Chicago", "America/New_York", "2026-06-01 12:00:00", 3600, "America/New_York"),
        ("Asia/Bangkok", "Asia/Kolkata", "2026-06-01 12:00:00", -90 * 60, "Asia/Colombo"),
        ("Etc/UTC", "Asia/Kathmandu", "2026-06-01 12:00:00", 345 * 60, "Asia/Kathmandu"),
        ("Asia/Kolkata", "Asia/Kathmandu", "2026-06-01 12:00:00", 15 * 60, "Asia/Kathmandu"),
        # clocks that nobody puts forward in summer
        ("Europe/Berlin", "Etc/GMT-1", "2026-06-01 12:00:00", -3600, "Etc/GMT-1"),
        # and those that are left in summer time
        ("Europe/Berlin", "Etc/GMT-2", "2026-12-01 12:00:00", 3600, "Etc/GMT-2"),
    ],
)
def test_a_wrong_zone_is_noticed_with_the_one_that_fits(
    clock: FakeClock, configured: str, real: str, at: str, shift: int, fits: str
) -> None:
    site = Site(clock, configured, *fleet(5, real), at=at)
    site.run(20)
    wrong = site.fit().wrong
    assert wrong is not None
    assert (wrong.shift, wrong.name, wrong.devices, site.fit().devices) == (shift, fits, 5, 5)
    assert site.metric() == {f'{{fits="{fits}",timezone="{configured}"}}': shift}


@pytest.mark.parametrize("zone", ["Asia/Bangkok", "Asia/Kathmandu", "America/St_Johns", "Europe/Berlin", "Pacific/Chatham"])
@pytest.mark.parametrize(("late", "fast"), [(0, 0), (300, 0), (570, 0), (0, 240), (0, -240), (20, 1)])
def test_the_right_zone_fits_whatever_the_delay_and_the_clock(clock: FakeClock, zone: str, late: float, fast: float) -> None:
    site = Site(clock, zone, *fleet(5, zone, late=late, fast=fast))
    site.run(40)
    assert site.metric() == {f'{{fits="{zone}",timezone="{zone}"}}': 0}
    assert site.fit().others == ()


@pytest.mark.parametrize("late", [1200, 1320, 1380, 2400])
def test_what_no_zone_explains_is_no_wrong_zone(clock: FakeClock, late: float) -> None:
    site = Site(clock, "Asia/Bangkok", *fleet(5, "Asia/Bangkok", late=late))
    site.run(40)
    assert (site.fit().devices, site.fit().groups, site.metric()) == (5, (), {})


def test_before_times_have_moved_twice_nothing_is_claimed(clock: FakeClock) -> None:
    site = Site(clock, "Europe/London", *fleet(5, "Asia/Bangkok"))
    site.run(10)
    assert (site.fit().groups, site.metric()) == ((), {})
    site.run(10)
    assert site.metric() != {}


def test_old_times_that_do_not_move_say_nothing(clock: FakeClock) -> None:
    """Two devices are on, in the right zone; eight have been off for an hour, or for seven."""
    off = [*fleet(4, "Asia/Bangkok", late=3600), *fleet(4, "Asia/Bangkok", first=4, late=7 * 3600)]
    for device in off:
        device.answer(datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp())
        device.online = False
    site = Site(clock, "Asia/Bangkok", *off, *fleet(2, "Asia/Bangkok", first=8))
    site.run(60)
    assert (site.fit().devices, site.fit().others) == (2, ())
    assert set(site.metric().values()) == {0}


def test_a_night_and_an_outage_are_no_wrong_zone(clock: FakeClock) -> None:
    """All devices go off for twelve hours; then for five hours nobody is polled though devices upload."""
    site = Site(clock, "Asia/Bangkok", *fleet(5, "Asia/Bangkok"))
    site.run(30)
    for device in site.devices:
        device.online = False
    with structlog.testing.capture_logs() as logs:
        site.run(720)
        assert set(site.metric().values()) == {0}
        for device in site.devices:
            device.online = True
        site.run(20)
        clock.advance(5 * 3600)
        site.run(20)
    assert (set(site.metric().values()), site.fit().others, logs) == ({0}, (), [])


def test_data_that_are_uploaded_late_all_at_once_are_no_wrong_zone(clock: FakeClock) -> None:
    """A data logger that was offline for five hours uploads what it kept, an hour's data at each poll."""
    site = Site(clock, "Asia/Bangkok", *fleet(5, "Asia/Bangkok"))
    site.run(30)
    for hours in (5, 4, 3, 2, 1, 0):
        for device in site.devices:
            device.late = hours * 3600
        site.run(5)
        assert site.fit().others == ()
    site.run(15)
    assert set(site.metric().values()) == {0}


def test_most_devices_decide_and_the_others_are_told(clock: FakeClock) -> None:
    site = Site(clock, "Asia/Bangkok", *fleet(4, "Asia/Bangkok"), *fleet(3, "Asia/Tokyo", first=4))
    site.run(20)
    fit = site.fit()
    assert fit.wrong is None
    assert fit.most == FittingZone(0, "Asia/Bangkok", "UTC+07:00", 4)
    assert [(zone.shift, zone.utc, zone.devices) for zone in fit.others] == [(7200, "UTC+09:00", 3)]
    assert site.watch.shift(("pbd", "D0")) == 0
    assert site.watch.shift(("pbd", "D6")) == 7200
    assert site.watch.shift(("pbd", "D7")) is None
    assert list(site.metric().values()) == [0]


def test_half_of_the_devices_are_not_most(clock: FakeClock) -> None:
    site = Site(clock, "Asia/Bangkok", *fleet(3, "Asia/Bangkok"), *fleet(3, "Asia/Tokyo", first=3))
    site.run(20)
    assert (site.fit().most, site.metric()) == (None, {})
    assert {group.devices for group in site.fit().groups} == {3}


def test_it_is_logged_once_and_that_it_is_over_too(clock: FakeClock) -> None:
    site = Site(clock, "Etc/UTC", *fleet(5, "Asia/Bangkok"))
    with structlog.testing.capture_logs() as logs:
        site.run(120)
    assert logs == [
        {
            "event": "the readings' own times do not fit api.timezone",
            "log_level": "warning",
            "timezone": "Etc/UTC",
            "fits": "Etc/GMT-7",
            "offset_seconds": 25200,
            "devices": "3 of 5",
        }
    ]
    with structlog.testing.capture_logs() as logs:
        site.watch.configure(BANGKOK)
        site.watch.configure(BANGKOK)
    assert [(log["event"], log["log_level"]) for log in logs] == [("the readings' own times fit api.timezone", "info")]


def test_another_zone_holds_at_once_for_what_was_seen(clock: FakeClock) -> None:
    site = Site(clock, "Europe/London", *fleet(5, "Asia/Bangkok"))
    site.run(20)
    site.watch.configure(BANGKOK)
    assert site.fit().wrong is None
    assert site.metric() == {'{fits="Asia/Bangkok",timezone="Asia/Bangkok"}': 0}
    site.watch.configure(ZoneInfo("Asia/Tokyo"))
    assert site.metric() == {'{fits="Asia/Bangkok",timezone="Asia/Tokyo"}': -7200}
    site.watch.configure(None)
    assert site.metric() == {}


def test_without_a_zone_in_the_config_the_one_that_fits_is_found(clock: FakeClock) -> None:
    site = Site(clock, None, *fleet(5, "Asia/Bangkok"))
    with structlog.testing.capture_logs() as logs:
        site.run(20)
    fit = site.fit()
    assert (fit.configured, fit.most, fit.wrong, fit.others) == (None, FittingZone(25200, "Etc/GMT-7", "UTC+07:00", 5), None, ())
    assert (site.metric(), logs) == ({}, [])


def test_clocks_that_are_changed_on_time_fit_all_day(clock: FakeClock) -> None:
    """The last Sunday of March and of October in Berlin, at 01:00 UTC."""
    for day in ("2026-03-29", "2026-10-25"):
        site = Site(clock, "Europe/Berlin", *fleet(5, "Europe/Berlin", late=120), at=f"{day} 00:00:00")
        with structlog.testing.capture_logs() as logs:
            site.run(180)
        assert (set(site.metric().values()), site.fit().others, logs) == ({0}, (), [])


def test_clocks_that_are_not_changed_are_noticed(clock: FakeClock) -> None:
    site = Site(clock, "Europe/Berlin", *fleet(5, "Etc/GMT-1"), at="2026-03-29 00:00:00")
    site.run(50)
    assert set(site.metric().values()) == {0}
    site.run(90)
    assert site.metric() == {'{fits="Etc/GMT-1",timezone="Europe/Berlin"}': -3600}


def test_an_outage_does_not_make_a_wrong_zone_fit(clock: FakeClock) -> None:
    """After five hours without a poll a time that is two hours behind may just be old."""
    site = Site(clock, "Asia/Tokyo", *fleet(5, "Asia/Bangkok"))
    with structlog.testing.capture_logs() as logs:
        site.run(20)
        clock.advance(5 * 3600)
        for _ in range(15):
            site.run(1)
            assert set(site.metric().values()) == {-7200}
    assert len(logs) == 1


def test_an_offset_that_no_place_has_after_a_change_of_clocks_is_not_told(clock: FakeClock) -> None:
    """Devices in Kathmandu fall silent before summer time ends in Berlin: they were 3 h 45 min ahead of it."""
    site = Site(clock, "Europe/Berlin", *fleet(2, "Asia/Kathmandu"), at="2026-10-25 00:30:00")
    site.run(20)
    assert [zone.name for zone in site.fit().others] == ["Asia/Kathmandu"]
    for device in site.devices:
        device.online = False
    site.run(20)
    assert (site.fit().devices, site.fit().groups) == (2, ())


def test_devices_that_left_and_those_silent_for_a_day_count_no_more(clock: FakeClock) -> None:
    site = Site(clock, "Asia/Bangkok", *fleet(2, "Asia/Bangkok"), *fleet(3, "Asia/Tokyo", first=2))
    site.run(20)
    assert set(site.metric().values()) == {7200}
    for number in (2, 3):
        site.watch.forget(("pbd", f"D{number}"))
    site.devices = site.devices[:2] + site.devices[4:]
    assert set(site.metric().values()) == {0}
    for device in site.devices:
        device.online = False
    site.run(23 * 60)
    assert site.fit().devices == 3
    site.devices[1].online = True
    site.run(70)
    assert site.fit().devices == 1
    assert set(site.metric().values()) == {0}
    site.run(24 * 60)
    assert site.fit().devices == 1
    site.devices.clear()
    site.run(25 * 60)
    assert (site.fit().devices, site.metric()) == (0, {})


def test_times_that_name_their_zone_or_are_none_say_nothing(clock: FakeClock) -> None:
    site = Site(clock, "Etc/UTC")
    for times in (["2026-06-01T19:00:00+07:00", "2026-06-01T19:05:00+07:00"] * 3, [None, "soon", "later", "9999", None]):
        for time in times:
            clock.advance(300)
            site.watch.observe(("pbd", "D0"), time, INTERVAL)
    assert (site.fit().devices, site.metric()) == (0, {})


def test_rare_polls_tell_too(clock: FakeClock) -> None:
    """A large fleet is polled every two hours."""
    site = Site(clock, "Etc/UTC")
    device = Device(1, BANGKOK)
    for _ in range(4):
        clock.advance(7200)
        site.watch.observe(device.key, device.answer(clock.wall()), 7200)
    assert site.metric() == {'{fits="Etc/GMT-7",timezone="Etc/UTC"}': 25200}
