from exporter.web.json_views import device_document, encode
from tests.helpers.fakes import FakeClock, config, device
from tests.helpers.fleet import Fleet


def test_a_device_that_has_no_slot_yet_has_no_next_poll(clock: FakeClock) -> None:
    fleet = Fleet(clock, [device("A")])
    # a page may be asked for before the scheduler has planned what was just discovered
    fleet.readings.apply(config(), [device("A"), device("B")], 1.0)
    planned, new = fleet.readings.statuses()
    assert planned.next_poll is not None
    assert new.next_poll is None
    assert b'"next_poll_timestamp_seconds":null' in encode(device_document(new))
