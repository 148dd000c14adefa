import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from exporter.config.errors import ConfigError
from exporter.web.tls import has_allowed_san
from exporter.web.webconfig import load
from exporter.web.webfile import CIPHERS
from tests.helpers.docs import example

#: bcrypt of "made up".
HASH = "$2y$04$RbvKdmJ/ykXTYHtu2Y523ekbrqcP62aW4qia88.lqKH621svk3qBG"

TLS = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    authority = trustme.CA()
    for name in ("server", "other"):
        issued = authority.issue_cert("localhost")
        issued.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.pem")
        issued.private_key_pem.write_to_path(tmp_path / f"{name}.key")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "web.yaml"
    path.write_text(text)
    return path


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(write(folder, text))
    return [problem.replace(f"{folder}/", "") for problem in caught.value.problems]


def test_an_empty_file_asks_for_nothing(folder: Path) -> None:
    config = load(write(folder, "# nothing yet\ntls_server_config:\nbasic_auth_users:\nhttp_server_config:\n  headers:\n"))
    assert (config.context, config.users, config.headers) == (None, {}, ())
    assert str(config) == "no TLS, no authentication"


def test_all_that_is_supported(folder: Path) -> None:
    config = load(
        write(
            folder,
            TLS
            + "  client_ca_file: ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n  min_version: TLS13\n"
            + f"basic_auth_users: {{alice: {HASH}, bob@site: {HASH.replace('2y', '2b')}}}\n"
            + "http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=60\n    X-Frame-Options: deny\n"
            + "    X-Content-Type-Options: nosniff\n    X-XSS-Protection: ''\n    Content-Security-Policy: default-src 'self'\n",
        )
    )
    assert config.context is not None
    assert config.context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert config.context.verify_mode is ssl.CERT_REQUIRED
    assert config.users == {"alice": HASH.encode(), "bob@site": HASH.replace("2y", "2b").encode()}
    assert dict(config.headers) == {
        b"strict-transport-security": b"max-age=60",
        b"x-frame-options": b"deny",
        b"x-content-type-options": b"nosniff",
        b"content-security-policy": b"default-src 'self'",
    }
    assert config.files == tuple(folder / name for name in ("web.yaml", "server.pem", "server.key", "ca.pem"))
    assert str(config) == "TLS, client certificates required, basic authentication of 2"


