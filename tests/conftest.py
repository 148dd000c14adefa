import fcntl
import os
import shutil
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
import trustme
from hypothesis import settings

from tests.helpers.fakes import FakeClock
from tests.helpers.fixtures import Certificates, Sized, Value

# At a desk every run tries new examples; CI tries the same ones, so that it fails for what a change did and nothing else. How
# long an example takes says something about the machine, not about the code.
settings.register_profile("desk", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "desk")

# nohup ignores the one, and a script in the background the other; the programs that the tests start would inherit that
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="repeat as often as it takes to meet what is rare")


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """Undo what a test's commands set for the log of the whole process, or the next test would see no warnings."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def sized(pytestconfig: pytest.Config) -> Sized:
    """Choose a count or a time by how long this run may be: `sized(short=100, long=1000)`."""
    whole = pytestconfig.getoption("long")

    def choose(*, short: Value, long: Value) -> Value:
        return long if whole else short

    return choose


@pytest.fixture(scope="session")
def simulated_day_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prometheus that holds a simulated day of the demo's site, which is written once for all workers."""
    # imported here, because it loads half the project and few tests want it
    from tests.helpers.simulated_day import holding, write_day

    own = tmp_path_factory.mktemp("day")
    # pytest's workers have folders of their own below that of the run
    run = tmp_path_factory.getbasetemp()
    written = (run.parent if "PYTEST_XDIST_WORKER" in os.environ else run) / "written-day"
    with written.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not written.exists():
            write_day(written)
    shutil.copytree(written, own / "data")
    with holding(own) as url:
        yield url


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    authority = trustme.CA()

    def make(name: str, days: int) -> tuple[Path, Path, Path]:
        now = datetime.now(UTC)
        issued = authority.issue_cert(name, not_before=now - timedelta(days=10), not_after=now + timedelta(days=days))
        chain, key, ca = tmp_path / f"{name}.pem", tmp_path / f"{name}-key.pem", tmp_path / "ca.pem"
        issued.cert_chain_pems[0].write_to_path(chain)
        issued.private_key_pem.write_to_path(key)
        authority.cert_pem.write_to_path(ca)
        return chain, key, ca

    return make
