"""What the pages are told, from the polls of a whole scheduler on a fake clock."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import structlog

from exporter.api.errors import ApiError, ConnectionFailed, NotFound, RateLimited, TimedOut, Unauthorized
from exporter.catalogue.faults import FaultWords
from exporter.catalogue.kinds import Kinds
from exporter.catalogue.types import DeviceType, Evidence, FieldInfo, load_catalogue, load_fault_groups
from exporter.config.schema import ApiSection
from exporter.config.token import Token
from exporter.polling.scheduler import TICK
from exporter.polling.status import DeviceState, DeviceStatus, FieldValue, PollResult
from exporter.polling.zone_watch import FittingZone
from exporter.web.overview import Overview
from tests.helpers.fakes import FakeClock, device
from tests.helpers.fleet import Fleet, devices, failing


class Bench(Fleet):
    """A fleet and what is said of it."""

    settings: tuple[tuple[str, str | None, int | float], ...] = ()

    @property
    def overview(self) -> Overview:
        return Overview(self.readings, lambda key: self.settings, self.account, self.clock, load_catalogue())

    def status(self, sn: str = "S0") -> DeviceStatus:
        return next(entry for entry in self.overview.devices() if entry.sn == sn)

    def detail(self, sn: str = "S0") -> DeviceStatus:
        detail = self.overview.device("pbd", sn)
        assert detail is not None
        return detail


def test_before_its_first_poll_a_device_waits_and_nothing_is_claimed(clock: FakeClock) -> None:
    bench = Bench(clock, devices(2))
    status = bench.status("S1")
    assert status.state is DeviceState.WAITING
    assert (status.reason, status.stale_cause, status.data_age, status.last_success, status.last_poll) == (None,) * 5
    assert {bench.status(sn).next_poll for sn in ("S0", "S1")} == {clock.wall(), clock.wall() + 15}
    detail = bench.detail("S1")
    assert replace(detail, title="", fields=(), texts=(), polls=(), settings=(), powers=()) == status
    assert (detail.fields, detail.polls, detail.error) == ([], [], None)


def test_a_device_that_answers_is_up_with_its_poll_and_its_reading(clock: FakeClock) -> None:
    bench = Bench(clock, devices(1, 300))
    bench.run(TICK)
    polled = clock.wall()
    bench.run(59.75)
    status = bench.status()
    assert status.state is DeviceState.UP
    assert status.last_poll == PollResult(polled, 0.0, None)
    assert status.last_success == polled
    assert status.data_age == 59.75
    assert status.interval == 300
    assert status.next_poll is not None
    before = len(bench.sent)
    bench.run(status.next_poll - clock.wall() - TICK)
    assert len(bench.sent) == before
    bench.run(2 * TICK)
    assert len(bench.sent) == before + 1


def test_the_zone_that_fits_the_readings_times_is_told(clock: FakeClock) -> None:
    bench = Bench(clock, devices(3))
    # midnight
    clock.wall_offset += -clock.wall() % 86400
    bench.apply(devices(3), api=ApiSection(timezone="Etc/UTC"))
    # each device's clock is in Bangkok, S2's in Greenwich
    bench.answer = lambda sn: {"ppv": 1, "time": f"{datetime.fromtimestamp(clock.wall() + 25200 * (sn != 'S2'), UTC):%F %T}"}
    bench.run(1000)
    fit = bench.overview.zone_fit
    assert fit.wrong == FittingZone(25200, "Etc/GMT-7", "UTC+07:00", 2)
    assert [bench.status(sn).zone for sn in ("S0", "S1", "S2")] == [fit.wrong, fit.wrong, fit.of(0)]
    assert bench.detail().zone == fit.wrong
    bench.apply(devices(1), api=ApiSection(timezone="Asia/Bangkok"))
    assert bench.overview.zone_fit.groups == (FittingZone(0, "Asia/Bangkok", "UTC+07:00", 1),)


def test_what_the_catalogue_knows_of_a_field_is_said_and_what_it_does_not_know_is_not(clock: FakeClock) -> None:
    bench = Bench(clock, devices(1))
    bench.answer = lambda sn: {"vbat": 52.5, "status": 1, "novelty": 3, "deviceUp": 4, "no name": 5}
    bench.run(1)
    known = load_catalogue()["pbd"].fields
    detail = bench.detail()
    assert detail.fields == [
        FieldValue("vbat", "atess_vbat", 52.5, known["vbat"]),
        FieldValue("status", "atess_status", 1, known["status"]),
        FieldValue("novelty", "atess_novelty", 3),
        FieldValue("deviceUp", None, 4),
        FieldValue("no name", None, 5),
    ]
    assert [field.word for field in detail.fields] == [None, "check", None, None, None]
    assert detail.running_state == detail.fields[1]


def test_the_table_has_the_running_state_and_the_faults_too(clock: FakeClock) -> None:
    bench = Bench(clock, devices(2))
    words = {"pbd": FaultWords(load_catalogue()["pbd"].faults, load_fault_groups())}
    bench.apply(devices(2), fault_words=words)
    bench.answer = lambda sn: {"status": 3, "sysFaultWord2": 0xC000} if sn == "S0" else {"ppv": 1}
    bench.run(60)
    found = {status.sn: status for status in bench.overview.devices()}
    state, faults = found["S0"].running_state, found["S0"].faults
    assert state is not None
    assert (state.word, state.word_evidence) == ("error", Evidence.PROTOCOL)
    assert [(active.fault.name, active.fault.code) for active in faults or ()] == [("bms_communication", "2.6"), ("bms", "2.7")]
    assert (found["S1"].running_state, found["S1"].faults) == (None, None)
    # a fault word that is not among the documented fields of the type is described all the same
    (field,) = [field for field in bench.detail().fields if field.field == "sysFaultWord2"]
    assert field.known is not None
    assert (field.known.group, field.known.words) == (
        "status",
        "Fault word 2, a bit for each fault (as in the vendor's device protocol)",
    )


def test_a_failing_device_says_why_and_keeps_its_reading_until_it_is_too_old(clock: FakeClock) -> None:
    bench = Bench(clock, devices(1))
    bench.run(1)
    bench.answer = failing(ApiError("code 500: the message"))
    bench.run(600)
    detail = bench.detail()
    assert (detail.state, detail.reason, detail.stale_cause) == (DeviceState.FAILING, "api_error", None)
    assert detail.error == "code 500: the message"
    assert [field.field for field in detail.fields] == ["ppv"]
    assert {entry.reason for entry in detail.polls[:-1]} == {"api_error"}
    assert detail.polls[-1].reason is None
    bench.run(600)
    detail = bench.detail()
    assert (detail.state, detail.stale_cause, detail.fields) == (DeviceState.FAILING, "failing", [])
    bench.answer = lambda sn: {"ppv": 1}
    bench.run(3000)
    assert (bench.detail().error, bench.status().state, bench.status().reason) == (None, DeviceState.UP, None)


def test_a_device_whose_reading_stands_still_is_stale(clock: FakeClock) -> None:
    bench = Bench(clock, devices(1))
    bench.answer = lambda sn: {"ppv": 1, "time": "2026-11-22 10:00:00"}
    bench.run(2000)
    detail = bench.detail()
    assert (detail.state, detail.reason, detail.stale_cause) == (DeviceState.STALE, None, "frozen")
    assert detail.fields == []
    assert detail.data_time == "2026-11-22 10:00:00"
    assert detail.data_age is not None
    assert detail.data_age > 1900


def test_in_a_known_zone_the_age_is_that_of_the_readings_own_time(clock: FakeClock) -> None:
    bench = Bench(clock, [])
    bench.apply(devices(1), api=ApiSection(timezone="Asia/Bangkok"))
    bench.answer = lambda sn: {"ppv": 1, "time": "2026-09-22 00:00:00"}
    bench.run(1)
    status = bench.status()
    assert status.data_timestamp == 1790010000
    assert status.data_age == clock.wall() - 1790010000


@pytest.mark.parametrize(
    ("error", "suspended"),
    [(Unauthorized("code 403"), "unauthorized"), (ConnectionFailed("connection refused"), "unreachable")],
)
def test_while_the_account_is_suspended_no_poll_is_promised(
    clock: FakeClock, error: Unauthorized | ConnectionFailed, suspended: str
) -> None:
    bench = Bench(clock, devices(8, 10))
    bench.run(30)
    before = bench.overview.suspended
    bench.answer = failing(error)
    bench.run(60)
    assert (before, bench.overview.suspended) == (None, suspended)
    polled = bench.overview.devices()
    assert {entry.state for entry in polled} == {DeviceState.FAILING}
    assert {entry.next_poll for entry in polled} == {None}
    assert {entry.reason for entry in polled} == {"suspended"}


def test_a_device_that_is_backed_off_is_promised_its_real_next_poll(clock: FakeClock) -> None:
    bench = Bench(clock, devices(2, 10))
    bench.answer = lambda sn: {"ppv": 1} if sn == "S1" else failing(TimedOut("no answer"))(sn)
    bench.run(600)
    promised = bench.status().next_poll
    assert promised is not None
    asked = len(bench.times("S0"))
    bench.run(promised - clock.wall() - TICK)
    assert len(bench.times("S0")) == asked
    bench.run(2 * TICK)
    assert len(bench.times("S0")) == asked + 1


def test_a_poll_that_waits_for_its_turn_was_due_before_now(clock: FakeClock) -> None:
    bench = Bench(clock, devices(1))
    bench.clock.advance(1)
    bench.scheduler.tick()
    bench.clock.advance(5)
    status = bench.status()
    assert status.next_poll is not None
    assert clock.wall() - 7 < status.next_poll <= clock.wall() - 5


def test_a_poll_takes_from_its_first_request_to_its_last_answer(clock: FakeClock) -> None:
    bench = Bench(clock, devices(1))
    bench.clock.advance(1)

    def slow(sn: str) -> dict[str, int]:
        clock.advance(2)
        if len(bench.sent) == 1:
            raise ConnectionFailed("the connection broke")
        return {"ppv": 1}

    bench.answer = slow
    began = clock.wall()
    bench.run(TICK)
    poll = bench.status().last_poll
    assert poll is not None
    assert poll.duration == pytest.approx(4, abs=0.001)
    assert poll.at == pytest.approx(began + TICK, abs=0.1)


def test_being_slowed_down_is_a_reason_too(clock: FakeClock) -> None:
    bench = Bench(clock, devices(1))
    bench.answer = failing(RateLimited("HTTP status 429", 5))
    bench.run(1)
    assert (bench.status().state, bench.status().reason) == (DeviceState.FAILING, "rate_limited")


def test_the_last_twenty_polls_are_kept(clock: FakeClock) -> None:
    bench = Bench(clock, devices(1, 10))
    bench.run(600)
    polls = bench.detail().polls
    assert len(polls) == 20
    assert polls == sorted(polls, key=lambda entry: entry.at, reverse=True)


def test_what_is_said_of_a_device_follows_the_config(clock: FakeClock) -> None:
    bench = Bench(clock, devices(2))
    bench.apply([device("S0", site="Pai", interval=600)])
    status = bench.status()
    assert (status.info, status.interval) == ({"site": "Pai"}, 600)
    assert bench.overview.device("pbd", "S1") is None


def test_an_unknown_device_is_none(clock: FakeClock) -> None:
    bench = Bench(clock, devices(1))
    assert bench.overview.device("pbd", "S9") is None
    assert bench.overview.device("pcs", "S0") is None


def test_a_type_that_a_reload_has_just_removed_is_no_error(clock: FakeClock) -> None:
    bench = Bench(clock, devices(1))
    types: dict[str, DeviceType] = {}
    assert Overview(bench.readings, lambda key: (), bench.account, clock, types).device("pbd", "S0") is None


def test_fields_that_have_text_are_said_while_the_reading_is(clock: FakeClock) -> None:
    bench = Bench(clock, devices(1, 300))
    bench.answer = lambda sn: {"vbat": 52.5, "bmsProtection": "1E3", "note": "ok", "loggerSn": "123456789012"}
    bench.run(1)
    assert bench.detail().texts == (("note", "ok"), ("loggerSn", "123456789012"))
    assert [field.field for field in bench.detail().fields] == ["vbat", "bmsProtection"]
    # a plan says what the fields of a type are
    kinds = {"pbd": Kinds({"bmsProtection"}, {"loggerSn": "instant"})}
    bench.apply(devices(1), kinds=kinds)
    bench.run(600)
    assert bench.detail().texts == (("bmsProtection", "1E3"), ("note", "ok"))
    assert [field.field for field in bench.detail().fields] == ["vbat", "loggerSn"]
    bench.answer = failing(TimedOut("late"))
    bench.run(1500)
    assert bench.detail().stale_cause == "failing"
    assert (bench.detail().texts, bench.detail().fields) == ((), [])


def test_a_device_is_found_in_any_spelling_and_shown_in_the_config_s(clock: FakeClock) -> None:
    bench = Bench(clock, [device("UMD0D23202")])
    for sn in ("umd0d23202", " Umd0d23202 "):
        assert bench.detail(sn).sn == "UMD0D23202"


@pytest.mark.parametrize("fails", [False, True])
def test_waiting_for_the_rate_limiter_is_no_part_of_a_poll_s_duration(clock: FakeClock, fails: bool) -> None:
    bench = Bench(clock, devices(1), rate=1)
    bench.apply(devices(1, 3000))
    # another request has just gone out, so this poll waits a minute for its turn, and as long before it tries again
    bench.budget.acquire()

    def slow(sn: str) -> dict[str, int]:
        clock.advance(2)
        if len(bench.sent) == 1 or fails:
            raise ConnectionFailed("the connection broke")
        return {"ppv": 1}

    bench.answer = slow
    began = clock.wall()
    with structlog.testing.capture_logs() as logs:
        bench.run(30.25)
    poll = bench.status().last_poll
    assert poll is not None
    assert poll.duration == 4
    assert poll.at == pytest.approx(began + 60, abs=1)
    (told,) = [line for line in logs if "duration" in line]
    assert told["duration"] == 4


def test_settings_have_their_api_names_and_times_of_day_are_readable(clock: FakeClock) -> None:
    bench = Bench(clock, devices(1))
    known = {
        "powerLimit": FieldInfo(kind="setting", evidence=Evidence.DOCUMENTED, unit="kW", meaning="Power limit", basis="D"),
        "valleyPeriodTime5": FieldInfo(kind="time_of_day", evidence=Evidence.DOCUMENTED, meaning="Time of day", basis="D"),
    }
    pbd = load_catalogue()["pbd"].model_copy(update={"settings": known})
    bench.settings = (
        ("setting_powerLimit", "atess_setting_power_limit", 30),
        ("setting_valleyPeriodTime5_seconds", "atess_setting_valley_period_time5_seconds", 30600),
        ("setting_periodEnd_seconds", "atess_setting_period_end_seconds", 86400),
        ("setting_no name", None, 2.5),
    )
    device = Overview(bench.readings, lambda key: bench.settings, bench.account, clock, {"pbd": pbd}).device("pbd", "S0")
    assert device is not None
    assert device.settings == [
        FieldValue("powerLimit", "atess_setting_power_limit", 30, known["powerLimit"]),
        FieldValue("valleyPeriodTime5", "atess_setting_valley_period_time5_seconds", 30600, known["valleyPeriodTime5"], "08:30"),
        FieldValue("periodEnd", "atess_setting_period_end_seconds", 86400, None, "24:00"),
        FieldValue("no name", None, 2.5),
    ]


def test_a_device_that_backs_off_says_after_how_many_failures(clock: FakeClock) -> None:
    bench = Bench(clock, devices(1))
    bench.run(1)
    bench.answer = failing(ApiError("code 500: the message"))
    while bench.status().failures == 0:
        bench.run(300)
    status = bench.status()
    assert status.failures == sum(poll.reason is not None for poll in bench.detail().polls)
    assert status.failures >= 2
    assert status.next_poll is not None
    # what is skipped between is not told as if it were polled
    assert status.next_poll - bench.overview.now > 300 - TICK
    bench.answer = lambda sn: {"ppv": 1}
    bench.run(3000)
    assert bench.status().failures == bench.detail().failures == 0


def test_a_failing_device_says_what_to_do_and_another_reason_is_logged_too(clock: FakeClock) -> None:
    bench = Bench(clock, devices(1))
    with structlog.testing.capture_logs() as lines:
        bench.answer = failing(NotFound("code 400: no such device"))
        bench.run(1)
        assert "of another type than pbd: bcu, hps_central" in str(bench.status().remedy)
        bench.answer = failing(ApiError("code 500: the message"))
        while bench.status().reason != "api_error":
            bench.run(300)
        assert bench.detail().remedy == "If it stays so, ask the vendor what this code means for the device."
        bench.run(3000)
    told = [line for line in lines if line["log_level"] == "warning" and line["event"].startswith("device is down")]
    assert [(line["event"], line["reason"]) for line in told] == [
        ("device is down", "not_found"),
        ("device is down for another reason", "api_error"),
    ]
    assert all(line["remedy"] for line in told)
    bench.answer = lambda sn: {"ppv": 1}
    bench.run(3000)
    assert (bench.status().remedy, bench.detail().remedy) == (None, None)


def test_a_suspension_says_what_to_do_and_where_the_token_came_from(clock: FakeClock) -> None:
    bench = Bench(clock, devices(2), token=Token(value="secret", source="ATESS_API_TOKEN"))
    bench.answer = failing(Unauthorized("code 403"))
    with structlog.testing.capture_logs() as lines:
        bench.run(700)
    assert bench.overview.suspended == "unauthorized"
    told = bench.overview.suspension_remedy
    assert told is not None
    assert told.startswith("Compare the token in ATESS_API_TOKEN with the one that the vendor gave you")
    assert {bench.status(sn).remedy for sn in ("S0", "S1")} == {told}
    (opened,) = [line for line in lines if line["event"].startswith("circuit breaker open")]
    assert opened["remedy"] == told
    bench.answer = lambda sn: {"ppv": 1}
    bench.run(700)
    assert bench.overview.suspension_remedy is None
