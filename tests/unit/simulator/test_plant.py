"""What must hold for every device at any time: the numbers in one reading, and in a row of them, fit together."""

from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.simulator import Cloud, SimClock, SimDevice, fleet
from exporter.simulator.clock import Calendar
from exporter.simulator.device import TYPES
from exporter.simulator.pattern import CHARGE_EFFICIENCY, DAYS, VARIANTS, pattern
from exporter.simulator.plant import Measurement, Plant

BANGKOK, BERLIN = ZoneInfo("Asia/Bangkok"), ZoneInfo("Europe/Berlin")
MONDAY = datetime(2026, 5, 4, tzinfo=BANGKOK)
CALENDAR = Calendar(BANGKOK)
DAILY_AND_LIFETIME = {
    "pbd": {"epvToday": "epvTotal", "echargeToday": "ebatChargeTotal", "edischargeToday": "ebatDischargeTotal",
            "epvTimeToday": "epvTimeTotal", "outDailyDischarge": "outTotalDischarge"},
    "pcs": {"eChargeToday": "eChargeTotal", "eDischargeToday": "eDischargeTotal", "gridToday": "gridTotal",
            "loadToday": "loadTotal", "toGridToday": "toGridTotal", "loadTimeToday": "loadTimeTotal"},
    "hps_central": {"epvToday": "epvTotal", "eloadToday": "eLoadTotal", "egridToday": "eGridTotal",
                    "etoGridToday": "eToGridTotal", "echargeToday": "ebatChargeTotal"},
    "bcu": {"echargeToday": "ebatChargeTotal", "edischargeToday": "ebatDischargeTotal"},
}  # fmt: skip

devices = st.builds(SimDevice, st.sampled_from(TYPES), st.text("ABC0123456789", min_size=1, max_size=10))
instants = st.datetimes(datetime(2018, 1, 2), datetime(2090, 1, 1)).map(lambda at: at.replace(tzinfo=BANGKOK))


def cloud_of(*devices: SimDevice, zone: ZoneInfo = BANGKOK) -> Cloud:
    return Cloud(devices, SimClock(MONDAY, timezone=zone, monotonic=lambda: 0.0))


def week(cloud: Cloud, kind: str, start: datetime = MONDAY) -> list[dict[str, Any]]:
    """All readings of a week and a day, every 15 minutes."""
    return [cloud.reading(kind, "X", start + timedelta(minutes=15 * step)) for step in range(8 * 96)]


@settings(max_examples=200, deadline=None)
@given(devices, instants, st.integers(0, 3))
def test_power_balances_at_any_time(device: SimDevice, at: datetime, seed: int) -> None:
    now: Measurement = Plant(seed, device).measure(CALENDAR, at.timestamp())
    watts = now.watts
    assert min(watts) >= 0
    assert watts.pv + watts.discharge + watts.imported == watts.load + watts.charge + watts.exported
    assert sum(now.solar.watts) == watts.pv
    if not time(6) <= at.time() <= time(18):
        assert watts.pv == 0
        assert now.solar.volts == 0
    battery = now.battery
    assert 0.149 <= battery.soc <= 0.951
    assert battery.volts * battery.amps == pytest.approx(watts.discharge - watts.charge, abs=0.05 * battery.volts + 1)
    assert battery.cell_min < battery.cell_max
    assert battery.temp_min < battery.temp_max


def test_power_balances_in_the_fields_of_a_reading() -> None:
    cloud = cloud_of(SimDevice("pcs", "X"), SimDevice("hps_central", "X"))
    for pcs in week(cloud, "pcs"):
        assert pcs["ppv"] + pcs["powerGird"] == pcs["loadActivePower"] + pcs["pacToBattery"] + pcs["toPowerGird"]
    for hps in week(cloud, "hps_central"):
        battery = hps["vbat"] * hps["ibat"]
        assert hps["ppv1"] + battery + hps["bActivePower"] == pytest.approx(hps["loadActivePower"], abs=40)
        assert hps["ppv"] + hps["ppv2"] + hps["ppv3"] == hps["ppv1"]


def test_energy_balances_over_a_day() -> None:
    cloud = cloud_of(SimDevice("hps_central", "X"))
    for reading in week(cloud, "hps_central")[95::96]:
        into = reading["epvToday"] + reading["edischargeToday"] + reading["egridToday"]
        out = reading["eloadToday"] + reading["echargeToday"] + reading["etoGridToday"]
        assert into == pytest.approx(out, abs=0.6)
        assert into > 50


def test_energy_is_the_power_over_time() -> None:
    start = MONDAY + timedelta(hours=9)
    cloud = cloud_of(SimDevice("hps_central", "X"))
    readings = [cloud.reading("hps_central", "X", start + timedelta(minutes=5 * step)) for step in range(37)]
    powers: list[Any] = [reading["ppv1"] for reading in readings]
    energy = sum((one + two) / 2 for one, two in pairwise(powers)) / 1000 / 12
    grown: Any = readings[-1]["epvTotal"]
    grown -= readings[0]["epvTotal"]
    assert energy > 50
    assert grown == pytest.approx(energy, rel=0.01, abs=0.2)


