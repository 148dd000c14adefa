"""The exporter-toolkit's own table, row by row: what its tests (web/tls_config_test.go, handler_test.go) expect of a listener.

With files of our own making, and with the toolkit's where EXPORTER_TOOLKIT_TESTDATA or ../shared names a folder that has them.
"""

import base64
import os
import shutil
import socket
import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from starlette.responses import PlainTextResponse

from exporter.config.errors import ConfigError
from exporter.web import Rotation, Server
from exporter.web.webconfig import load
from tests.helpers.toolkit_files import PASSWORDS, kinds_of_san, write_client, write_toolkit_files

_THEIRS: Final = Path(os.environ.get("EXPORTER_TOOLKIT_TESTDATA", "../shared/peers/exporter-toolkit"))


@pytest.fixture(scope="module", params=["ours", *(["theirs"] if _THEIRS.is_dir() else [])])
def origin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "theirs":
        return _THEIRS
    folder = tmp_path_factory.mktemp("toolkit")
    write_toolkit_files(folder)
    return folder


@pytest.fixture
def folder(origin: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "testdata"
    shutil.copytree(origin, folder, copy_function=shutil.copyfile)
    for path in folder.glob("web_config_users*"):
        # an unknown user's check takes as long as that of some known one, and bob's hash, of cost 18, a minute on a busy machine
        path.write_text("".join(line for line in path.read_text().splitlines(True) if not line.startswith("  bob:")))
    return folder


@contextmanager
def listening(path: Path | None) -> Iterator[tuple[int, Rotation]]:
    """The toolkit's own test server: every page says Hello World!"""
    rotation = Rotation(path)
    server = Server("localhost", 0, rotation)
    server.start(PlainTextResponse("Hello World!"))
    # the test looks at the files itself
    rotation.stop()
    try:
        yield int(server.url.rpartition(":")[2]), rotation
    finally:
        server.stop()


@dataclass(frozen=True)
class Client:
    """How a row asks. `ciphers` are OpenSSL's names, of TLS 1.2."""

    tls: bool = True
    newest: ssl.TLSVersion | None = None
    ciphers: str = ""
    curve: str = ""
    certificate: str = ""
    user: str = ""
    password: str = ""

    def context(self, folder: Path) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # OpenSSL takes no authority such as the toolkit's, for any purpose; ask() knows the certificate instead
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if self.newest is ssl.TLSVersion.TLSv1_1:
            context.set_ciphers("DEFAULT@SECLEVEL=0")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = context.maximum_version = self.newest
        elif self.newest is not None:
            context.maximum_version = self.newest
        if self.ciphers:
            context.set_ciphers(self.ciphers)
        if self.curve:
            context.set_ecdh_curve(self.curve)
        if self.certificate:
            context.load_cert_chain(folder / f"{self.certificate}.pem", folder / f"{self.certificate}.key")
        return context

    def ask(self, port: int, folder: Path) -> tuple[int, bytes, str]:
        """Return the status, the whole answer, and the cipher suite. Raises OSError if there is no answer."""
        with socket.create_connection(("localhost", port), timeout=60) as plain:
            if not self.tls:
                return (*self._request(plain), "")
            with self.context(folder).wrap_socket(plain, server_hostname="localhost") as secured:
                shown = ssl.DER_cert_to_PEM_cert(secured.getpeercert(binary_form=True) or b"")
                assert shown.split() == (folder / "server.crt").read_text().split()
                return (*self._request(secured), (secured.cipher() or ("",))[0])

    def _request(self, client: socket.socket) -> tuple[int, bytes]:
        credentials = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        authorization = f"Authorization: Basic {credentials}\r\n" if self.user else ""
        client.sendall(f"GET / HTTP/1.1\r\nHost: localhost\r\n{authorization}Connection: close\r\n\r\n".encode())
        answer = bytearray()
        while data := client.recv(1 << 16):
            answer += data
        if not answer:
            raise ConnectionError("it hung up")
        return int(answer.split(b" ", 2)[1]), bytes(answer)


GCM_128: Final = "ECDHE-RSA-AES128-GCM-SHA256"
GCM_BOTH: Final = f"{GCM_128}:ECDHE-RSA-AES256-GCM-SHA384"

#: TestYAMLFiles: the file, and what of our own error the toolkit's means. None: it is taken.
FILES: Final = {
    "somefile": "No such file or directory",
    "web_config_empty.yml": None,
    "web_config_junk.yml": "expected a mapping of keys to values",
    "web_config_junk_key.yml": "tls_server_config.cert_filse: unknown key",
    "web_config_noAuth_certPath_empty.bad.yml": "missing; expected cert_file, or cert",
    "web_config_noAuth_cert_empty.bad.yml": "missing; expected cert_file, or cert",
    "web_config_noAuth_keyPath_empty.bad.yml": "missing; expected key_file, or key",
    "web_config_noAuth_key_empty.bad.yml": "missing; expected key_file, or key",
    "web_config_noAuth_certPath_keyPath_empty.bad.yml": "client_auth_type: expected",
    "web_config_noAuth_certPath_invalid.bad.yml": "cert_file: cannot read .*No such file",
    "web_config_noAuth_keyPath_invalid.bad.yml": "cannot read .*No such file",
    "web_config_noAuth_certPath_keyPath_invalid.bad.yml": "cert_file: cannot read .*No such file",
    "web_config_noAuth.bad.yml": "client_ca_file: expected client_auth_type beside it",
    "web_config_auth_clientCAs_invalid.bad.yml": "client_ca_file: ",
    "web_config_auth_user_list_invalid.bad.yml": "basic_auth_users.john: expected a bcrypt hash",
    "web_config_noAuth_inventedCiphers.bad.yml": "unknown cipher suite; expected TLS_ECDHE",
    "web_config_noAuth_inventedCurves.bad.yml": "unknown curve 'CurveP257'; expected one of CurveP256",
    "web_config_noAuth_wrongTLSVersion.bad.yml": "min_version: expected 'TLS12' or 'TLS13', got 'TLS111'",
}


@dataclass(frozen=True)
class Row:
    """A row of TestServerBehaviour or TestUsers: a file, a client, and the outcome.

    `refused` is our error if the file is not taken; `status` is that of the last of `requests` answers, None if there is none.
    """

    name: str
    file: str
    client: Client = field(default_factory=Client)
    status: int | None = 200
    cipher: str = ""
    refused: str = ""
    requests: int = 1


PLAIN: Final = Client(tls=False)

ROWS: Final = [
    Row("no file and a plain client", "", PLAIN),
    Row("no file and a TLS client", "", status=None),
    Row("TLS and a plain client", "web_config_noAuth.good.yml", PLAIN, None),
    Row("TLS and a TLS client", "web_config_noAuth.good.yml"),
    Row("certificate and key inline", "web_config_noAuth_tlsInline.good.yml"),
    Row("a client of TLS 1.1", "web_config_noAuth.good.yml", Client(newest=ssl.TLSVersion.TLSv1_1), None),
    Row("all ciphers", "web_config_noAuth_allCiphers.good.yml"),
    Row("some ciphers", "web_config_noAuth_someCiphers.good.yml", Client(ciphers=GCM_128)),
    Row("no common cipher", "web_config_noAuth_someCiphers.good.yml", Client(ciphers="ECDHE-RSA-AES256-SHA"), None),
    Row("several ciphers", "web_config_noAuth_someCiphers.good.yml", Client(ciphers=GCM_BOTH), cipher=GCM_128),
    Row("the client chooses", "web_config_noAuth_someCiphers_noOrder.good.yml", Client(ciphers=GCM_BOTH), cipher=GCM_128),
    Row("all curves", "web_config_noAuth_allCurves.good.yml", refused="Python's TLS takes one curve, no list"),
    Row("some curves", "web_config_noAuth_someCurves.good.yml", Client(curve="secp521r1")),
    Row("no common curve", "web_config_noAuth_someCurves.good.yml", Client(curve="secp384r1"), None),
    Row("ciphers without HTTP/2", "web_config_noAuth_noHTTP2.good.yml"),
    Row("ciphers that HTTP/2 does not take", "web_config_noAuth_noHTTP2Cipher.bad.yml", refused="as HTTP/2 has it"),
    Row("headers", "web_config_headers.good.yml", PLAIN),
    Row(
        "X-Content-Type-Options",
        "web_config_headers_content_type_options.bad.yml",
        refused="expected '' or 'nosniff', got 'sniff'",
    ),
    Row("X-Frame-Options", "web_config_headers_frame_options.bad.yml", refused="expected '', 'deny' or 'sameorigin', got 'foo'"),
    Row("another header", "web_config_headers_extra_header.bad.yml", refused="headers.Content-Type: unknown key"),
    Row("any certificate", "tls_config_noAuth.requireanyclientcert.good.yml", refused="Python's TLS verifies every certificate"),
    Row(
        "any certificate, key inline",
        "tls_config_noAuth.requireanyclientcertkeyinline.good.yml",
        refused="Python's TLS verifies every certificate",
    ),
    Row(
        "a verified certificate",
        "tls_config_noAuth.requireandverifyclientcert.good.yml",
        Client(certificate="client_selfsigned"),
    ),
    Row("an allowed SAN", "web_config_auth_client_san.good.yaml", Client(certificate="client2_selfsigned")),
    Row("no allowed SAN", "web_config_auth_client_san.bad.yaml", Client(certificate="client2_selfsigned"), None),
    Row("no rate limit", "web_config_rate_limiter_nonblocking.yaml", PLAIN, requests=11),
    Row("a rate limit", "web_config_rate_limiter_one_second.yaml", PLAIN, 429, requests=11),
    Row("no credentials", "web_config_users_noTLS.good.yml", PLAIN, 401),
    Row("credentials", "web_config_users_noTLS.good.yml", Client(tls=False, user="dave", password="dave123")),
    Row("no credentials, TLS", "web_config_users.good.yml", status=401),
    Row("credentials, TLS", "web_config_users.good.yml", Client(user="dave", password="dave123")),
    Row("another's credentials, TLS", "web_config_users.good.yml", Client(user="carol", password="carol123")),
    Row("a wrong password, TLS", "web_config_users.good.yml", Client(user="dave", password="bad"), 401),
    Row("an unknown user, TLS", "web_config_users.good.yml", Client(user="nonexistent", password="nonexistent"), 401),
]

#: The rows that do not hold, each with its line in the documentation: a file that the toolkit takes is refused.
MISSED: Final = {"all curves", "any certificate", "any certificate, key inline"}


@pytest.mark.parametrize(("name", "problem"), FILES.items())
def test_a_file_is_taken_or_refused(folder: Path, name: str, problem: str | None) -> None:
    if problem is None:
        with listening(folder / name):
            return
    with pytest.raises(ConfigError, match=problem):
        load(folder / name)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_listener_does_as_its_file_says(folder: Path, row: Row) -> None:
    path = folder / row.file if row.file else None
    if row.refused:
        with pytest.raises(ConfigError, match=row.refused) as caught:
            Rotation(path)
        assert len(caught.value.problems) == 1
        return
    with listening(path) as (port, _):
        if row.status is None:
            with pytest.raises(OSError):  # noqa: PT011 - of many kinds; each is a client without an answer
                row.client.ask(port, folder)
            return
        for _ in range(row.requests):
            status, answer, cipher = row.client.ask(port, folder)
    assert status == row.status
    if status == 200:
        assert answer.endswith(b"Hello World!")
    if row.cipher:
        assert cipher == row.cipher


def test_at_most_three_rows_do_not_hold_and_the_documentation_says_so() -> None:
    # with TestConfigReloading and TestHTTPHeaders below
    assert len(FILES) + len(ROWS) + 2 == 54
    assert {row.name for row in ROWS if row.refused and ".bad." not in row.file} == MISSED
    page = Path("docs/connect/tls.md").read_text(encoding="utf-8")
    assert all(word in page for word in ("RequestClientCert`", "`RequireAnyClientCert`", "`curve_preferences`"))


def test_a_new_file_is_used_by_the_next_client(folder: Path) -> None:
    good, blocking = folder / "web_config_noAuth.good.yml", folder / "web_config_noAuth.good.blocking.yml"
    with listening(blocking) as (port, rotation):
        with pytest.raises(OSError):  # noqa: PT011 - of many kinds; each is a client without an answer
            Client().ask(port, folder)
        blocking.write_bytes(good.read_bytes())
        rotation.check()
        rotation.check()
        assert Client().ask(port, folder)[0] == 200


def test_headers_are_sent(folder: Path) -> None:
    with listening(folder / "web_config_headers.good.yml") as (port, _):
        answer = PLAIN.ask(port, folder)[1].lower()
    for header in (
        b"strict-transport-security: max-age=31536000; includesubdomains",
        b"x-frame-options: deny",
        b"x-content-type-options: nosniff",
        b"x-xss-protection: 1",
        b"content-security-policy: default-src 'self' *.test.example.net",
    ):
        assert b"\r\n" + header + b"\r\n" in answer


def test_hashes_of_each_cost_are_taken(origin: Path) -> None:
    assert load(origin / "web_config_users_noTLS.good.yml").users.keys() == PASSWORDS.keys()


def test_passwords_are_kept_apart_from_names_and_hashes(folder: Path) -> None:
    """TestBasicAuthWithFakePassword and TestByPassBasicAuthVuln (CVE-2022-46146)."""
    path = folder / "web_config_users_noTLS.good.yml"
    hashed = load(path).users["alice"].decode()
    fake = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"
    with listening(path) as (port, _):
        for user, password in [
            ("fakeuser", "fakepassword"),
            ("fakeuser", "fakepassword"),
            (f"alice{hashed}", "fakepassword"),
            ("alice", f"{fake}fakepassword"),
        ]:
            assert Client(tls=False, user=user, password=password).ask(port, folder)[0] == 401


@pytest.mark.parametrize("allowed", kinds_of_san())
@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_san_of_any_kind_lets_a_client_in(tmp_path: Path, allowed: str, newest: ssl.TLSVersion) -> None:
    write_toolkit_files(tmp_path)
    clients = {f"client {number}": name for number, name in enumerate([*kinds_of_san(), "none at all"])}
    for certificate, name in clients.items():
        write_client(tmp_path, certificate, name, *[san for known, san in kinds_of_san().items() if known == name])
    authorities = "".join(path.read_text() for path in sorted(tmp_path.glob("client *.pem")))
    (tmp_path / "clients.pem").write_text(authorities)
    path = tmp_path / "web.yaml"
    path.write_text(
        "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n  client_auth_type: RequireAndVerifyClientCert\n"
        f"  client_ca_file: clients.pem\n  client_allowed_sans: [other.example, '{allowed}']\n"
    )
    with listening(path) as (port, _):
        for certificate, name in clients.items():
            client = Client(certificate=certificate, newest=newest)
            if name == allowed:
                assert client.ask(port, tmp_path)[0] == 200
            else:
                with pytest.raises(OSError):  # noqa: PT011 - reset or closed, as it happens
                    client.ask(port, tmp_path)


def test_who_shows_no_certificate_has_no_allowed_san(folder: Path) -> None:
    path = folder / "web_config_auth_client_san.good.yaml"
    path.write_text(path.read_text().replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven"))
    with listening(path) as (port, _):
        assert Client(certificate="client2_selfsigned").ask(port, folder)[0] == 200
        with pytest.raises(OSError):  # noqa: PT011 - reset or closed, as it happens
            Client().ask(port, folder)
