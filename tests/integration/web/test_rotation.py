"""The web config in force while its files change, seen by real TLS clients."""

import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import requests
import structlog
import trustme
from structlog.typing import EventDict

from exporter.config.errors import ConfigError
from exporter.metrics.exposition import Snapshot
from exporter.web import Rotation, Server, Site, create_app
from tests.helpers.web_parts import Parts


class World:
    """A web config with all its files, and clients for it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.clients = trustme.CA()
        self.path = folder / "web.yaml"
        self.authority.cert_pem.write_to_path(folder / "trusted.pem")
        self.clients.cert_pem.write_to_path(folder / "ca.pem")
        self.issue()

    def issue(self, name: str = "localhost") -> None:
        issued = self.authority.issue_cert(name, "localhost", "127.0.0.1")
        issued.cert_chain_pems[0].write_to_path(self.folder / "server.pem")
        issued.private_key_pem.write_to_path(self.folder / "server.key")

    def write(self, *lines: str, users: str = "", headers: str = "") -> None:
        """The `lines` go into the TLS section."""
        section = "".join(f"  {line}\n" for line in ("cert_file: server.pem", "key_file: server.key", *lines))
        self.path.write_text(f"tls_server_config:\n{section}{users}{headers}")

    def context(self, authority: trustme.CA | None = None, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.folder / "trusted.pem"))
        context.maximum_version = newest
        if authority is not None:
            authority.issue_cert("prometheus").configure_cert(context)
        return context


@pytest.fixture
def world(tmp_path: Path) -> World:
    it = World(tmp_path)
    it.write()
    return it


@pytest.fixture
def log() -> Iterator[list[EventDict]]:
    with structlog.testing.capture_logs() as lines:
        yield lines


@contextmanager
def serving(rotation: Rotation) -> Iterator[str]:
    server = Server("127.0.0.1", 0, rotation)
    server.start(
        create_app(
            Site("0", "/metrics", lambda _, openmetrics: (Snapshot([b"x 1\n"]), b""), Parts(), list, lambda: True, lambda: None)
        )
    )
    # the test looks at the files itself
    rotation.stop()
    try:
        yield server.url
    finally:
        server.stop()


def look(rotation: Rotation) -> None:
    """Twice: what has changed since the look before may still be being written."""
    rotation.check()
    rotation.check()


def names(url: str, context: ssl.SSLContext) -> set[str]:
    """Whom the certificate that the server shows is for. The server must take ours, if it wants one, and answer."""
    address = ("127.0.0.1", int(url.rpartition(":")[2]))
    with (
        socket.create_connection(address, timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as client,
    ):
        client.sendall(b"GET /-/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = client.recv(1 << 16)
        if not answer:
            raise ConnectionError("it hung up")
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        certificate: Any = client.getpeercert()
        return {name for _, name in certificate["subjectAltName"]}


def refused(url: str, context: ssl.SSLContext) -> bool:
    try:
        names(url, context)
    except (ssl.SSLError, ConnectionError):
        return True
    return False


def test_a_new_certificate_is_shown_to_the_next_client(world: World, log: list[EventDict]) -> None:
    rotation = Rotation(world.path)
    with serving(rotation) as url:
        assert "new.example" not in names(url, world.context())
        world.issue("new.example")
        look(rotation)
        assert "new.example" in names(url, world.context())
    assert [line["event"] for line in log if line["log_level"] != "debug"] == ["web config reloaded"]


def test_a_connection_that_is_open_survives_the_rotation(world: World) -> None:
    rotation = Rotation(world.path)
    with serving(rotation) as url, requests.Session() as session:
        session.trust_env = False
        trusted = str(world.folder / "trusted.pem")
        session.get(f"{url}/metrics", verify=trusted, timeout=30)
        world.issue("new.example")
        look(rotation)
        assert session.get(f"{url}/metrics", verify=trusted, timeout=30).text == "x 1\n"


def test_client_certificates_and_versions_can_be_asked_for_later(world: World) -> None:
    rotation = Rotation(world.path)
    old, stranger, known = world.context(newest=ssl.TLSVersion.TLSv1_2), trustme.CA(), world.clients
    with serving(rotation) as url:
        assert not refused(url, old)
        world.write("min_version: TLS13")
        look(rotation)
        assert refused(url, old)
        assert not refused(url, world.context())
        world.write("client_auth_type: RequireAndVerifyClientCert", "client_ca_file: ca.pem")
        look(rotation)
        assert refused(url, world.context())
        assert refused(url, world.context(stranger))
        assert refused(url, world.context(stranger, ssl.TLSVersion.TLSv1_2))
        assert not refused(url, world.context(known))
        world.write("client_auth_type: VerifyClientCertIfGiven", "client_ca_file: ca.pem")
        look(rotation)
        assert not refused(url, world.context())
        assert refused(url, world.context(stranger))
        # the file keeps its name, the authority is another
        stranger.cert_pem.write_to_path(world.folder / "ca.pem")
        look(rotation)
        assert not refused(url, world.context(stranger))
        assert refused(url, world.context(known))


def test_a_bad_file_leaves_the_old_in_force_and_is_told_once(world: World, log: list[EventDict]) -> None:
    rotation = Rotation(world.path)
    with serving(rotation) as url:
        (world.folder / "server.key").write_text("nonsense")
        for _ in range(10):
            rotation.check()
        assert not refused(url, world.context())
        assert "server.key holds no private key" in str(rotation.problem)
        world.issue("new.example")
        look(rotation)
        assert "new.example" in names(url, world.context())
        assert rotation.problem is None
    told = [(line["log_level"], line["event"]) for line in log if line["log_level"] != "debug"]
    assert told == [
        ("error", "web config reload failed, keeping the previous config"),
        ("info", "web config reloaded"),
    ]


def test_what_is_missing_may_come_later(world: World, log: list[EventDict]) -> None:
    rotation = Rotation(world.path)
    with serving(rotation) as url:
        # named by no config that was ever in force
        world.write("client_auth_type: RequireAndVerifyClientCert", "client_ca_file: later.pem")
        look(rotation)
        assert not refused(url, world.context())
        world.clients.cert_pem.write_to_path(world.folder / "later.pem")
        rotation.check()
        assert refused(url, world.context())
        assert not refused(url, world.context(world.clients))


def test_a_file_is_read_when_it_is_at_rest(world: World, log: list[EventDict]) -> None:
    rotation = Rotation(world.path)
    for length in range(5):
        (world.folder / "server.key").write_text("half" * length)
        rotation.check()
    world.issue()
    look(rotation)
    assert [line["event"] for line in log] == ["web config reloaded"]


def test_nothing_is_read_while_nothing_changes(world: World, log: list[EventDict]) -> None:
    rotation = Rotation(world.path)
    context = rotation.context
    look(rotation)
    assert rotation.context is context
    assert log == []


def test_a_link_that_is_turned_is_a_change(world: World) -> None:
    """As Kubernetes mounts a secret: the names stay, a link above them moves."""
    for name in ("one", "two"):
        (world.folder / name).mkdir()
        issued = world.authority.issue_cert(f"{name}.example", "localhost")
        issued.cert_chain_pems[0].write_to_path(world.folder / name / "server.pem")
        issued.private_key_pem.write_to_path(world.folder / name / "server.key")
        for file in (world.folder / name).iterdir():
            os.utime(file, (1, 1))
    (world.folder / "data").symlink_to("one")
    world.path.write_text("tls_server_config: {cert_file: data/server.pem, key_file: data/server.key}\n")
    rotation = Rotation(world.path)
    with serving(rotation) as url:
        assert "one.example" in names(url, world.context())
        (world.folder / "new").symlink_to("two")
        (world.folder / "new").rename(world.folder / "data")
        look(rotation)
        assert "two.example" in names(url, world.context())


def test_tls_is_not_switched_off_by_the_way(world: World, log: list[EventDict]) -> None:
    rotation = Rotation(world.path)
    with serving(rotation) as url:
        world.path.write_text("# all gone\n")
        look(rotation)
        assert not refused(url, world.context())
    assert [line["error"] for line in log if line["log_level"] == "error"] == [
        f"{world.path}: switching TLS on or off needs a restart"
    ]


def test_users_and_headers_change_with_the_file(world: World) -> None:
    def users(password: bytes) -> str:
        return f"basic_auth_users: {{alice: {bcrypt.hashpw(password, bcrypt.gensalt(4)).decode()}}}\n"

    headers = "http_server_config: {headers: {X-Frame-Options: deny}}\n"
    world.path.write_text(users(b"one"))
    rotation = Rotation(world.path)
    with serving(rotation) as url, requests.Session() as session:
        assert session.get(f"{url}/metrics", auth=("alice", "one"), timeout=30).status_code == 200
        proven = rotation.policy.users
        world.path.write_text(world.path.read_text() + headers)
        look(rotation)
        answer = session.get(f"{url}/metrics", auth=("alice", "one"), timeout=30)
        assert answer.headers["X-Frame-Options"] == "deny"
        assert rotation.policy.users is proven
        world.path.write_text(users(b"two"))
        look(rotation)
        assert session.get(f"{url}/metrics", auth=("alice", "one"), timeout=30).status_code == 401
        assert session.get(f"{url}/metrics", auth=("alice", "two"), timeout=30).status_code == 200


def test_a_bad_file_at_the_start_is_an_error(world: World) -> None:
    world.path.write_text("nonsense: 1\n")
    with pytest.raises(ConfigError, match=r"web.yaml:1: nonsense: unknown key"):
        Rotation(world.path)


def test_allowed_sans_and_the_rate_limit_change_with_the_file(world: World) -> None:
    verified = ("client_auth_type: RequireAndVerifyClientCert", "client_ca_file: ca.pem")
    limited = "rate_limit: {interval: 1h, burst: 3}\n"
    rotation = Rotation(world.path)
    with serving(rotation) as url:
        world.write(*verified, "client_allowed_sans: [other]")
        look(rotation)
        assert refused(url, world.context(world.clients))
        world.write(*verified, "client_allowed_sans: [prometheus]", users=limited)
        look(rotation)
        bucket = rotation.policy.bucket
        assert not refused(url, world.context(world.clients))
        world.write(*verified, "client_allowed_sans: [prometheus, other]", users=limited)
        look(rotation)
        # what it has in store is kept, as a reload must not be a way around it
        assert rotation.policy.bucket is bucket
        world.write(*verified)
        look(rotation)
        assert rotation.policy.bucket is None


def test_what_is_not_as_expected_is_told_once(world: World, log: list[EventDict]) -> None:
    world.write("client_auth_type: VerifyClientCertIfGiven")
    rotation = Rotation(world.path)
    with serving(rotation):
        world.write("client_auth_type: VerifyClientCertIfGiven", headers="http_server_config: {http2: true}\n")
        look(rotation)
        world.issue()
        look(rotation)
    assert [line["note"] for line in log if line["event"] == "web config"] == [
        "without client_ca_file, client certificates are verified against the system's authorities",
        "http_server_config.http2 is on, but this server speaks HTTP/1.1 only",
    ]