@pytest.mark.parametrize("variant", range(VARIANTS))
def test_state_of_charge_follows_charge_and_discharge(variant: int) -> None:
    days = pattern(1, variant)
    for number, day in enumerate(days.days):
        charged, discharged = day.energy[2], day.energy[3]
        for step in range(0, 289, 12):
            stored = (CHARGE_EFFICIENCY * charged[step] - discharged[step]) / 1e6
            assert (day.soc[step] - day.soc[0]) * days.hours == pytest.approx(stored, abs=1e-3)
        assert day.soc[-1] == pytest.approx(days.days[(number + 1) % DAYS].soc[0])


@pytest.mark.parametrize("kind", DAILY_AND_LIFETIME)
def test_lifetime_counters_only_grow_and_are_midnight_plus_today(kind: str) -> None:
    cloud = cloud_of(SimDevice(kind, "X"))
    readings = week(cloud, kind)
    for today, lifetime in DAILY_AND_LIFETIME[kind].items():
        # 32-bit floats of a large counter are only good to about 0.1, and times in total have tenths of an hour
        in_hours = lifetime.endswith("TimeTotal")
        slack = 0.2 if lifetime == "outTotalDischarge" else 0.101 if in_hours else 1e-3
        unit = 60 if in_hours else 1
        assert all(later[lifetime] >= earlier[lifetime] for earlier, later in pairwise(readings)), lifetime
        assert readings[-1][lifetime] > readings[0][lifetime]
        by_day: dict[str, list[dict[str, Any]]] = {}
        for reading in readings:
            by_day.setdefault(reading["time"][:10], []).append(reading)
        for day in list(by_day.values())[1:]:
            assert day[0][today] <= 15
            assert all(later[today] >= earlier[today] for earlier, later in pairwise(day)), today
            midnight = day[0][lifetime] - day[0][today] / unit
            assert all(reading[lifetime] - reading[today] / unit == pytest.approx(midnight, abs=slack) for reading in day)


def test_counters_survive_the_end_of_the_pattern_and_many_years() -> None:
    plant = Plant(1, SimDevice("hps_central", "X"))
    for years in (0, 10, 40):
        start = MONDAY + timedelta(days=365 * years)
        totals = [plant.measure(CALENDAR, (start + timedelta(hours=6 * step)).timestamp()) for step in range(4 * 40)]
        for earlier, later in pairwise(totals):
            assert all(new >= old for old, new in zip(earlier.kwh_total, later.kwh_total, strict=True))
            assert all(new >= old for old, new in zip(earlier.minutes_total, later.minutes_total, strict=True))


@pytest.mark.parametrize("change", [datetime(2026, 3, 28), datetime(2026, 10, 24)])
def test_counters_do_not_run_back_when_clocks_change(change: datetime) -> None:
    plant, calendar = Plant(1, SimDevice("hps_central", "X")), Calendar(BERLIN)
    start = change.replace(tzinfo=BERLIN).timestamp()
    snapshots = [plant.measure(calendar, start + 600 * step) for step in range(3 * 144)]
    resets = 0
    for earlier, later in pairwise(snapshots):
        assert all(new >= old for old, new in zip(earlier.kwh_total, later.kwh_total, strict=True))
        if later.kwh_today.load < earlier.kwh_today.load:
            resets += 1
            assert later.time[11:] == "00:00:00"
            assert later.time[:10] > earlier.time[:10]
    assert resets in (2, 3)


def test_the_inverter_is_warmer_when_it_works() -> None:
    plant = Plant(1, SimDevice("pcs", "X"))
    night, noon = (plant.measure(CALENDAR, (MONDAY + timedelta(hours=hours)).timestamp()) for hours in (3, 12.5))
    assert noon.inverter_temp - noon.ambient_temp > night.inverter_temp - night.ambient_temp + 3


def test_sun_clouds_and_peaks() -> None:
    readings = week(cloud_of(SimDevice("hps_central", "X")), "hps_central")
    noons = [reading["ppv1"] for reading in readings[48::96]]
    assert min(noons) > 0
    assert max(noons) > 1.05 * min(noons)
    load = {hour: sum(r["loadActivePower"] for r in readings[4 * hour :: 96]) for hour in (3, 7, 13, 19)}
    assert load[7] > 1.3 * load[3]
    assert load[19] > 1.3 * load[13]


def test_devices_and_seeds_differ() -> None:
    clock = SimClock(MONDAY + timedelta(hours=12), timezone=BANGKOK, monotonic=lambda: 0.0)
    pbds = [device for device in fleet(60, seed=1) if device.type == "pbd"]
    powers = {Cloud(pbds, clock).reading("pbd", device.sn)["ppv"] for device in pbds}
    assert len(powers) == len(pbds)
    one, two = (Cloud(pbds, clock, seed=seed).reading("pbd", pbds[0].sn) for seed in (1, 2))
    assert one["ppv"] != two["ppv"]
