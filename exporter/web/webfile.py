"""The schema of the web config file. What cannot be honoured is refused with what to write instead, never ignored."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from exporter.config.placeholders import has_placeholder

#: OpenSSL's names of the cipher suites that Go's tls.CipherSuites() has for TLS 1.2.
CIPHERS: Final = {
    f"TLS_ECDHE_{signature}_WITH_{cipher}": f"ECDHE-{signature}-{name}"
    for signature in ("ECDSA", "RSA")
    for cipher, name in {
        "AES_128_GCM_SHA256": "AES128-GCM-SHA256",
        "AES_256_GCM_SHA384": "AES256-GCM-SHA384",
        "CHACHA20_POLY1305_SHA256": "CHACHA20-POLY1305",
        "AES_128_CBC_SHA": "AES128-SHA",
        "AES_256_CBC_SHA": "AES256-SHA",
    }.items()
}

#: Those of TLS 1.3, which has them all whatever a list says, in Go as in OpenSSL.
CIPHERS_TLS13: Final = frozenset({"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"})

#: OpenSSL's names of the curves that the format has.
CURVES: Final = {"CurveP256": "prime256v1", "CurveP384": "secp384r1", "CurveP521": "secp521r1", "X25519": "X25519"}

_BCRYPT: Final = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}", re.ASCII)

#: Each step doubles the time of a check: from under 1 ms, bcrypt's lowest, to some 15 s, the most that a scrape may wait.
_COSTS: Final = range(4, 19)

#: Go's durations, in seconds; a number without a unit is nanoseconds.
_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = rf"(\d+\.?\d*|\.\d+)({'|'.join(_UNITS)})"
_LONGEST: Final = 2**63 / 1e9


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
            "not supported here: Python's TLS verifies every certificate that it asks for, and anybody can make one that is not "
            "verified; expected NoClientCert, VerifyClientCertIfGiven or RequireAndVerifyClientCert"
        )
    return value or "NoClientCert"


def _version(value: object) -> object:
    if value in ("TLS10", "TLS11"):
        raise ValueError("not supported here: TLS before 1.2 is broken (RFC 8996); expected TLS12 or TLS13")
    return value


def _file(value: str) -> str:
    if "-----BEGIN" in value:
        raise ValueError("expected a file's path; the text itself goes into the key without _file")
    return value


def _cipher(value: str) -> str:
    if value not in CIPHERS and value not in CIPHERS_TLS13:
        raise ValueError(f"unknown cipher suite; expected {', '.join([*CIPHERS, *sorted(CIPHERS_TLS13)])}")
    return value


def _curves(value: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in value if name not in CURVES]
    if unknown:
        raise ValueError(f"unknown curve {unknown[0]!r}; expected one of {', '.join(CURVES)}")
    if len(set(value)) > 1:
        raise ValueError(
            "not supported here: Python's TLS takes one curve, no list; expected one, or no such key to allow them all"
        )
    return value


def _sans(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("expected at least one name, or no such key; with none, nobody's certificate would do")
    return value


def _header_text(value: str) -> str:
    if not value.isascii() or not value.isprintable():
        raise ValueError("expected one line of printable ASCII")
    if has_placeholder(value):
        raise ValueError("expected the header's text; variables are not expanded here")
    return value


def _duration(value: object) -> object:
    text = str(value)
    if text.isascii() and text.isdigit():
        seconds = float(text) * 1e-9
    elif re.fullmatch(f"(?:{_PART})+", text, re.ASCII):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, text, re.ASCII))
    else:
        raise ValueError("expected a duration such as 1s or 500ms, or 0 for no limit")
    if seconds >= _LONGEST:
        raise ValueError("expected a duration of at most 292 years")
    return seconds


def _burst(value: int) -> int:
    if not 0 <= value < 2**63:
        raise ValueError("expected a whole number from 0")
    return value


PemPath = Annotated[str, AfterValidator(_file)]
HeaderText = Annotated[str, AfterValidator(_header_text)]
ClientAuth = Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"]
Version = Annotated[Literal["TLS12", "TLS13"], BeforeValidator(_version)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, data: Any) -> Any:
        """Take a key without a value for one that is not there, as Go does."""
        known = {field.alias or name for name, field in cls.model_fields.items()}
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in data.items() if value is not None or key not in known}


class TlsServerConfig(_Model):
    """The section `tls_server_config`. Paths are relative to the file; empty text counts as absent."""

    cert: str = ""
    key: SecretStr = SecretStr("")
    client_ca: str = ""
    cert_file: PemPath = ""
    key_file: PemPath = ""
    client_auth_type: Annotated[ClientAuth, BeforeValidator(_client_auth)] = "NoClientCert"
    client_ca_file: PemPath = ""
    client_allowed_sans: Annotated[tuple[str, ...], AfterValidator(_sans)] | None = None
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"
    cipher_suites: tuple[Annotated[str, AfterValidator(_cipher)], ...] = ()
    prefer_server_cipher_suites: bool = True
    curve_preferences: Annotated[tuple[str, ...], AfterValidator(_curves)] = ()

    def has(self, name: str) -> bool:
        """Return whether there is a PEM of `name`: cert, key or client_ca."""
        return bool(getattr(self, f"{name}_file") or getattr(self, name))

    @property
    def verifies(self) -> bool:
        """Return whether clients' certificates are verified."""
        return self.client_auth_type != "NoClientCert"

    @property
    def files(self) -> tuple[str, ...]:
        """Return all files that it names."""
        return tuple(filter(None, (self.cert_file, self.key_file, self.client_ca_file)))


class HeadersConfig(_Model):
    """The headers that the format allows; empty ones are not sent."""

    strict_transport_security: HeaderText = Field("", alias="Strict-Transport-Security")
    x_content_type_options: Literal["", "nosniff"] = Field("", alias="X-Content-Type-Options")
    x_frame_options: Literal["", "deny", "sameorigin"] = Field("", alias="X-Frame-Options")
    x_xss_protection: HeaderText = Field("", alias="X-XSS-Protection")
    content_security_policy: HeaderText = Field("", alias="Content-Security-Policy")


class HttpServerConfig(_Model):
    """The section `http_server_config`."""

    http2: bool = True
    headers: HeadersConfig = HeadersConfig.model_validate({})


class RateLimit(_Model):
    """The section `rate_limit`: a bucket of `burst` tokens that gets another every `interval` seconds; 0: no limit."""

    interval: Annotated[float, BeforeValidator(_duration)] = 0.0
    burst: Annotated[int, AfterValidator(_burst)] = 0


NO_LIMIT: Final = RateLimit()


class WebFile(_Model):
    """The whole file. An empty section counts as absent."""

    tls_server_config: TlsServerConfig | None = None
    http_server_config: HttpServerConfig = HttpServerConfig()
    basic_auth_users: Mapping[Annotated[str, AfterValidator(_user)], Annotated[SecretStr, AfterValidator(_bcrypt_hash)]] = Field(
        default_factory=dict
    )
    rate_limit: RateLimit = NO_LIMIT
