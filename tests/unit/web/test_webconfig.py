import re
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
from exporter.web.webconfig import UNSUPPORTED, load

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


KEYS = "cert_file, key_file, client_auth_type, client_ca_file, min_version"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("tls_config: {}\n", "web.yaml:1: tls_config: unknown key; expected one of tls_server_config, http_server_config, basic_auth_users"),
        ("rate_limit: {}\n", "web.yaml:1: rate_limit: not supported here; expected one of tls_server_config, http_server_config, basic_auth_users"),
        ("a: [\n", "web.yaml:2: not YAML: did not find expected node content (while parsing a flow node)"),
        ("- a\n", "web.yaml:1: the file: expected a mapping of keys to values, got a list"),
        ("tls_server_config:\n  cert_file: server.pem\n", "web.yaml:1: tls_server_config.key_file: missing"),
        (TLS + "  max_version: TLS13\n", f"web.yaml:4: tls_server_config.max_version: not supported here; expected one of {KEYS}"),
        (TLS + "  cipher_suites: []\n", f"web.yaml:4: tls_server_config.cipher_suites: not supported here; expected one of {KEYS}"),
        (TLS + "  cert: x\n", f"web.yaml:4: tls_server_config.cert: not supported here; expected one of {KEYS}"),
        (TLS + "  client_ca: x\n", f"web.yaml:4: tls_server_config.client_ca: not supported here; expected one of {KEYS}"),
        (TLS + "  nonsense: x\n", f"web.yaml:4: tls_server_config.nonsense: unknown key; expected one of {KEYS}"),
        (TLS + "  min_version: TLS10\n", "web.yaml:4: tls_server_config.min_version: expected 'TLS12' or 'TLS13', got 'TLS10'"),
        (
            TLS + "  client_auth_type: Never\n",
            "web.yaml:4: tls_server_config.client_auth_type: expected 'NoClientCert', 'VerifyClientCertIfGiven' or "
            "'RequireAndVerifyClientCert', got 'Never'",
        ),
        (
            TLS + "  client_auth_type: RequireAnyClientCert\n",
            "web.yaml:4: tls_server_config.client_auth_type: not supported here: anybody can make a certificate that is not verified; "
            "expected NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert, got 'RequireAnyClientCert'",
        ),
        (
            TLS + "  client_auth_type: RequireAndVerifyClientCert\n",
            "web.yaml:4: tls_server_config.client_auth_type: expected client_ca_file beside it, to verify against",
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
        ("http_server_config: {http2: true}\n", "web.yaml:1: http_server_config.http2: not supported here; expected one of headers"),
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


def test_the_example_in_the_readme(folder: Path) -> None:
    example = (
        Path("README.md").read_text(encoding="utf-8").partition("<!-- example: web config -->\n```yaml\n")[2].partition("```")[0]
    )
    (folder / "clients.pem").write_bytes((folder / "ca.pem").read_bytes())
    config = load(write(folder, example))
    assert str(config) == "TLS, client certificates required, basic authentication of 1"
    assert len(config.headers) == 2


def test_all_that_the_readme_says_is_refused_is(folder: Path) -> None:
    text = (
        Path("README.md")
        .read_text(encoding="utf-8")
        .partition("- Refused rather than ignored")[2]
        .partition("versions before")[0]
    )
    assert set(re.findall(r"`([a-z_0-9]+)`", text)) == UNSUPPORTED