def test_absolute_paths_stay(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    path = write(elsewhere, f"tls_server_config: {{cert_file: {folder}/server.pem, key_file: {folder}/server.key}}\n")
    assert load(path).context is not None


@pytest.mark.parametrize(("auth", "mode"), [("NoClientCert", ssl.CERT_NONE), ("VerifyClientCertIfGiven", ssl.CERT_OPTIONAL)])
def test_who_needs_a_certificate(folder: Path, auth: str, mode: ssl.VerifyMode) -> None:
    authorities = "  client_ca_file: ca.pem\n" if mode else ""
    context = load(write(folder, f"{TLS}  client_auth_type: {auth}\n{authorities}")).context
    assert context is not None
    assert context.verify_mode is mode


KEYS = (
    "cert, key, client_ca, cert_file, key_file, client_auth_type, client_ca_file, client_allowed_sans, min_version, max_version, "
    "cipher_suites, prefer_server_cipher_suites, curve_preferences"
)
SECTIONS = "tls_server_config, http_server_config, basic_auth_users, rate_limit"
SUITES = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, "
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, "
    "TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256"
)
GCM = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
UNVERIFIED = (
    "not supported here: Python's TLS verifies every certificate that it asks for, and anybody can make one that is not verified; "
    "expected NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert"
)
DURATION = "expected a duration such as 1s or 500ms, or 0 for no limit"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tls_config: {}\n", f"web.yaml:1: tls_config: unknown key; expected one of {SECTIONS}"),
        ("tls_config:\n", f"web.yaml:1: tls_config: unknown key; expected one of {SECTIONS}"),
        ("a: [\n", "web.yaml:2: not YAML: did not find expected node content (while parsing a flow node)"),
        ("- a\n", "web.yaml:1: the file: expected a mapping of keys to values, got a list"),
        ("tls_server_config:\n  cert_file: server.pem\n", "web.yaml:1: tls_server_config.key_file: missing; expected key_file, or key with the text itself"),
        ("tls_server_config:\n  key_file: server.key\n  cert: ''\n", "web.yaml:1: tls_server_config.cert_file: missing; expected cert_file, or cert with the text itself"),
        (TLS + "  cert: x\n", "web.yaml:4: tls_server_config.cert: expected either it or cert_file"),
        (TLS + "  key: x\n", "web.yaml:4: tls_server_config.key: expected either it or key_file"),
        (TLS.replace("cert_file: server.pem", "cert: x"), "web.yaml:2: tls_server_config.cert: the text holds no certificates in PEM form"),
        (TLS.replace("key_file: server.key", "key: x"), "web.yaml:3: tls_server_config.key: the text holds no private key in PEM form"),
        (TLS + "  client_auth_type: VerifyClientCertIfGiven\n  client_ca: x\n", "web.yaml:5: tls_server_config.client_ca: the text holds no certificates in PEM form"),
        (TLS + "  client_ca: x\n", "web.yaml:4: tls_server_config.client_ca: expected client_auth_type beside it; without it no certificate is asked for"),
        (TLS + "  client_allowed_sans: [a]\n", "web.yaml:4: tls_server_config.client_allowed_sans: expected client_auth_type beside it; without it no certificate is asked for"),
        (
            TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: []\n",
            "web.yaml:5: tls_server_config.client_allowed_sans: expected at least one name, or no such key; with none, nobody's certificate would do, got a list",
        ),
        (TLS + "  client_allowed_sans: a\n", "web.yaml:4: tls_server_config.client_allowed_sans: expected a list, got 'a'"),
        (TLS + "  min_version: TLS13\n  max_version: TLS12\n", "web.yaml:4: tls_server_config.min_version: expected at most max_version, TLS12"),
        (TLS + "  max_version: TLS11\n", "web.yaml:4: tls_server_config.max_version: not supported here: TLS before 1.2 is broken (RFC 8996); expected TLS12 or TLS13, got 'TLS11'"),
        (TLS + "  cipher_suites: [TLS_RSA]\n", f"web.yaml:4: tls_server_config.cipher_suites[0]: unknown cipher suite; expected {SUITES}, got 'TLS_RSA'"),
        (
            TLS + "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]\n",
            f"web.yaml:4: tls_server_config.cipher_suites: expected {GCM} or {GCM.replace('RSA', 'ECDSA')} too, as HTTP/2 has it, or http_server_config.http2: false",
        ),
        (
            TLS + "  cipher_suites: [TLS_AES_128_GCM_SHA256]\n  max_version: TLS12\nhttp_server_config: {http2: false}\n",
            "web.yaml:4: tls_server_config.cipher_suites: expected one of TLS 1.2, which max_version is",
        ),
        (TLS + "  prefer_server_cipher_suites: perhaps\n", "web.yaml:4: tls_server_config.prefer_server_cipher_suites: expected true or false, got 'perhaps'"),
        (
            TLS + "  curve_preferences: [X25519, CurveP256]\n",
            "web.yaml:4: tls_server_config.curve_preferences: not supported here: Python's TLS takes one curve, no list; expected one, or no such key to allow them all, got a list",
        ),
        (
            TLS + "  curve_preferences: [P-256]\n",
            "web.yaml:4: tls_server_config.curve_preferences: unknown curve 'P-256'; expected one of CurveP256, CurveP384, CurveP521, X25519, got a list",
        ),
        ("rate_limit: {interval: 1x}\n", f"web.yaml:1: rate_limit.interval: {DURATION}, got '1x'"),
        ("rate_limit: {interval: -1s}\n", f"web.yaml:1: rate_limit.interval: {DURATION}, got '-1s'"),
        (f"rate_limit: {{interval: {'9' * 400}s}}\n", f"web.yaml:1: rate_limit.interval: expected a duration of at most 292 years, got '{'9' * 56}..."),
        ("rate_limit: {burst: many}\n", "web.yaml:1: rate_limit.burst: expected a whole number, got 'many'"),
        ("rate_limit: {burst: -1}\n", "web.yaml:1: rate_limit.burst: expected a whole number from 0, got '-1'"),
        ("rate_limit: {every: 1s}\n", "web.yaml:1: rate_limit.every: unknown key; expected one of interval, burst"),
        (TLS + "  nonsense: x\n", f"web.yaml:4: tls_server_config.nonsense: unknown key; expected one of {KEYS}"),
        (TLS + "  min_version: TLS1\n", "web.yaml:4: tls_server_config.min_version: expected 'TLS12' or 'TLS13', got 'TLS1'"),
        (
            TLS + "  client_auth_type: Never\n",
            "web.yaml:4: tls_server_config.client_auth_type: expected 'NoClientCert', 'VerifyClientCertIfGiven' or "
            "'RequireAndVerifyClientCert', got 'Never'",
        ),
        (
            TLS + "  client_auth_type: RequireAnyClientCert\n",
            f"web.yaml:4: tls_server_config.client_auth_type: {UNVERIFIED}, got 'RequireAnyClientCert'",
        ),
        (
            TLS + "  client_ca_file: ca.pem\n",
            "web.yaml:4: tls_server_config.client_ca_file: expected client_auth_type beside it; without it no certificate is asked for",
        ),
        (TLS.replace("server.pem", "none.pem"), "web.yaml:2: tls_server_config.cert_file: cannot read none.pem: No such file or directory"),
        (TLS.replace("server.key", "none.key"), "web.yaml:3: tls_server_config.key_file: cannot read none.key: No such file or directory"),
        (TLS.replace("server.key", '"a\\0b"'), "web.yaml:3: tls_server_config.key_file: cannot read a\0b: embedded null byte"),
        (TLS.replace("server.pem", "web.yaml"), "web.yaml:2: tls_server_config.cert_file: web.yaml holds no certificates in PEM form"),
        (TLS.replace("server.key", "web.yaml"), "web.yaml:3: tls_server_config.key_file: web.yaml holds no private key in PEM form"),
        (TLS.replace("server.key", "other.key"), "web.yaml:3: tls_server_config.key_file: other.key is not the key of the certificate in cert_file"),
        (
            TLS + "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: server.key\n",
            "web.yaml:5: tls_server_config.client_ca_file: server.key holds no certificates in PEM form",
        ),
        ("basic_auth_users:\n  alice: secret\n", "web.yaml:2: basic_auth_users.alice: expected a bcrypt hash of a cost from 4 to 18, such as htpasswd -nB writes"),
        (f"basic_auth_users:\n  alice: {HASH.replace('$04', '$31')}\n", "web.yaml:2: basic_auth_users.alice: expected a bcrypt hash of a cost from 4 to 18, such as htpasswd -nB writes"),
        (f"basic_auth_users:\n  alice: {HASH}\n  alice: {HASH}\n", "web.yaml:3: the key alice is given twice (first on line 2)"),
        (f"basic_auth_users:\n  'a:b': {HASH}\n", "web.yaml:2: basic_auth_users.a:b: expected a user's name without a colon"),
        ("basic_auth_users: [alice]\n", "web.yaml:1: basic_auth_users: expected a mapping of keys to values"),
        ("http_server_config: {http2: 2}\n", "web.yaml:1: http_server_config.http2: expected true or false, got '2'"),
        (
            "http_server_config:\n  headers:\n    Server: x\n",
            "web.yaml:3: http_server_config.headers.Server: unknown key; expected one of Strict-Transport-Security, "
            "X-Content-Type-Options, X-Frame-Options, X-XSS-Protection, Content-Security-Policy",
        ),
        (
            "http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=${AGE}\n",
            "web.yaml:3: http_server_config.headers.Strict-Transport-Security: expected the header's text; variables are not expanded here, got 'max-age=${AGE}'",
        ),
        (
            "http_server_config:\n  headers:\n    X-Frame-Options: DENY\n",
            "web.yaml:3: http_server_config.headers.X-Frame-Options: expected '', 'deny' or 'sameorigin', got 'DENY'",
        ),
        (
            'http_server_config:\n  headers:\n    Content-Security-Policy: "a\\r\\nX: b"\n',
            "web.yaml:3: http_server_config.headers.Content-Security-Policy: expected one line of printable ASCII, got 'a\\r\\nX: b'",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(folder: Path, text: str, problem: str) -> None:
    assert problems(folder, text) == [problem]


def test_a_password_in_the_place_of_its_hash_is_not_shown(folder: Path) -> None:
    (problem,) = problems(folder, "basic_auth_users:\n  alice: [hunter2]\n")
    assert "hunter2" not in problem
    assert problem.startswith("web.yaml:2: basic_auth_users.alice: expected text")


def test_an_encrypted_key_is_refused_and_nobody_asked_for_its_password(folder: Path) -> None:
    key = load_pem_private_key((folder / "server.key").read_bytes(), None)
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(b"made up"))
    (folder / "server.key").write_bytes(encrypted)
    assert problems(folder, TLS) == [
        "web.yaml:3: tls_server_config.key_file: server.key is encrypted; expected a private key without a password"
    ]


