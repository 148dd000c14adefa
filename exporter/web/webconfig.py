"""The web config file, in the format of Prometheus' exporter-toolkit: `load(path) -> WebConfig`.

The file sets TLS, users and headers. It is apart from the exporter's config, because several exporters may share one.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from exporter.config.errors import ConfigError, Key, problem_at, validate
from exporter.config.placeholders import has_placeholder
from exporter.config.yaml import YamlFile, read_yaml
from exporter.web.tls import TlsError, TlsFiles, server_context

_BCRYPT: Final = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}", re.ASCII)

#: Each step doubles the time of a check: from under 1 ms, bcrypt's lowest, to some 15 s, the most that a scrape may wait.
_COSTS: Final = range(4, 19)

#: Keys of the format that are refused rather than ignored, because those who set one rely on it.
UNSUPPORTED: Final = frozenset(
    {
        "cert",
        "key",
        "client_ca",
        "client_allowed_sans",
        "max_version",
        "cipher_suites",
        "prefer_server_cipher_suites",
        "curve_preferences",
        "http2",
        "rate_limit",
    }
)


def _bcrypt_hash(value: SecretStr) -> SecretStr:
    match = _BCRYPT.fullmatch(value.get_secret_value())
    if match is None or int(match[1]) not in _COSTS:
        raise ValueError(f"expected a bcrypt hash of a cost from {_COSTS[0]} to {_COSTS[-1]}, such as htpasswd -nB writes")
    return value


def _user(value: str) -> str:
    if not value or ":" in value:
        raise ValueError("expected a user's name without a colon")
    return value


def _client_auth(value: object) -> object:
    if value in ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert"):
        raise ValueError(
            "not supported here: anybody can make a certificate that is not verified; "
            "expected NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert"
        )
    return value


def _header_text(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError("expected one line of printable ASCII")
    if has_placeholder(value):
        raise ValueError("expected the header's text; variables are not expanded here")
    return value


HeaderText = Annotated[str, AfterValidator(_header_text)]
ClientAuth = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TlsServerConfig(_Model):
    """The section `tls_server_config`. Paths are relative to the file."""

    cert_file: Path
    key_file: Path
    client_auth_type: Annotated[ClientAuth, BeforeValidator(_client_auth)] = "NoClientCert"
    client_ca_file: Path | None = None
    min_version: Literal["TLS12", "TLS13"] = "TLS12"


class HeadersConfig(_Model):
    """The headers that the format allows; empty ones are not sent."""

    strict_transport_security: HeaderText = Field("", alias="Strict-Transport-Security")
    x_content_type_options: Literal["", "nosniff"] = Field("", alias="X-Content-Type-Options")
    x_frame_options: Literal["", "deny", "sameorigin"] = Field("", alias="X-Frame-Options")
    x_xss_protection: HeaderText = Field("", alias="X-XSS-Protection")
    content_security_policy: HeaderText = Field("", alias="Content-Security-Policy")


class HttpServerConfig(_Model):
    """The section `http_server_config`."""

    headers: HeadersConfig | None = None


class WebFile(_Model):
    """The whole file. An empty section counts as absent."""

    tls_server_config: TlsServerConfig | None = None
    http_server_config: HttpServerConfig | None = None
    basic_auth_users: (
        Mapping[Annotated[str, AfterValidator(_user)], Annotated[SecretStr, AfterValidator(_bcrypt_hash)]] | None
    ) = None


@dataclass(frozen=True, slots=True)
class WebConfig:
    """A valid web config. `users`: bcrypt hashes by name, empty: no authentication; `files`: all files that were read."""

    context: ssl.SSLContext | None
    client_certificates: ClientAuth
    users: Mapping[str, bytes]
    headers: tuple[tuple[bytes, bytes], ...]
    files: tuple[Path, ...]

    def __str__(self) -> str:
        certificates = {
            "NoClientCert": "",
            "VerifyClientCertIfGiven": ", client certificates verified if given",
            "RequireAndVerifyClientCert": ", client certificates required",
        }
        tls = f"TLS{certificates[self.client_certificates]}" if self.context else "no TLS"
        return f"{tls}, basic authentication of {len(self.users)}" if self.users else f"{tls}, no authentication"


def load(path: Path) -> WebConfig:
    """Load `path` and the files that it names. Raises ConfigError with every mistake found."""
    source = read_yaml(path)
    file = validate(WebFile, source, source.data, unsupported=UNSUPPORTED)
    tls = file.tls_server_config
    files = _files(path.parent, tls)
    context = _context(source, tls, files) if tls and files else None
    headers = file.http_server_config.headers if file.http_server_config else None
    values = headers.model_dump(by_alias=True) if headers else {}
    return WebConfig(
        context,
        tls.client_auth_type if tls else "NoClientCert",
        {name: hashed.get_secret_value().encode() for name, hashed in (file.basic_auth_users or {}).items()},
        tuple((name.lower().encode(), value.encode()) for name, value in values.items() if value),
        (path, *(files.all if files else ())),
    )


def _files(base: Path, tls: TlsServerConfig | None) -> TlsFiles | None:
    if tls is None:
        return None
    return TlsFiles(base / tls.cert_file, base / tls.key_file, base / tls.client_ca_file if tls.client_ca_file else None)


def _context(source: YamlFile, tls: TlsServerConfig, files: TlsFiles) -> ssl.SSLContext:
    asks = tls.client_auth_type != "NoClientCert"
    if asks and files.client_ca is None:
        raise _mistake(source, "client_auth_type", "expected client_ca_file beside it, to verify against")
    if files.client_ca is not None and not asks:
        raise _mistake(source, "client_ca_file", "expected client_auth_type beside it; without it no certificate is asked for")
    oldest = ssl.TLSVersion.TLSv1_3 if tls.min_version == "TLS13" else ssl.TLSVersion.TLSv1_2
    modes = {
        "NoClientCert": ssl.CERT_NONE,
        "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
        "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
    }
    try:
        return server_context(files, modes[tls.client_auth_type], oldest)
    except TlsError as error:
        raise _mistake(source, error.key, str(error)) from None


def _mistake(source: YamlFile, name: str, problem: str) -> ConfigError:
    key: Key = ("tls_server_config", name)
    return ConfigError([problem_at(source, key, problem)])
