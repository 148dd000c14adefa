"""What the exporter makes of every fault that a cloud or a network can have.

One device has the fault, another of the same account does not. Each case says what the poll of the first counts as (None: a
usable reading), and always the second is untouched, the first keeps what it showed before, and it recovers in the next poll.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

import pytest

from exporter.api.client import Client
from exporter.api.errors import REASONS
from exporter.catalogue.types import load_catalogue
from exporter.simulator import ServedCloud, SimClock, SimDevice
from tests.helpers.fault_matrix import MATRIX, NETWORK, SICK, WELL, Bench
from tests.helpers.faulty_cloud import FAULTS, FaultyCloud, serve
from tests.helpers.fixtures import Certificates, Sized
from tests.helpers.processes import nobody_listens, simulated_cloud
from tests.helpers.tls_server import tls_server


def test_the_matrix_has_every_fault_of_the_simulator() -> None:
    # a poll knows nothing of those of history, test_backfill_faults does
    assert MATRIX.keys() == {name for name, text in FAULTS.items() if not text.startswith("History:")}


@pytest.fixture(scope="module")
def cloud() -> FaultyCloud:
    clock = SimClock(datetime(2026, 6, 1, 11, tzinfo=UTC), timezone=UTC)
    return FaultyCloud([SimDevice("pbd", SICK), SimDevice("pbd", WELL)], clock, upload_interval=300)


@pytest.fixture(scope="module")
def served(cloud: FaultyCloud) -> Iterator[ServedCloud]:
    with serve(cloud) as it:
        yield it


@pytest.mark.parametrize("fault", MATRIX)
def test_a_fault_costs_only_what_the_matrix_says(cloud: FaultyCloud, served: ServedCloud, fault: str) -> None:
    case = MATRIX[fault]
    bench = Bench(served.url)
    for sn in (SICK, WELL):
        assert bench.poll(sn) == {'atess_exporter_api_requests_total{type="pbd"}': 1}
    sick_before, well_before = bench.shown(SICK), bench.shown(WELL)
    assert len(sick_before) == 76
    cloud.faults.set("pbd", SICK, fault, **({"seconds": 0.1} if fault == "slow" else {}))
    try:
        counted = bench.poll(SICK)
        wanted: dict[str, float] = {'atess_exporter_api_requests_total{type="pbd"}': case.requests}
        if case.reason:
            wanted[f'atess_exporter_api_request_failures_total{{reason="{case.reason}",type="pbd"}}'] = case.requests
        if case.unread:
            wanted['atess_exporter_times_unreadable_total{type="pbd"}'] = 1
        for cause, count in case.dropped:
            wanted[f'atess_exporter_fields_left_out_total{{cause="{cause}",type="pbd"}}'] = count
        assert counted == wanted
        assert bench.state(SICK) == (0 if case.reason else 1, 0, 0)
        if case.reason:
            assert bench.shown(SICK) == sick_before
        if case.reason == "rate_limited":
            assert bench.budget.requests_per_minute == 50_000_000
            bench.forgive()
        # the other device of the account, meanwhile
        assert bench.poll(WELL) == {'atess_exporter_api_requests_total{type="pbd"}': 1}
        assert bench.state(WELL) == (1, 0, 0)
        assert bench.shown(WELL) == well_before
        assert bench.account.allow_request()
    finally:
        cloud.faults.clear_all()
    assert bench.poll(SICK) == {'atess_exporter_api_requests_total{type="pbd"}': 1}
    assert bench.state(SICK) == (1, 0, 0)
    assert bench.shown(SICK) == sick_before


@pytest.mark.parametrize(
    ("fault", "missing"),
    [
        ("utf16", 0),
        ("text_numbers", 0),
        ("duplicate_keys", 0),
        ("bad_time", 0),
        ("no_time", 0),
        ("zero_time", 0),
        ("number_time", 0),
        ("object_time", 0),
        ("unset_clock", 0),
        ("iso_time", 0),
        ("text_identities", 0),
        # of a PBD
        ("hex_codes", 5),
        ("some_words", 4),
        ("nan", None),
        ("overflow_float", None),
        ("huge_integers", None),
    ],
)
def test_what_can_be_read_of_an_odd_answer_is_exact(
    cloud: FaultyCloud, served: ServedCloud, fault: str, missing: int | None
) -> None:
    bench = Bench(served.url)
    bench.poll(SICK)
    good = bench.shown(SICK)
    cloud.faults.set("pbd", SICK, fault)
    try:
        bench.poll(SICK)
    finally:
        cloud.faults.clear_all()
    odd = bench.shown(SICK)
    # what is left out is absent, never zero, and what is there is what the device measured
    assert odd.items() <= good.items()
    assert len(good) - len(odd) == missing if missing is not None else 0 < len(odd) < len(good)


def test_faults_leave_no_thread_no_connection_and_no_memory_behind(sized: Sized) -> None:
    rounds = sized(short=2, long=3)
    with simulated_cloud("--devices", f"pbd:{SICK},pbd:{WELL}") as own:
        command = [sys.executable, "-m", "tests.helpers.fault_rounds", own.url, str(rounds)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr[-5000:]
    first, *later = map(json.loads, done.stdout.splitlines())
    assert len(later) == rounds - 1
    for held in later:
        assert held["threads"] <= first["threads"]
        # the client keeps a connection for each of two requests at a time
        assert held["descriptors"] <= first["descriptors"] + 2
        # a round is 100 polls: 10 kB that each of them leaves behind are too much
        assert held["memory"] < first["memory"] + 1_000_000


@pytest.mark.parametrize("fault", NETWORK)
def test_a_network_that_fails_is_a_connection_that_failed_and_recovers(
    cloud: FaultyCloud, served: ServedCloud, certificates: Certificates, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    with ExitStack() as stack:
        url = stack.enter_context(broken_network(fault, certificates, monkeypatch))
        bench = Bench(served.url)
        bench.poll(SICK)
        before = bench.shown(SICK)
        healthy, bench.cloud.client = bench.cloud.client, Client(url, bench.token, language="en", timeout=0.6, concurrency=2)
        counted = bench.poll(SICK)
        reason, requests = ("timeout", 1) if fault == "half_open" else ("connection", 2)
        assert counted == {
            'atess_exporter_api_requests_total{type="pbd"}': requests,
            f'atess_exporter_api_request_failures_total{{reason="{reason}",type="pbd"}}': requests,
        }
        assert bench.state(SICK) == (0, 0, 0)
        assert bench.shown(SICK) == before
        bench.cloud.client = healthy
        monkeypatch.undo()
        bench.poll(SICK)
        assert bench.state(SICK) == (1, 0, 0)


class broken_network:  # noqa: N801 - used as a function
    """The base URL of a cloud that cannot be reached in the way that `fault` says."""

    def __init__(self, fault: str, certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
        self._fault, self._certificates, self._monkeypatch = fault, certificates, monkeypatch
        self._stack = ExitStack()

    def __enter__(self) -> str:
        if self._fault == "no_such_host":
            return "http://no-such-host.invalid/api/v1"
        if self._fault == "half_open":
            listener = self._stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            return f"https://127.0.0.1:{listener.getsockname()[1]}/api/v1"
        if self._fault in ("refused", "proxy_down"):
            address = self._stack.enter_context(nobody_listens())
            if self._fault == "proxy_down":
                self._monkeypatch.setenv("http_proxy", f"http://{address}")
                return "http://cloud.invalid/api/v1"
            return f"http://{address}/api/v1"
        name = "elsewhere.invalid" if self._fault == "tls_wrong_host" else "localhost"
        chain, key, authority = self._certificates(name, -1 if self._fault == "tls_expired" else 1)
        if self._fault != "tls_untrusted":
            self._monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority))
        return f"https://localhost:{self._stack.enter_context(tls_server(chain, key))}/api/v1"

    def __exit__(self, *error: Any) -> None:
        self._stack.close()


@pytest.mark.parametrize("type", sorted(load_catalogue()))
def test_the_matrix_holds_for_every_type(type: str) -> None:
    """The reason for each fault is the same whatever the type; that nothing comes in time needs no proof for each."""
    clock = SimClock(datetime(2026, 6, 1, 11, tzinfo=UTC), timezone=UTC)
    cloud = FaultyCloud([SimDevice(type, SICK), SimDevice(type, WELL)], clock, upload_interval=300)
    found = {}
    faults = [fault for fault, case in MATRIX.items() if case.reason != "timeout" and fault != "slow"]
    with serve(cloud) as served:
        for fault in faults:
            bench = Bench(served.url, timeout=5, type=type)
            cloud.faults.set(type, SICK, fault)
            counted = bench.poll(SICK)
            cloud.faults.clear_all()
            reasons = [reason for reason in REASONS if any(f'reason="{reason}"' in name for name in counted)]
            found[fault] = reasons[0] if reasons else None
    assert found == {fault: MATRIX[fault].reason for fault in faults}
