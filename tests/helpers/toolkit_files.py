"""Web config files equal to the test data of Prometheus' exporter-toolkit (its web/testdata), with certificates made here."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import bcrypt
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

#: What the toolkit's users' passwords are; bob's is in no test.
PASSWORDS: Final = {"alice": "alice123", "bob": "bob123", "carol": "carol123", "dave": "dave123"}

_CIPHERS: Final = """
TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384 TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256
TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA
TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA
"""


def write_toolkit_files(folder: Path) -> None:
    """Write them into `folder`, under the names that they have in the toolkit."""
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    issued = authority.issue_cert("localhost", "127.0.0.1", key_type=trustme.KeyType.RSA)
    (folder / "server.crt").write_bytes(cert := issued.cert_chain_pems[0].bytes())
    (folder / "server.key").write_bytes(key := issued.private_key_pem.bytes())
    write_client(folder, "client_selfsigned", "test")
    write_client(folder, "client2_selfsigned", "test3", x509.DNSName("test3"))
    if_given = _tls("client_auth_type: VerifyClientCertIfGiven")
    ciphers = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
    users = "basic_auth_users:\n" + "".join(f"  {name}: {_hash(word)}\n" for name, word in PASSWORDS.items())
    inline_key = _tls("client_auth_type: RequireAnyClientCert").replace("  key_file: server.key\n", _block("key", key))
    files = {
        "web_config_empty.yml": "",
        "web_config_junk.yml": "hWkNKCp3fvIx3jKnsaBI\nTuEjdwNS8A2vYdFbiKqr\n",
        "web_config_junk_key.yml": 'tls_server_config:\n  cert_filse: "server.crt"\n',
        "web_config_noAuth.good.yml": if_given,
        "web_config_noAuth.good.blocking.yml": _tls("client_auth_type: RequireAndVerifyClientCert"),
        "web_config_noAuth.bad.yml": _tls("client_ca_file: /dev/null"),
        "web_config_noAuth_certPath_empty.bad.yml": _tls(cert='""'),
        "web_config_noAuth_cert_empty.bad.yml": _tls(cert='""').replace("cert_file", "cert"),
        "web_config_noAuth_keyPath_empty.bad.yml": _tls(key='""'),
        "web_config_noAuth_key_empty.bad.yml": _tls(key='""').replace("key_file", "key"),
        "web_config_noAuth_certPath_keyPath_empty.bad.yml": _tls("client_auth_type: x", cert='""', key='""'),
        "web_config_noAuth_certPath_invalid.bad.yml": _tls(cert="somefile"),
        "web_config_noAuth_keyPath_invalid.bad.yml": _tls(key="somefile"),
        "web_config_noAuth_certPath_keyPath_invalid.bad.yml": _tls(cert="somefile", key="somefile"),
        "web_config_auth_clientCAs_invalid.bad.yml": _tls("client_ca_file: somefile"),
        "web_config_auth_user_list_invalid.bad.yml": _tls() + "basic_auth_users:\n  john: doe\n",
        "web_config_noAuth_inventedCiphers.bad.yml": if_given
        + _list("cipher_suites", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA2048"),
        "web_config_noAuth_inventedCurves.bad.yml": if_given + _list("curve_preferences", "CurveP257"),
        "web_config_noAuth_wrongTLSVersion.bad.yml": if_given + "  min_version: TLS111\n",
        "web_config_noAuth_tlsInline.good.yml": "tls_server_config:\n"
        + _block("cert", cert)
        + _block("key", key)
        + "  client_auth_type: VerifyClientCertIfGiven\n",
        "web_config_noAuth_allCiphers.good.yml": if_given + _list("cipher_suites", *_CIPHERS.split()),
        "web_config_noAuth_someCiphers.good.yml": if_given
        + _list("cipher_suites", *ciphers)
        + "  min_version: TLS12\n  max_version: TLS12\n",
        "web_config_noAuth_someCiphers_noOrder.good.yml": if_given
        + _list("cipher_suites", *reversed(ciphers))
        + "  prefer_server_cipher_suites: false\n  min_version: TLS12\n  max_version: TLS12\n",
        "web_config_noAuth_allCurves.good.yml": if_given
        + _list("curve_preferences", "CurveP256", "CurveP384", "CurveP521", "X25519"),
        "web_config_noAuth_someCurves.good.yml": if_given + "  min_version: TLS13\n" + _list("curve_preferences", "CurveP521"),
        "web_config_noAuth_noHTTP2.good.yml": if_given
        + _list("cipher_suites", ciphers[1])
        + "  max_version: TLS12\nhttp_server_config:\n  http2: false\n",
        "web_config_noAuth_noHTTP2Cipher.bad.yml": if_given + _list("cipher_suites", ciphers[1]) + "  max_version: TLS12\n",
        "web_config_headers.good.yml": _headers(
            "X-Frame-Options: deny",
            "Strict-Transport-Security: max-age=31536000; includeSubDomains",
            "X-Content-Type-Options: nosniff",
            "X-XSS-Protection: 1",
            "Content-Security-Policy: \"default-src 'self' *.test.example.net\"",
        ),
        "web_config_headers_content_type_options.bad.yml": _headers("X-Content-Type-Options: sniff"),
        "web_config_headers_frame_options.bad.yml": _headers("X-Frame-Options: foo"),
        "web_config_headers_extra_header.bad.yml": _headers("Content-Type: foo"),
        "tls_config_noAuth.requireanyclientcert.good.yml": _tls("client_auth_type: RequireAnyClientCert"),
        "tls_config_noAuth.requireanyclientcertkeyinline.good.yml": inline_key,
        "tls_config_noAuth.requireandverifyclientcert.good.yml": _tls(
            "client_auth_type: RequireAndVerifyClientCert", "client_ca_file: client_selfsigned.pem"
        ),
        "web_config_auth_client_san.good.yaml": _sans("one", "test3", "two"),
        "web_config_auth_client_san.bad.yaml": _sans("bad"),
        "web_config_rate_limiter_nonblocking.yaml": "rate_limit:\n  interval: 0\n  burst: 0\n",
        "web_config_rate_limiter_one_second.yaml": 'rate_limit:\n  interval: "1s"\n  burst: 0\n',
        "web_config_users.good.yml": _tls() + users,
        "web_config_users_noTLS.good.yml": users,
    }
    for name, text in files.items():
        (folder / name).write_text(text)


def write_client(folder: Path, name: str, subject: str, *sans: x509.GeneralName) -> None:
    """Write a client's certificate and key into `folder`. It is its own authority and has these SANs."""
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    )
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
    (folder / f"{name}.pem").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    (folder / f"{name}.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def kinds_of_san() -> dict[str, x509.GeneralName]:
    """Return a SAN of each kind that `client_allowed_sans` may have, by what is written there."""
    return {
        "scraper.example": x509.DNSName("scraper.example"),
        "192.0.2.7": x509.IPAddress(ipaddress.ip_address("192.0.2.7")),
        "2001:db8::7": x509.IPAddress(ipaddress.ip_address("2001:db8::7")),
        "ops@example.org": x509.RFC822Name("ops@example.org"),
        "spiffe://example.org/prometheus": x509.UniformResourceIdentifier("spiffe://example.org/prometheus"),
    }


def _tls(*lines: str, cert: str = "server.crt", key: str = "server.key") -> str:
    return "tls_server_config:\n" + "".join(f"  {line}\n" for line in (f"cert_file: {cert}", f"key_file: {key}", *lines))


def _list(name: str, *values: str) -> str:
    return f"  {name}:\n" + "".join(f"  - {value}\n" for value in values)


def _block(name: str, pem: bytes) -> str:
    return f"  {name}: |\n" + "".join(f"    {line}\n" for line in pem.decode().splitlines())


def _headers(*lines: str) -> str:
    return "http_server_config:\n  headers:\n" + "".join(f"    {line}\n" for line in lines)


def _sans(*names: str) -> str:
    verified = _tls("client_auth_type: RequireAndVerifyClientCert", "client_ca_file: client2_selfsigned.pem")
    return verified + _list("client_allowed_sans", *names)


def _hash(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$")
