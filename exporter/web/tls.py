"""Certificates and keys from files, as what a TLS server goes by."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


class TlsError(ValueError):
    """A file cannot be used; `key` is the key of the web config that names it."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(problem)
        self.key = key


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the server's chain and key, and the authorities of its clients' certificates."""

    cert: Path
    key: Path
    client_ca: Path | None

    @property
    def all(self) -> tuple[Path, ...]:
        return (self.cert, self.key, *([self.client_ca] if self.client_ca else []))


def server_context(files: TlsFiles, client_certificates: ssl.VerifyMode, oldest: ssl.TLSVersion) -> ssl.SSLContext:
    """A context for connections from now on. Raises TlsError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = oldest
    # in TLS 1.2 a client could make the server do the expensive half of a handshake again and again
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    _readable("cert_file", files.cert)
    _readable("key_file", files.key)
    # each alone first, so that the error names the right one
    _load("cert_file", files.cert, lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(files.cert))
    _load("key_file", files.key, lambda: context.load_cert_chain(files.cert, files.key, password=_no_password))
    if files.client_ca is not None:
        authorities = files.client_ca
        _readable("client_ca_file", authorities)
        _load("client_ca_file", authorities, lambda: context.load_verify_locations(authorities))
    context.verify_mode = client_certificates
    return context


class _EncryptedKey(Exception):
    pass


def _no_password() -> str:
    # OpenSSL would ask for it on the terminal
    raise _EncryptedKey


def _readable(key: str, path: Path) -> None:
    try:
        path.read_bytes()
    except (OSError, ValueError) as error:
        raise TlsError(key, f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from None


def _load(key: str, path: Path, load: Callable[[], None]) -> None:
    expected = "a private key" if key == "key_file" else "certificates"
    try:
        load()
    except _EncryptedKey:
        raise TlsError(key, f"{path} is encrypted; expected a private key without a password") from None
    except (ssl.SSLError, OSError) as error:
        reason = getattr(error, "reason", None)
        if reason == "KEY_VALUES_MISMATCH":
            raise TlsError(key, f"{path} is not the key of the certificate in cert_file") from None
        if reason in ("CA_MD_TOO_WEAK", "EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL"):
            raise TlsError(key, f"{path}: too weak: {reason.lower().replace('_', ' ')}") from None
        raise TlsError(key, f"{path} holds no {expected.removeprefix('a ')} in PEM form") from None
