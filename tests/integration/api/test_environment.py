"""Whom TLS trusts and which proxy is used, as the environment says; through the client, over real connections."""

import base64
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import certifi
import pytest
import trustme

from exporter.api.client import Client
from exporter.api.errors import ConnectionFailed
from exporter.config.token import Token
from tests.helpers.processes import TOKEN
from tests.helpers.tls_server import tls_server

VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
UNTRUSTED = r"^TLS certificate refused: unable to get local issuer certificate$"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says nothing."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


class Trusted:
    """A server's certificate, and its authority as a file and as a folder that OpenSSL looks up by hash."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        authority = trustme.CA()
        issued = authority.issue_cert("localhost")
        self.chain, self.key, self.file, self.folder = folder / "chain.pem", folder / "key.pem", folder / "ca.pem", folder / "ca"
        issued.cert_chain_pems[0].write_to_path(self.chain)
        issued.private_key_pem.write_to_path(self.key)
        authority.cert_pem.write_to_path(self.file)
        self.folder.mkdir()
        command = ["openssl", "x509", "-hash", "-noout", "-in", str(self.file)]
        digest = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        shutil.copy(self.file, self.folder / f"{digest}.0")


@pytest.fixture
def mine(tmp_path: Path) -> Trusted:
    return Trusted(tmp_path / "mine")


@pytest.fixture
def other(tmp_path: Path) -> Trusted:
    return Trusted(tmp_path / "other")


def get(url: str) -> object:
    client = Client(url, Token(value=TOKEN), language="en", timeout=5, concurrency=1)
    try:
        return client.get("x", {})
    finally:
        client.close()


# OpenSSL's two variables are for one form each
@pytest.mark.parametrize(
    ("variable", "form"),
    [
        (variable, form)
        for variable in VARIABLES
        for form in ("file", "folder")
        if not variable.startswith("SSL_CERT") or (form == "folder") is (variable == "SSL_CERT_DIR")
    ],
)
def test_each_variable_is_honoured(
    monkeypatch: pytest.MonkeyPatch, mine: Trusted, other: Trusted, variable: str, form: str
) -> None:
    with tls_server(mine.chain, mine.key) as port:
        with pytest.raises(ConnectionFailed, match=UNTRUSTED):
            get(f"https://localhost:{port}")
        monkeypatch.setenv(variable, str(getattr(other, form)))
        with pytest.raises(ConnectionFailed, match=UNTRUSTED):
            get(f"https://localhost:{port}")
        monkeypatch.setenv(variable, str(getattr(mine, form)))
        assert get(f"https://localhost:{port}") == "secret"


def test_a_list_of_folders_is_one(monkeypatch: pytest.MonkeyPatch, mine: Trusted, other: Trusted) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", f"{other.folder}{os.pathsep}{mine.folder}{os.pathsep}/nowhere")
    with tls_server(mine.chain, mine.key) as port:
        assert get(f"https://localhost:{port}") == "secret"


def test_openssl_s_two_variables_add_up(monkeypatch: pytest.MonkeyPatch, mine: Trusted, other: Trusted) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(other.file))
    monkeypatch.setenv("SSL_CERT_DIR", str(mine.folder))
    with tls_server(mine.chain, mine.key) as port:
        assert get(f"https://localhost:{port}") == "secret"


@pytest.mark.parametrize(("first", "second"), [(VARIABLES[0], name) for name in VARIABLES[1:]] + [(VARIABLES[1], VARIABLES[2])])
def test_a_bundle_goes_before_all_others(
    monkeypatch: pytest.MonkeyPatch, mine: Trusted, other: Trusted, first: str, second: str
) -> None:
    with tls_server(mine.chain, mine.key) as port:
        monkeypatch.setenv(second, str(mine.folder if second == "SSL_CERT_DIR" else mine.file))
        monkeypatch.setenv(first, str(other.file))
        with pytest.raises(ConnectionFailed, match=UNTRUSTED):
            get(f"https://localhost:{port}")
        monkeypatch.setenv(first, "")
        assert get(f"https://localhost:{port}") == "secret"


def test_a_bundle_that_is_replaced_is_used_without_a_restart(
    monkeypatch: pytest.MonkeyPatch, mine: Trusted, other: Trusted, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.pem"
    shutil.copy(other.file, bundle)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with tls_server(mine.chain, mine.key) as port:
        client = Client(f"https://localhost:{port}", Token(value=TOKEN), language="en", timeout=5, concurrency=1)
        with pytest.raises(ConnectionFailed, match=UNTRUSTED):
            client.get("x", {})
        shutil.copy(mine.file, bundle)
        assert client.get("x", {}) == "secret"
        client.close()


def paths(file: Any, folder: Any) -> ssl.DefaultVerifyPaths:
    return ssl.DefaultVerifyPaths(file, folder, "SSL_CERT_FILE", "/none", "SSL_CERT_DIR", "/none")


@pytest.mark.parametrize(("store", "trusted"), [("file", False), ("folder", False), ("empty", True), (None, True)])
def test_certifi_is_trusted_where_the_system_has_no_store_and_only_there(
    monkeypatch: pytest.MonkeyPatch, mine: Trusted, other: Trusted, tmp_path: Path, store: str | None, trusted: bool
) -> None:
    (tmp_path / "empty").mkdir()
    folder = {"folder": str(other.folder), "empty": str(tmp_path / "empty")}.get(store or "")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths(str(other.file) if store == "file" else None, folder))
    monkeypatch.setattr(certifi, "where", lambda: str(mine.file))
    with tls_server(mine.chain, mine.key) as port:
        if trusted:
            assert get(f"https://localhost:{port}") == "secret"
        else:
            with pytest.raises(ConnectionFailed, match=UNTRUSTED):
                get(f"https://localhost:{port}")


def test_where_the_system_keeps_its_store(monkeypatch: pytest.MonkeyPatch, mine: Trusted) -> None:
    """A Python that was built elsewhere knows no store of this system's; truststore looks in the usual places."""
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths(None, None))
    monkeypatch.setattr("truststore._openssl._CA_FILE_CANDIDATES", [str(mine.file)])
    with tls_server(mine.chain, mine.key) as port:
        assert get(f"https://localhost:{port}") == "secret"


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_bundle_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, mine: Trusted, variable: str) -> None:
    with tls_server(mine.chain, mine.key) as port:
        monkeypatch.setenv(variable, "/nowhere/ca.pem")
        with pytest.raises(ConnectionFailed) as caught:
            get(f"https://localhost:{port}")
    assert str(caught.value) == f"CA bundle not found: {variable} is '/nowhere/ca.pem', which does not exist"


