"""Every fault, as it looks on the wire. `CHECKS` has one check for each; a fault without one fails the first test."""

import json
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from exporter.simulator import ServedCloud, SimClock
from tests.helpers import bare_http
from tests.helpers.bare_http import Reply
from tests.helpers.faulty_cloud import FAULTS, FaultyCloud

TARGET = bare_http.target("pbd/data-last", deviceSn="P1")


@dataclass(frozen=True)
class Case:
    """The cloud with the fault set for P1; `good` is what P1 answers without it."""

    cloud: FaultyCloud
    clock: SimClock
    served: ServedCloud
    good: dict[str, Any]

    def raw(self) -> bytes:
        return bare_http.exchange(self.served.origin, TARGET)

    def reply(self) -> Reply:
        """A proper HTTP answer, complete to the last byte."""
        reply = bare_http.parse(self.raw())
        assert len(reply.body) == int(reply.headers["content-length"])
        return reply

    def data(self) -> Any:
        """The data of an answer that succeeds, and that was noted as served if it is a reading."""
        reply = self.reply()
        assert reply.status == 200
        assert (reply.json["code"], type(reply.json["code"])) == (0, int)
        if isinstance(reply.data, dict):
            assert repr(self.cloud.served("pbd", "P1")[-1].data) == repr(reply.data)
        return reply.data

    def changed(self) -> dict[str, Any]:
        """The fields that differ from a good reading."""
        return {name: value for name, value in self.data().items() if repr(self.good.get(name)) != repr(value)}


CHECKS: dict[str, Callable[[Case], None]] = {}


def check(function: Callable[[Case], None]) -> Callable[[Case], None]:
    CHECKS[function.__name__] = function
    return function


def test_every_fault_is_described_and_checked() -> None:
    # those of history are checked in test_history_faults
    assert set(CHECKS) == {name for name, text in FAULTS.items() if not text.startswith("History:")}
    assert all(text and "\n" not in text for text in FAULTS.values())


