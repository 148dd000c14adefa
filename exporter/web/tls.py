"""Turn certificates, keys and what else the web config says of TLS into the SSL context of a server."""

import os
import ssl
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any, Final

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


class TlsError(ValueError):
    """What the web config's `key` says cannot be used."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(problem)
        self.key = key


@dataclass(frozen=True, slots=True)
class Pem:
    """Certificates or a private key: in the file at `path`, or, without one, in `text`. `key` is the web config's key."""

    key: str
    path: Path | None
    text: str = ""

    def __str__(self) -> str:
        return str(self.path) if self.path else "the text"

    @contextmanager
    def file(self) -> Iterator[Path]:
        """Yield a readable file that has it: OpenSSL takes no text. A text's file is in memory, never on a disk."""
        if self.path is not None:
            try:
                self.path.read_bytes()
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or error
                raise TlsError(self.key, f"cannot read {self.path}: {reason}") from None
            yield self.path
        elif not hasattr(os, "memfd_create"):
            raise TlsError(self.key, f"only Linux takes it from this file; expected {self.key}_file instead")
        else:
            with os.fdopen(os.memfd_create(self.key), "wb", buffering=0) as file:
                file.write(self.text.encode())
                yield Path(f"/proc/self/fd/{file.fileno()}")


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """What a server's SSL context is made of. Cipher suites (empty: OpenSSL's) and the curve (None: all) have Go's names.

    Without `client_ca`, a client's certificate is verified against the system's authorities.
    """

    cert: Pem
    key: Pem
    client_ca: Pem | None
    verify: ssl.VerifyMode
    oldest: ssl.TLSVersion
    newest: ssl.TLSVersion
    ciphers: Collection[str]
    server_order: bool
    curve: str | None

    @property
    def files(self) -> tuple[Path, ...]:
        """Return all files that it is read from."""
        return tuple(pem.path for pem in (self.cert, self.key, self.client_ca) if pem and pem.path)


def server_context(settings: TlsSettings) -> ssl.SSLContext:
    """Return the SSL context for new connections. Raises TlsError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = settings.oldest, settings.newest
    # TLS 1.2 lets a client repeat the handshake at will, and the server does the expensive half of it
    context.options |= ssl.OP_NO_RENEGOTIATION
    if not settings.server_order:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    _set_ciphers(context, settings.ciphers)
    if settings.curve is not None:
        context.set_ecdh_curve(CURVES[settings.curve])
    with settings.cert.file() as cert, settings.key.file() as key:
        # the certificate alone first, so that an error names the right one
        _load(settings.cert, lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cert))
        _load(settings.key, lambda: context.load_cert_chain(cert, key, password=_no_password))
    if settings.client_ca is not None:
        with settings.client_ca.file() as authorities:
            _load(settings.client_ca, lambda: context.load_verify_locations(authorities))
    elif settings.verify is not ssl.CERT_NONE:
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    context.verify_mode = settings.verify
    return context


def has_allowed_san(certificate: Mapping[str, Any] | None, allowed: Collection[str]) -> bool:
    """Return whether a DNS name, IP or e-mail address or URI of a verified certificate, from getpeercert(), is in `allowed`."""
    names = (certificate or {}).get("subjectAltName", ())
    return any(canonical_san(name) in allowed for kind, name in names if kind in ("DNS", "IP Address", "email", "URI"))


def canonical_san(name: str) -> str:
    """Return an IP address as Go writes it, any other name as it is. OpenSSL writes IPv6 addresses in full."""
    try:
        address = ip_address(name.strip())
    except ValueError:
        return name
    return str((address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address)


def _set_ciphers(context: ssl.SSLContext, names: Collection[str]) -> None:
    older = [CIPHERS[name] for name in names if name in CIPHERS]
    if older:
        for name in older:
            try:
                context.set_ciphers(name)
            except ssl.SSLError:
                raise TlsError("cipher_suites", f"the TLS library of this machine has no {name}") from None
        context.set_ciphers(":".join(older))
    elif names:
        # none but those of TLS 1.3: an older client would find nothing in common
        context.minimum_version = ssl.TLSVersion.TLSv1_3


class _EncryptedKey(Exception):
    pass


def _no_password() -> str:
    # without this callback OpenSSL prompts for one on the terminal
    raise _EncryptedKey


def _load(pem: Pem, load: Callable[[], None]) -> None:
    expected = "private key" if pem.key in ("key", "key_file") else "certificates"
    try:
        load()
    except _EncryptedKey:
        raise TlsError(pem.key, f"{pem} is encrypted; expected a private key without a password") from None
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None)
        if reason == "KEY_VALUES_MISMATCH":
            raise TlsError(pem.key, f"{pem} is not the key of the certificate in cert_file") from None
        if reason in ("CA_MD_TOO_WEAK", "EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL"):
            raise TlsError(pem.key, f"{pem}: too weak: {reason.lower().replace('_', ' ')}") from None
        raise TlsError(pem.key, f"{pem} holds no {expected} in PEM form") from None