def test_every_mistake_is_told_at_once(folder: Path) -> None:
    assert len(problems(folder, "basic_auth_users: {a: b, c: d}\nnonsense: 1\n")) == 3


def test_the_example_in_the_documentation(folder: Path) -> None:
    (folder / "clients.pem").write_bytes((folder / "ca.pem").read_bytes())
    config = load(write(folder, example("connect/tls.md", "client_allowed_sans")))
    assert str(config) == (
        "TLS, client certificates required, allowed SANs: 1, basic authentication of 1, a request every 0.1 s after a burst of 50"
    )
    assert len(config.headers) == 2


def test_a_key_in_the_place_of_its_file_is_not_shown(folder: Path) -> None:
    key = (folder / "server.key").read_text()
    for place in ("key_file", "cert_file"):
        found = problems(folder, f"tls_server_config: {{cert: x, {place}: {key!r}}}\n".replace("'", '"'))
        assert "expected a file's path; the text itself goes into the key without _file" in found[0]
        assert key.splitlines()[1] not in "".join(found)
    assert key.splitlines()[1] not in "".join(
        problems(folder, f"tls_server_config: {{cert: x, key: [{key!r}]}}\n".replace("'", '"'))
    )


def indented(path: Path) -> str:
    return "|\n" + "".join(f"    {line}\n" for line in path.read_text().splitlines())