@pytest.mark.parametrize("variable", VARIABLES[:3])
def test_a_bundle_without_a_certificate_is_named(
    monkeypatch: pytest.MonkeyPatch, mine: Trusted, tmp_path: Path, variable: str
) -> None:
    bundle = tmp_path / "empty.pem"
    bundle.write_text("nothing\n")
    monkeypatch.setenv(variable, str(bundle))
    with tls_server(mine.chain, mine.key) as port, pytest.raises(ConnectionFailed) as caught:
        get(f"https://localhost:{port}")
    assert str(caught.value).startswith(f"{variable} is '{bundle}', which ")
    assert str(caught.value).endswith("holds no CA certificate")


def test_a_bundle_matters_only_where_tls_is_spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")
    with proxy(b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"code":0,"data":"x"}') as address:
        assert get(f"http://{address}") == "x"


@contextmanager
def proxy(answer: bytes, asked: list[bytes] | None = None, chain: tuple[Path, Path] | None = None) -> Iterator[str]:
    """The address of a proxy that answers whatever it is asked with these bytes; over TLS with a `chain` and its key."""
    context = None
    if chain is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*chain)
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            try:
                with connection if context is None else context.wrap_socket(connection, server_side=True) as secured:
                    request = secured.recv(65536)
                    if asked is not None:
                        asked.append(request)
                    secured.sendall(answer)
            except OSError:
                continue

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"localhost:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("spelled", ["{}_proxy", "ALL_PROXY"])
def test_a_proxy_that_wants_a_password_is_said_to(monkeypatch: pytest.MonkeyPatch, scheme: str, spelled: str) -> None:
    variable = spelled.format(scheme)
    with proxy(b"HTTP/1.1 407 Bring \x1b[31mhunter2\r\nContent-Length: 0\r\n\r\n") as address:
        monkeypatch.setenv(variable, f"http://someone:hunter2@{address}")
        with pytest.raises(ConnectionFailed) as caught:
            get(f"{scheme}://cloud.invalid")
    assert str(caught.value) == (
        f"the proxy of {variable} refused: 407 Proxy Authentication Required: "
        "its URL needs a user name and a password that it takes"
    )


