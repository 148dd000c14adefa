"""Turn certificates, keys and what else the web config says of TLS into the SSL context of a server."""

import os
import ssl
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from exporter.web.webfile import CIPHERS, CURVES, TlsServerConfig

_VERSIONS: Final = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}

_MODES: Final = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}


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


def server_context(tls: TlsServerConfig, base: Path) -> ssl.SSLContext:
    """Return the SSL context for new connections. Its files are relative to `base`. Raises TlsError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    # TLS 1.2 lets a client repeat the handshake at will, and the server does the expensive half of it
    context.options |= ssl.OP_NO_RENEGOTIATION
    if not tls.prefer_server_cipher_suites:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    _set_ciphers(context, tls.cipher_suites)
    if tls.curve_preferences:
        context.set_ecdh_curve(CURVES[tls.curve_preferences[0]])
    cert, key, client_ca = (_pem(tls, name, base) for name in ("cert", "key", "client_ca"))
    with cert.file() as certificates, key.file() as private:
        # the certificate alone first, so that an error names the right one
        _load(cert, lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(certificates))
        _load(key, lambda: context.load_cert_chain(certificates, private, password=_no_password))
    if tls.has("client_ca"):
        with client_ca.file() as authorities:
            _load(client_ca, lambda: context.load_verify_locations(authorities))
    elif tls.verifies:
        context.load_default_certs(ssl.Purpose.CLIENT_AUTH)
    context.verify_mode = _MODES[tls.client_auth_type]
    return context


def _pem(tls: TlsServerConfig, name: str, base: Path) -> Pem:
    path, text = getattr(tls, f"{name}_file"), getattr(tls, name)
    if path:
        return Pem(f"{name}_file", base / path)
    return Pem(name, None, text.get_secret_value() if isinstance(text, SecretStr) else text)


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