def test_certificates_and_the_key_may_be_in_the_file_itself(folder: Path) -> None:
    text = "".join(
        f"  {key}: {indented(folder / name)}"
        for key, name in (("cert", "server.pem"), ("key", "server.key"), ("client_ca", "ca.pem"))
    )
    config = load(write(folder, f"tls_server_config:\n{text}  client_auth_type: RequireAndVerifyClientCert\n"))
    assert config.context is not None
    assert len(config.context.get_ca_certs()) == 1
    assert config.files == (folder / "web.yaml",)


def test_keys_without_a_value_are_as_absent(folder: Path) -> None:
    empty = "".join(f"  {key}:\n" for key in KEYS.split(", ") if key not in ("cert_file", "key_file"))
    assert load(write(folder, TLS + empty + "rate_limit:\n  interval:\nhttp_server_config:\n  http2:\n")).context is not None
    assert (
        load(write(folder, "tls_server_config: {cert_file: , key_file: }\n".replace(" ,", "").replace("key_file: ", ""))).context
        is None
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("1s", 1),
        ("1m30s", 90),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("100ms", 0.1),
        ("5us", 5e-6),
        ("5µs", 5e-6),
        ("1000000000", 1),
    ],
)
def test_durations_are_go_s(folder: Path, text: str, seconds: float) -> None:
    config = load(write(folder, f"rate_limit: {{interval: {text}, burst: 5}}\n"))
    assert config.rate_limit.interval == pytest.approx(seconds)
    assert config.rate_limit.burst == 5


def test_versions_ciphers_and_their_order(folder: Path) -> None:
    config = load(
        write(
            folder,
            TLS + "  max_version: TLS12\n  prefer_server_cipher_suites: false\n"
            "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]\n",
        )
    )
    assert config.context is not None
    assert config.context.maximum_version is ssl.TLSVersion.TLSv1_2
    names = [cipher["name"] for cipher in config.context.get_ciphers() if not cipher["name"].startswith("TLS_")]
    assert names == ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-AES128-GCM-SHA256"]
    assert not config.context.options & ssl.OP_CIPHER_SERVER_PREFERENCE


def test_a_cipher_that_this_machine_has_not_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CIPHERS, GCM, "ECDHE-RSA-MADE-UP")
    assert problems(folder, f"{TLS}  cipher_suites: [{GCM}]\n") == [
        "web.yaml:4: tls_server_config.cipher_suites: the TLS library of this machine has no ECDHE-RSA-MADE-UP"
    ]


def test_with_ciphers_of_tls_1_3_alone_there_is_nothing_older(folder: Path) -> None:
    config = load(write(folder, TLS + "  cipher_suites: [TLS_AES_128_GCM_SHA256]\nhttp_server_config: {http2: false}\n"))
    assert config.context is not None
    assert config.context.minimum_version is ssl.TLSVersion.TLSv1_3


def test_what_an_operator_may_not_expect_is_noted(folder: Path) -> None:
    config = load(
        write(
            folder,
            TLS + "  client_auth_type: VerifyClientCertIfGiven\n  client_allowed_sans: ['0:0::1', a]\n"
            "http_server_config: {http2: true}\nrate_limit: {interval: 1s}\n",
        )
    )
    assert config.notes == (
        "http_server_config.http2 is on, but this server speaks HTTP/1.1 only",
        "without client_ca_file, client certificates are verified against the system's authorities",
        "rate_limit.burst is 0, so every request is refused",
    )
    assert str(config) == (
        "TLS, client certificates verified if given, allowed SANs: 2, no authentication, a request every 1 s after a burst of 0"
    )
    assert load(write(folder, TLS)).notes == ()


def test_sans_are_compared_as_go_does() -> None:
    def allowed(kind: str, name: str) -> bool:
        return has_allowed_san(
            {"subjectAltName": (("othername", "<unsupported>"), (kind, name))}, {"a.example", "::1", "192.0.2.1"}
        )

    assert allowed("DNS", "a.example")
    assert not allowed("DNS", "A.example")
    assert not allowed("Registered ID", "a.example")
    assert allowed("IP Address", "0:0:0:0:0:0:0:1")
    assert allowed("IP Address", "0:0:0:0:0:FFFF:C000:201")
    assert not has_allowed_san({}, {"a.example"})
    assert not has_allowed_san(None, {"a.example"})