@pytest.mark.parametrize(
    ("status", "words"), [("403 No", "403 Forbidden"), ("502 No", "502 Bad Gateway"), ("599 No", "599 unknown status")]
)
def test_a_proxy_that_opens_no_tunnel_is_named(monkeypatch: pytest.MonkeyPatch, status: str, words: str) -> None:
    with proxy(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()) as address:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{address}")
        with pytest.raises(ConnectionFailed) as caught:
            get("https://cloud.invalid")
    assert str(caught.value) == f"the proxy of HTTPS_PROXY refused: {words}"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "socks5://user:hunter2@127.0.0.1:1080",
            "unsupported proxy scheme 'socks5' in https_proxy: http and https are supported",
        ),
        ("SOCKS5H://127.0.0.1:1080", "unsupported proxy scheme 'socks5h' in https_proxy: http and https are supported"),
        ("ftp://user:hunter2@127.0.0.1:21", "unsupported proxy scheme 'ftp' in https_proxy: http and https are supported"),
        ("http://user:hunter2@:3128", "invalid proxy URL in https_proxy: http://host:port is expected"),
        ("http://", "invalid proxy URL in https_proxy: http://host:port is expected"),
        ("http://user:hunter2@proxy:port", "invalid proxy URL in https_proxy: http://host:port is expected"),
        ("http://user:hunter2@[::1", "invalid proxy URL in https_proxy: http://host:port is expected"),
        ("http://user:hunter2@proxy:99999", "invalid proxy URL in https_proxy: http://host:port is expected"),
        ("://", "invalid proxy URL in https_proxy: http://host:port is expected"),
        ("http://user:hunter2@a..b:1", "the proxy of https_proxy cannot be used: invalid host name"),
        ("http://user:hunter2@127.0.0.1:1", "the proxy of https_proxy cannot be used: Connection refused"),
        ("user:hunter2@127.0.0.1:1", "the proxy of https_proxy cannot be used: Connection refused"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_said_so(monkeypatch: pytest.MonkeyPatch, value: str, message: str) -> None:
    monkeypatch.setenv("https_proxy", value)
    with pytest.raises(ConnectionFailed) as caught:
        get("https://cloud.invalid")
    assert str(caught.value) == message


def test_a_proxy_for_others_is_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "ftp://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "localhost")
    with proxy(b'HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{"code":0,"data":"x"}') as address:
        assert get(f"http://{address}") == "x"


def test_a_proxy_gets_its_password_and_never_the_token_of_a_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    with proxy(b"HTTP/1.1 502 No\r\n\r\n", asked) as address:
        monkeypatch.setenv("https_proxy", f"http://someone:hunter2@{address}")
        with pytest.raises(ConnectionFailed):
            get("https://cloud.invalid")
    (request,) = asked
    assert request.startswith(b"CONNECT cloud.invalid:443 ")
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"someone:hunter2") in request
    assert TOKEN.encode() not in request


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_over_tls_is_trusted_as_the_cloud_is(
    monkeypatch: pytest.MonkeyPatch, mine: Trusted, other: Trusted, scheme: str
) -> None:
    with proxy(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", chain=(mine.chain, mine.key)) as address:
        monkeypatch.setenv(f"{scheme}_proxy", f"https://{address}")
        monkeypatch.setenv("SSL_CERT_FILE", str(other.file))
        with pytest.raises(ConnectionFailed, match="TLS certificate refused: unable to get local issuer"):
            get(f"{scheme}://cloud.invalid")
        monkeypatch.setenv("SSL_CERT_FILE", str(mine.file))
        with pytest.raises(ConnectionFailed, match="407 Proxy Authentication Required"):
            get(f"{scheme}://cloud.invalid")
