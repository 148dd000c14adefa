from exporter.simulator.station import Uploads

UPLOADS = Uploads(interval=300.0, offset=40.0)


def test_the_last_upload_at_or_before_a_time() -> None:
    assert [UPLOADS.number(at) for at in (39.9, 40, 339.9, 340)] == [-1, 0, 0, 1]
    assert UPLOADS.timestamp(UPLOADS.number(1000)) == 940


def test_a_span_includes_both_its_ends_and_nothing_outside() -> None:
    assert list(UPLOADS.between(340, 940)) == [1, 2, 3]
    assert list(UPLOADS.between(340.1, 939.9)) == [2]
    assert list(UPLOADS.between(341, 400)) == []
    assert list(UPLOADS.between(940, 340)) == []
