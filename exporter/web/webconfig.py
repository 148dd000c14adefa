"""The web config in the format of Prometheus' exporter-toolkit: `load(path) -> WebConfig`.

The file sets TLS, users, headers and a rate limit. It is apart from the exporter's config, because several exporters may share
one.
"""

import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from exporter.config.errors import ConfigError, problem_at, validate
from exporter.config.yaml import read_yaml
from exporter.web.tls import TlsError, canonical_san, server_context
from exporter.web.webfile import CIPHERS_TLS13, NO_LIMIT, ClientAuth, RateLimit, TlsServerConfig, WebFile

#: One of these must be among the cipher suites of a server of HTTP/2 (RFC 9113 9.2.2), which Go's checks at the start.
_HTTP2_CIPHERS: Final = ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")


@dataclass(frozen=True, slots=True)
class WebConfig:
    """A valid web config, by default of an empty file.

    `allowed_sans`: of clients' certificates, empty: any; `users`: bcrypt hashes by name, empty: no authentication; `notes`: what
    an operator may not expect; `files`: all files that were read.
    """

    context: ssl.SSLContext | None = None
    client_certificates: ClientAuth = "NoClientCert"
    allowed_sans: frozenset[str] = frozenset()
    users: Mapping[str, bytes] = field(default_factory=dict)
    headers: tuple[tuple[bytes, bytes], ...] = ()
    rate_limit: RateLimit = NO_LIMIT
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()

    def __str__(self) -> str:
        certificates = {
            "NoClientCert": "",
            "VerifyClientCertIfGiven": ", client certificates verified if given",
            "RequireAndVerifyClientCert": ", client certificates required",
        }
        tls = f"TLS{certificates[self.client_certificates]}" if self.context else "no TLS"
        sans = f", allowed SANs: {len(self.allowed_sans)}" if self.allowed_sans else ""
        users = f"basic authentication of {len(self.users)}" if self.users else "no authentication"
        limit = self.rate_limit
        rate = f", a request every {limit.interval:g} s after a burst of {limit.burst}" if limit.interval else ""
        return f"{tls}{sans}, {users}{rate}"


def load(path: Path) -> WebConfig:
    """Load `path` and the files that it names. Raises ConfigError with every mistake found."""
    source = read_yaml(path)
    file = validate(WebFile, source, source.data)
    tls = file.tls_server_config if file.tls_server_config and file.tls_server_config.model_fields_set else None
    context = None
    if tls is not None:
        found = list(_contradictions(tls, http2=file.http_server_config.http2))
        if found:
            raise ConfigError([problem_at(source, ("tls_server_config", name), problem) for name, problem in found])
        try:
            context = server_context(tls, path.parent)
        except TlsError as error:
            raise ConfigError([problem_at(source, ("tls_server_config", error.key), str(error))]) from None
    headers = file.http_server_config.headers.model_dump(by_alias=True)
    return WebConfig(
        context,
        tls.client_auth_type if tls else "NoClientCert",
        frozenset(map(canonical_san, tls.client_allowed_sans or ())) if tls else frozenset(),
        {name: hashed.get_secret_value().encode() for name, hashed in file.basic_auth_users.items()},
        tuple((name.lower().encode(), value.encode()) for name, value in headers.items() if value),
        file.rate_limit,
        tuple(_notes(file, tls)),
        (path, *(path.parent / name for name in (tls.files if tls else ()))),
    )


def _contradictions(tls: TlsServerConfig, *, http2: bool) -> Iterator[tuple[str, str]]:
    """Yield each key of the section that does not go with another, and what was expected."""
    for name in ("cert", "key"):
        if not tls.has(name):
            yield f"{name}_file", f"missing; expected {name}_file, or {name} with the text itself"
    for name in ("cert", "key", "client_ca"):
        if getattr(tls, f"{name}_file") and {name, f"{name}_file"} <= {n for n in tls.model_fields_set if getattr(tls, n)}:
            yield name, f"expected either it or {name}_file"
    if not tls.verifies:
        if tls.has("client_ca"):
            key = "client_ca_file" if tls.client_ca_file else "client_ca"
            yield key, "expected client_auth_type beside it; without it no certificate is asked for"
        if tls.client_allowed_sans:
            yield "client_allowed_sans", "expected client_auth_type beside it; without it no certificate is asked for"
    if tls.min_version > tls.max_version:
        yield "min_version", f"expected at most max_version, {tls.max_version}"
    suites = set(tls.cipher_suites)
    if suites and http2 and tls.min_version == "TLS12" and not suites.intersection(_HTTP2_CIPHERS):
        yield "cipher_suites", f"expected {' or '.join(_HTTP2_CIPHERS)} too, as HTTP/2 has it, or http_server_config.http2: false"
    elif suites and tls.max_version == "TLS12" and suites <= CIPHERS_TLS13:
        yield "cipher_suites", "expected one of TLS 1.2, which max_version is"


def _notes(file: WebFile, tls: TlsServerConfig | None) -> Iterator[str]:
    if "http2" in file.http_server_config.model_fields_set and file.http_server_config.http2:
        yield "http_server_config.http2 is on, but this server speaks HTTP/1.1 only"
    if tls and tls.verifies and not tls.has("client_ca"):
        yield "without client_ca_file, client certificates are verified against the system's authorities"
    if file.rate_limit.interval and not file.rate_limit.burst:
        yield "rate_limit.burst is 0, so every request is refused"