@pytest.mark.parametrize("name", CHECKS)
def test_fault(cloud: FaultyCloud, clock: SimClock, served: ServedCloud, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.helpers.faulty_cloud.faults.connections.DRIP_SECONDS", 0.0)
    case = Case(cloud, clock, served, dict(cloud.reading("pbd", "P1")))
    # No patience is asked of a test: the one fault that takes a parameter for it gets none.
    cloud.faults.set("pbd", "P1", name, **({"seconds": 0} if name == "slow" else {}))
    CHECKS[name](case)
    other = bare_http.parse(bare_http.exchange(served.origin, bare_http.target("pbd/data-last", deviceSn="P2")))
    assert other.data == cloud.reading("pbd", "P2")
    cloud.faults.clear_all()
    assert case.data() == cloud.reading("pbd", "P1")
    assert cloud.in_flight == 0


@check
def timeout(case: Case) -> None:
    with bare_http.dial(case.served.origin) as connection:
        connection.sendall(bare_http.request_bytes(TARGET, {}))
        # Answers after it come at once, so silence by then is silence for good.
        bare_http.exchange(case.served.origin, bare_http.target("pbd/data-last", deviceSn="P2"))
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(1)
        connection.setblocking(True)
        # The end of what the client sends is the end of the request.
        connection.shutdown(1)
        assert connection.recv(1) == b""


@check
def slow(case: Case) -> None:
    assert case.data() == case.good


@check
def reset(case: Case) -> None:
    with pytest.raises(ConnectionResetError):
        case.raw()


@check
def close(case: Case) -> None:
    assert case.raw() == b""


@check
def drip(case: Case) -> None:
    assert case.data() == case.good


@check
def drip_headers(case: Case) -> None:
    assert case.data() == case.good


def first_parts(origin: str, sent_before: bytes) -> list[bytes]:
    """The first three parts to arrive after some bytes."""
    with bare_http.dial(origin) as connection:
        connection.sendall(bare_http.request_bytes(TARGET, {}))
        seen = b""
        while not seen.endswith(sent_before):
            part = connection.recv(1)
            assert part
            seen += part
        return [connection.recv(65536) for _ in range(3)]


@pytest.mark.parametrize(("name", "before"), [("drip", b"\r\n\r\n"), ("drip_headers", b"")])
def test_drips_come_a_byte_at_a_time(cloud: FaultyCloud, served: ServedCloud, name: str, before: bytes) -> None:
    cloud.faults.set("pbd", "P1", name)
    # A busy machine may let a few bytes gather; without the fault all of them come in one part.
    assert all(0 < len(part) < 20 for part in first_parts(served.origin, before))


def status_check(status: int) -> Callable[[Case], None]:
    def http_status(case: Case) -> None:
        reply = case.reply()
        assert reply.status == status
        assert case.cloud.served("pbd", "P1") == []

    return http_status


for _status in (401, 403, 404, 407, 500, 502, 503, 504):
    CHECKS[f"http_{_status}"] = status_check(_status)


@check
def http_429(case: Case) -> None:
    assert (case.reply().status, case.reply().headers["retry-after"]) == (429, "2")
    for wanted in (30, "Wed, 21 Oct 2026 07:28:00 GMT"):
        case.cloud.faults.set("pbd", "P1", "http_429", retry_after=wanted)
        assert case.reply().headers["retry-after"] == str(wanted)


@check
def retry_after_overflow(case: Case) -> None:
    assert case.reply().status == 429
    with pytest.raises(OverflowError):
        parsedate_to_datetime(case.reply().headers["retry-after"])


@check
def bad_redirect(case: Case) -> None:
    assert case.reply().status == 302
    with pytest.raises(ValueError, match="IPv6"):
        urlsplit(case.reply().headers["location"])


@check
def redirect(case: Case) -> None:
    reply = case.reply()
    assert reply.status == 302
    location = reply.headers["location"]
    assert location != TARGET
    case.cloud.clear_requests()
    assert bare_http.parse(bare_http.exchange(case.served.origin, location)).data == case.good
    assert [record.path for record in case.cloud.requests] == [location.partition("?")[0]]


@check
def html(case: Case) -> None:
    reply = case.reply()
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html;charset=UTF-8")
    assert b"password" in reply.body


@check
def empty_body(case: Case) -> None:
    assert (case.reply().status, case.reply().body) == (200, b"")


@check
def truncated_json(case: Case) -> None:
    reply = case.reply()
    assert reply.status == 200
    assert reply.body.startswith(b'{"code":0,"data":{')
    with pytest.raises(ValueError, match=r"delimiter|Unterminated|Expecting"):
        json.loads(reply.body)


@check
def short_body(case: Case) -> None:
    reply = bare_http.parse(case.raw())
    assert int(reply.headers["content-length"]) == len(reply.body) + 100
    assert reply.data == case.good


def code_check(code: int) -> Callable[[Case], None]:
    def envelope_code(case: Case) -> None:
        reply = case.reply()
        assert (reply.status, reply.json["code"], reply.data) == (200, code, None)
        assert case.cloud.served("pbd", "P1") == []

    return envelope_code


for _code in (400, 401, 403, 407, 429, 500, 10012):
    CHECKS[f"code_{_code}"] = code_check(_code)


@check
def code_text(case: Case) -> None:
    assert case.reply().json["code"] == "abc"
    assert case.reply().data == case.good


@check
def code_text_number(case: Case) -> None:
    assert case.reply().json["code"] == "0"
    assert case.reply().data == case.good


@check
def code_text_403(case: Case) -> None:
    assert case.reply().json["code"] == "403"
    assert case.reply().data is None


@check
def early_hints(case: Case) -> None:
    first, second, third, last = case.raw().split(b"\r\n\r\n", 3)
    assert first == second
    assert first.startswith(b"HTTP/1.1 103 ")
    assert third.startswith(b"HTTP/1.1 100 ")
    assert bare_http.parse(last).data == case.good


@check
def endless_hints(case: Case) -> None:
    with bare_http.dial(case.served.origin) as connection:
        connection.sendall(bare_http.request_bytes(TARGET, {}))
        seen = b""
        while seen.count(b"\r\n\r\n") < 10:
            seen += connection.recv(65536)
        assert all(part.startswith(b"HTTP/1.1 103 ") for part in seen.split(b"\r\n\r\n")[:10])


@check
def switching_protocols(case: Case) -> None:
    assert case.raw().startswith(b"HTTP/1.1 101 ")


@check
def odd_headers(case: Case) -> None:
    head, _, body = case.raw().partition(b"\r\n\r\n")
    assert json.loads(body)["data"] == case.good
    assert b"\r\n  two\r\n" in head
    assert not head.isascii()


@check
def many_headers(case: Case) -> None:
    head, _, body = case.raw().partition(b"\r\n\r\n")
    assert head.count(b"\r\n") > 1000
    assert json.loads(body)["data"] == case.good


@check
def long_header(case: Case) -> None:
    reply = bare_http.parse(case.raw())
    assert len(reply.headers["x-header"]) == 1_000_000
    assert reply.data == case.good


@check
def two_lengths(case: Case) -> None:
    assert case.raw().partition(b"\r\n\r\n")[0].count(b"Content-Length: ") == 2


@check
def not_gzip(case: Case) -> None:
    assert case.reply().headers["content-encoding"] == "gzip"
    assert case.reply().data == case.good


@check
def null_data(case: Case) -> None:
    assert case.data() is None


@check
def empty_data(case: Case) -> None:
    assert case.data() == {}


@check
def list_data(case: Case) -> None:
    assert case.data() == [case.good]


@check
def all_null(case: Case) -> None:
    assert case.data() == dict.fromkeys(case.good) | {"deviceSn": "P1", "time": case.good["time"]}


@check
def nan(case: Case) -> None:
    values = list(case.changed().values())
    assert any(map(math.isnan, values))
    assert {math.inf, -math.inf} <= set(values)
    assert b":NaN," in case.reply().body


@check
def overflow_float(case: Case) -> None:
    assert set(case.changed().values()) == {math.inf, -math.inf}
    assert b":1e999," in case.reply().body
    assert b"Infinity" not in case.reply().body


@check
def huge_integers(case: Case) -> None:
    values = case.changed().values()
    assert len(values) == 3
    assert all(len(str(abs(value))) == 400 for value in values)


@check
def text_numbers(case: Case) -> None:
    data = case.data()
    assert all(type(value) is str for value in data.values())
    assert {name: float(value) for name, value in data.items() if name not in ("deviceSn", "time")} == {
        name: value for name, value in case.good.items() if name not in ("deviceSn", "time")
    }


@check
def text_values(case: Case) -> None:
    assert len(case.changed()) == 76
    assert all(value.isalpha() for value in case.changed().values())


@check
def huge_body(case: Case) -> None:
    reply = case.reply()
    assert len(reply.body) == 50 * 2**20
    assert reply.body[:18] == b'{"code":0,"data":"'
    assert reply.body[-2:] == b'"}'


@check
def gzip_bomb(case: Case) -> None:
    reply = case.reply()
    assert reply.headers["content-encoding"] == "gzip"
    assert 100_000 < len(reply.body) < 1_000_000
    # In gzip mode the checksum and the length at the end are verified too.
    inflater, size, last, packed = zlib.decompressobj(wbits=31), 0, b"", reply.body
    while packed and not inflater.eof:
        part = inflater.decompress(packed, 1 << 24)
        packed = inflater.unconsumed_tail
        size += len(part)
        last = (last + part)[-10_000:]
    assert inflater.eof
    assert size > 500 * 2**20
    assert json.loads(last)["data"] == case.good


@check
def chunked_garbage(case: Case) -> None:
    reply = bare_http.parse(case.raw())
    assert reply.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in reply.headers
    with pytest.raises(ValueError, match="invalid literal"):
        int(reply.body.partition(b"\r\n")[0], 16)


@check
def not_http(case: Case) -> None:
    assert case.raw()
    assert not case.raw().startswith(b"HTTP/")


@check
def deep_json(case: Case) -> None:
    body = case.reply().body
    assert b"[" * 100_000 + b"]" * 100_000 in body
    assert json.loads(body.replace(b"[" * 100_000 + b"]" * 100_000, b"null"))["data"].items() >= case.good.items()


@check
def many_fields(case: Case) -> None:
    data = case.reply().data
    assert len(data) > 200_000
    assert data.items() >= case.good.items()


@check
def too_many_fields(case: Case) -> None:
    assert len(case.changed()) == 513
    assert all(type(value) is int for value in case.changed().values())


@check
def fresh_fields(case: Case) -> None:
    names = [name for _ in range(3) for name in case.changed()]
    assert len(names) == len(set(names)) == 300


@check
def duplicate_keys(case: Case) -> None:
    assert case.data() == case.good
    pairs: list[tuple[str, Any]] = []
    json.loads(case.reply().body, object_pairs_hook=pairs.extend)
    assert [value for name, value in pairs if name == "ppv"] == [case.good["ppv"] + 1, case.good["ppv"]]


@check
def surrogates(case: Case) -> None:
    assert case.changed() == {"ppv\ud800": 1, "note": "half \udc00"}
    body = case.reply().body
    assert body.isascii()
    assert b'"ppv\\ud800":1' in body
    assert b'"msg":"operate \\ud83d' in body


@check
def invalid_utf8(case: Case) -> None:
    body = case.reply().body
    with pytest.raises(UnicodeDecodeError):
        body.decode("utf-8")
    assert json.loads(body.decode("latin-1"))["data"].items() >= case.good.items()


@check
def utf16(case: Case) -> None:
    body = case.reply().body
    assert body[:2] in (b"\xff\xfe", b"\xfe\xff")
    assert json.loads(body.decode("utf-16"))["data"] == case.good


@check
def odd_names(case: Case) -> None:
    names = {"deviceSn2", "__name__", "le", "", "a b", "a-b", "ünïcode", 'quote"back\\slash', "line\nbreak", "x" * 5000}
    assert set(case.changed()) == names


@check
def colliding_names(case: Case) -> None:
    assert set(case.changed()) == {"foo_bar", "fooBar", "deviceUp", "exporterDevices"}


@check
def wrong_device(case: Case) -> None:
    assert case.changed() == {"deviceSn": "P0"}


@check
def clock_frozen(case: Case) -> None:
    case.clock.advance(7200)
    assert case.data() == case.good


@check
def no_time(case: Case) -> None:
    data = case.data()
    assert "time" not in data
    assert data | {"time": case.good["time"]} == case.good


@check
def bad_time(case: Case) -> None:
    assert case.changed() == {"time": "soon"}


@check
def zero_time(case: Case) -> None:
    assert case.changed() == {"time": "0000-00-00 00:00:00"}


@check
def number_time(case: Case) -> None:
    assert case.changed() == {"time": 1764360000}


@check
def object_time(case: Case) -> None:
    assert case.changed() == {"time": {"date": case.good["time"]}}


@check
def unset_clock(case: Case) -> None:
    assert case.changed() == {"time": "2000" + case.good["time"][4:]}


@check
def iso_time(case: Case) -> None:
    assert case.changed() == {"time": case.good["time"].replace(" ", "T") + ".0"}


@check
def hex_codes(case: Case) -> None:
    changed = case.changed()
    assert set(changed) == {"bmsStatus", "bmsSystemStatus", "bmsVoltStatus", "runModel", "status", "alarmCode9"}
    assert set(changed.values()) == {"12E4", "00E4", "1685E6", "1A2B"}


@check
def text_identities(case: Case) -> None:
    assert case.changed() == {"loggerSn": "123456789012", "plantId": "100200300400", "stationId": 100200300400}


@check
def some_words(case: Case) -> None:
    assert sorted(case.changed().values()) == ["--", "<script>window.harm=1</script>", "a\tb\0c", "idle", "x" * 5000]


@check
def other_spelling(case: Case) -> None:
    assert case.changed() == {"deviceSn": " p1 "}


@check
def odd_lost(case: Case) -> None:
    assert case.data() == case.good
    asked = bare_http.target("pbd/base-info/list", dataLogSn="L1")
    for params, lost in (({}, ["false", "false", 1]), ({"true": "1", "false": 0}, [0, 0, "1"])):
        case.cloud.faults.set("pbd", "L1", "odd_lost", **params)
        answer = bare_http.parse(bare_http.exchange(case.served.origin, asked))
        assert [entry["lost"] for entry in answer.data] == lost
    case.cloud.faults.clear("pbd", "L1")
